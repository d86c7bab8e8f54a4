"""Exact neighbours, against scikit-learn and against sorting all distances."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from isthmus.core.errors import DataError
from isthmus.latent import nearest
from isthmus.latent.nearest import nearest_codes

METRICS = ["euclidean", "cosine"]


def gaussian(count: int, units: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(count, units)).astype(np.float32)


def sorted_distances(codes: Any, queries: Any, k: int, metric: str) -> tuple[Any, Any]:
    """All distances in float64, sorted by distance, then by place."""
    h, q = np.asarray(codes, np.float64), np.asarray(queries, np.float64)
    if metric == "euclidean":
        distances = np.sqrt(np.square(q[:, None] - h).sum(2))
    else:
        norms = np.outer(np.linalg.norm(q, axis=1), np.linalg.norm(h, axis=1))
        distances = 1 - (q @ h.T) / np.where(norms > 0, norms, 1)
    order = np.argsort(distances, 1, kind="stable")[:, :k]
    return order, np.take_along_axis(distances, order, 1)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("shift", [0, 300])
def test_same_neighbours_as_scikit_learn(metric: Any, shift: float) -> None:
    codes, queries = gaussian(20_000, 12) + shift, gaussian(300, 12, seed=1) + shift
    model = NearestNeighbors(n_neighbors=7, algorithm="brute", metric=metric)
    model.fit(codes.astype(np.float64))
    distances, places = model.kneighbors(queries.astype(np.float64))
    found = nearest_codes(codes, queries, 7, metric)
    np.testing.assert_array_equal(found.places, places)
    np.testing.assert_allclose(found.distances, distances, rtol=1e-6, atol=1e-9)


@given(st.data())
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("fast", [True, False])
def test_ties_go_to_the_first(metric: Any, fast: bool, data: st.DataObject) -> None:
    """Codes of small whole numbers, many of which are equal, in blocks of every size."""
    units, count = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 60))
    k = data.draw(st.integers(1, count))
    random = np.random.default_rng(data.draw(st.integers(0, 99)))
    codes, queries = (random.integers(-1, 2, (n, units)).astype(np.float32) for n in (count, 9))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nearest, "_PART", data.draw(st.integers(1, 40)))
        patch.setattr(nearest, "_HELD", data.draw(st.integers(1, 200)))
        patch.setattr(nearest, "_QUERIES", data.draw(st.integers(1, 10)))
        patch.setattr(nearest, "_PAIRS", data.draw(st.integers(1, 50)))
        if not fast:
            patch.setattr(nearest, "_BFLOAT16", ())
        found = nearest_codes(codes, queries, k, metric)
    places, distances = sorted_distances(codes, queries, k, metric)
    np.testing.assert_allclose(found.distances, distances, atol=1e-7)
    if metric == "euclidean":  # squares of whole numbers have no rounding
        np.testing.assert_array_equal(found.places, places)


@pytest.mark.parametrize("scale", [1e-25, 1e-12, 1e-3, 1e4, 1e12])
@pytest.mark.parametrize("metric", METRICS)
def test_any_scale(metric: Any, scale: float) -> None:
    codes, queries = gaussian(5000, 5) * scale, gaussian(20, 5, seed=1) * scale
    found = nearest_codes(codes, queries, 4, metric)
    places, distances = sorted_distances(codes, queries, 4, metric)
    np.testing.assert_array_equal(found.places, places)
    np.testing.assert_allclose(
        found.distances, distances, rtol=1e-6, atol=1e-12 * (metric == "cosine")
    )


@pytest.mark.parametrize("metric", METRICS)
def test_distances_that_hardly_differ_are_told_apart(metric: Any) -> None:
    """Far below what low precision can tell."""
    codes = np.ones((3000, 8)) + 1e-6 * np.random.default_rng(0).normal(size=(3000, 8))
    found = nearest_codes(codes, codes[:50], 3, metric)
    places, _ = sorted_distances(codes, codes[:50], 3, metric)
    if metric == "euclidean":
        np.testing.assert_array_equal(found.places, places)
        np.testing.assert_array_equal(found.places[:, 0], np.arange(50))
    assert found.distances[:, 0].max() < 1e-12


def test_memory_mapped_codes_are_read_block_by_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = gaussian(10_000, 6)
    np.save(tmp_path / "codes.npy", codes)
    sizes = []
    convert = nearest._in_float64
    monkeypatch.setattr(nearest, "_HELD", 6 * 3000)
    monkeypatch.setattr(
        nearest, "_in_float64", lambda part, m: sizes.append(len(part)) or convert(part, m)
    )
    mapped = np.load(tmp_path / "codes.npy", mmap_mode="r")
    found = nearest_codes(mapped, codes[:5], 3)
    wanted = sorted_distances(codes, codes[:5], 3, "euclidean")
    assert sizes[-2:] == [3000, 2904]
    assert max(sizes) == 2 * nearest._PART
    np.testing.assert_array_equal(found.places, wanted[0])


@pytest.mark.parametrize(
    ("codes", "queries", "k", "sentence"),
    [
        (np.zeros((4, 2)), np.zeros((1, 3)), 1, "have 3 units, but the codes 2: .*another model"),
        (np.zeros((4, 2)), np.zeros((1, 2)), 5, "5 neighbours .* among 4 codes; choose 1 to 4"),
        (np.zeros((4, 2)), np.zeros((1, 2)), 0, "0 neighbours cannot be found"),
        (np.zeros((0, 2)), np.zeros((1, 2)), 1, r"Codes are \(N, m\)"),
        (np.zeros((4, 2)), np.zeros(2), 1, r"Queries are \(N, m\)"),
        (np.full((4, 2), np.nan), np.zeros((1, 2)), 1, "Codes must be finite"),
        (np.zeros((4, 2)), np.full((1, 2), np.inf), 1, "Codes must be finite"),
    ],
)
def test_unsuited_searches_are_refused(codes: Any, queries: Any, k: int, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        nearest_codes(codes, queries, k)
