"""What single ways to cluster codes do, and medoids; `tests/contracts` holds what all keep to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs

from isthmus.core.errors import DataError, SettingError
from isthmus.latent import cluster
from isthmus.latent.cluster import CLUSTERERS, medoids


def test_batches_from_the_disk_find_what_kmeans_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = np.random.default_rng(0).normal(size=(6000, 4)).astype(np.float32)
    np.save(tmp_path / "codes.npy", codes)
    monkeypatch.setattr(cluster, "_BATCH", 512)
    mapped = np.load(tmp_path / "codes.npy", mmap_mode="r")
    found = CLUSTERERS.build({"kind": "mini_batch_kmeans", "clusters": 4})(mapped)

    def scatter(clusters: Any) -> float:
        return sum(
            np.square(codes[clusters == c] - codes[clusters == c].mean(0)).sum() for c in range(4)
        )

    best = KMeans(4, n_init=10, random_state=0).fit(codes)
    assert scatter(found) < 1.02 * best.inertia_


@pytest.mark.parametrize("batch", [7, 4096])
def test_medoids_have_the_least_distances(batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_BATCH", batch)
    codes, labels = make_blobs(200, 3, centers=4, cluster_std=0.4, random_state=3)
    codes = codes.astype(np.float32)
    labels[:20] = -1
    found = medoids(codes, labels, members=5)
    assert list(found) == [0, 1, 2, 3]
    for label, places in found.items():
        assert len(places) == 5
        assert (labels[places] == label).all()
        own = codes[labels == label].astype(np.float64)
        sums = np.square(own[:, None] - own).sum((1, 2))
        np.testing.assert_allclose(codes[places[0]], own[sums.argmin()])


def test_unsuited_settings_are_refused() -> None:
    with pytest.raises(SettingError, match=r"clusters: .*greater than 0"):
        CLUSTERERS.build({"kind": "kmeans", "clusters": 0})
    with pytest.raises(SettingError, match="unknown key 'clusters'"):
        CLUSTERERS.build({"kind": "hdbscan", "clusters": 3})
    with pytest.raises(DataError, match="cannot form a cluster of 50"):
        CLUSTERERS.build("hdbscan")(np.zeros((20, 2)))
