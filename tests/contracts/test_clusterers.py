"""What every way to cluster codes keeps to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score

from isthmus.core.errors import DataError
from isthmus.latent.cluster import CLUSTERERS, Clusterer

each = pytest.mark.parametrize("kind", list(CLUSTERERS))


def clusterer(kind: str) -> Clusterer:
    return CLUSTERERS.build({"kind": kind} if kind == "hdbscan" else {"kind": kind, "clusters": 4})


@pytest.fixture
def blobs() -> tuple[NDArray[np.float32], NDArray[Any]]:
    """Codes in four groups, and the group of each."""
    codes, labels = make_blobs(600, 3, centers=4, cluster_std=0.4, random_state=3)
    return codes.astype(np.float32), labels


@each
def test_blobs_are_found_again_and_again(kind: str, blobs: Any) -> None:
    codes, labels = blobs
    before = codes.copy()
    found = clusterer(kind)(codes)
    assert found.shape == (600,)
    assert found.dtype == np.int64
    assert set(found[found >= 0]) == {0, 1, 2, 3}
    assert adjusted_rand_score(labels[found >= 0], found[found >= 0]) > 0.99
    np.testing.assert_array_equal(clusterer(kind)(codes), found)
    np.testing.assert_array_equal(codes, before)


@each
def test_codes_on_the_disk_are_codes(kind: str, blobs: Any, tmp_path: Path) -> None:
    np.save(tmp_path / "codes.npy", blobs[0])
    mapped = np.load(tmp_path / "codes.npy", mmap_mode="r")
    np.testing.assert_array_equal(clusterer(kind)(mapped), clusterer(kind)(blobs[0]))


@each
@pytest.mark.parametrize(
    "codes", [np.zeros((1, 2)), np.zeros(5), np.full((500, 2), np.nan)], ids=["few", "flat", "nan"]
)
def test_unsuited_codes_are_refused(kind: str, codes: Any) -> None:
    with pytest.raises(DataError, match=r"^(Codes|\d)"):
        clusterer(kind)(codes)
