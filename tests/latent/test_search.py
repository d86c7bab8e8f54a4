"""The folder of an index."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from isthmus.core.errors import IsthmusError, ModelFileError, SettingError
from isthmus.latent.nearest import nearest_codes
from isthmus.latent.search import CodeIndex, Origin

ORIGIN = Origin(model="m", model_fingerprint="1", source="s", source_fingerprint="2")
CODES = np.random.default_rng(0).normal(size=(600, 5)).astype(np.float32)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_a_saved_index_answers_as_before(tmp_path: Path, metric: Any) -> None:
    made = CodeIndex.build(CODES, ORIGIN, metric=metric)
    made.save(tmp_path / "index")
    opened = CodeIndex.load(tmp_path / "index")
    assert isinstance(opened.codes, np.memmap)
    assert (opened.metric, opened.origin, opened.recall) == (metric, ORIGIN, None)
    found, wanted = opened.search(CODES[:9], 4), nearest_codes(CODES, CODES[:9], 4, metric)
    np.testing.assert_array_equal(found.places, wanted.places)
    np.testing.assert_array_equal(found.distances, wanted.distances)
    made.save(tmp_path / "index")  # in place of the old one
    assert [path.name for path in tmp_path.iterdir()] == ["index"]


def test_other_folders_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(SettingError, match="exists and is not an index"):
        CodeIndex.build(CODES, ORIGIN).save(tmp_path / "mine")
    with pytest.raises(ModelFileError, match=r"is not an index \(index.json is missing\)"):
        CodeIndex.load(tmp_path / "mine")


def other_codes(folder: Path) -> None:
    np.save(folder / "codes.npy", CODES[::-1])


def fewer_codes(folder: Path) -> None:
    np.save(folder / "codes.npy", CODES[1:])


def no_codes(folder: Path) -> None:
    (folder / "codes.npy").unlink()


def cut_codes(folder: Path) -> None:
    (folder / "codes.npy").write_bytes((folder / "codes.npy").read_bytes()[:99])


def no_json(folder: Path) -> None:
    (folder / "index.json").write_text("{")


def strange_metric(folder: Path) -> None:
    document = json.loads((folder / "index.json").read_text())
    (folder / "index.json").write_text(json.dumps({**document, "metric": "taxi"}))


@pytest.mark.parametrize(
    "damage", [other_codes, fewer_codes, no_codes, cut_codes, no_json, strange_metric]
)
def test_damage_is_one_sentence(tmp_path: Path, damage: Any) -> None:
    folder = tmp_path / "index"
    CodeIndex.build(CODES, ORIGIN).save(folder)
    damage(folder)
    with pytest.raises(ModelFileError, match=r"Make it again by `isthmus index`\.$") as caught:
        CodeIndex.load(folder)
    assert "\n" not in str(caught.value)


def test_usearch_is_only_wanted_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "usearch.index", None)
    with pytest.raises(SettingError, match=r"needs the package usearch: pip install"):
        CodeIndex.build(CODES, ORIGIN, approximate=True)


class FakeGraph:
    """What is used of usearch, exact but for every other query, of which it finds the first."""

    def __init__(self, *, ndim: int, metric: str) -> None:
        self.ndim, self.metric = ndim, {"l2sq": "euclidean", "cos": "cosine"}[metric]

    def add(self, keys: Any, codes: Any) -> None:
        assert list(keys) == list(range(len(codes)))
        self.codes = codes

    def search(self, queries: Any, k: int) -> Any:
        places, distances = nearest_codes(self.codes, queries, k, self.metric)
        places[::2, 1:] = len(self.codes) + 1
        squared = distances**2 if self.metric == "euclidean" else distances
        return types.SimpleNamespace(keys=places.astype(np.uint64), distances=squared)

    def save(self, path: str) -> None:
        with Path(path).open("wb") as file:
            np.save(file, self.codes)

    def load(self, path: str) -> None:
        self.codes = np.load(path)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_an_approximate_index_tells_its_recall(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, metric: Any
) -> None:
    monkeypatch.setitem(sys.modules, "usearch.index", types.SimpleNamespace(Index=FakeGraph))
    made = CodeIndex.build(CODES, ORIGIN, metric=metric, approximate=True)
    assert made.recall == pytest.approx(0.5 + 0.5 * 0.1)
    made.save(tmp_path / "index")
    opened = CodeIndex.load(tmp_path / "index")
    assert opened.recall == made.recall
    found, wanted = opened.search(CODES[:2], 3), nearest_codes(CODES, CODES[:2], 3, metric)
    np.testing.assert_array_equal(found.places[1], wanted.places[1])
    np.testing.assert_allclose(found.distances, wanted.distances, rtol=1e-6, atol=1e-12)
    with pytest.raises(IsthmusError, match="neighbours cannot be found"):
        opened.search(CODES[:2], 601)


def test_the_real_usearch_finds_nearly_all(tmp_path: Path) -> None:
    pytest.importorskip("usearch.index")
    made = CodeIndex.build(CODES, ORIGIN, approximate=True)
    assert made.recall is not None
    assert made.recall > 0.9
    made.save(tmp_path / "index")
    found = CodeIndex.load(tmp_path / "index").search(CODES[:20], 1)
    np.testing.assert_array_equal(found.places[:, 0], np.arange(20))
    np.testing.assert_allclose(found.distances, 0, atol=1e-3)
