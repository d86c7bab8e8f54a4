"""Clusters of codes that lie on the disk."""

from __future__ import annotations

import errno
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from isthmus import Autoencoder, load
from isthmus.core.errors import StorageError
from isthmus.recipes import apply
from isthmus.recipes.apply import codes_of
from isthmus.recipes.cluster import cluster_file

ROWS, UNITS = 5000, 256


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, and the same rows in files that are read into the memory and that are not."""
    folder = tmp_path_factory.mktemp("rows")
    rows = np.random.default_rng(0).normal(size=(ROWS, 4))
    rows += 5 * np.arange(ROWS)[:, None] % 15
    np.save(folder / "x.npy", rows)
    np.savez(folder / "x.npz", X=rows)
    network = {"kind": "dense", "hidden_sizes": []}
    Autoencoder(network=network, code_size=UNITS, epochs=0, random_state=0).fit(rows).save(
        folder / "model"
    )
    return folder


def test_codes_of_samples_on_the_disk_are_on_the_disk(folder: Path) -> None:
    model, rows = load(folder / "model"), np.load(folder / "x.npy", mmap_mode="r")
    tracemalloc.start()
    codes = codes_of(model, rows)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(codes, np.memmap)
    assert peak < 0.75 * codes.nbytes
    in_memory = codes_of(model, np.array(rows))
    assert not isinstance(in_memory, np.memmap)
    np.testing.assert_array_equal(codes, in_memory)


@pytest.mark.parametrize("kind", ["kmeans", "mini_batch_kmeans"])
def test_clusters_are_the_same_on_the_disk_and_in_the_memory(folder: Path, kind: str) -> None:
    mapped, held = (
        cluster_file(folder / "model", str(folder / name), kind, ["clusters=3"])
        for name in ("x.npy", "x.npz")
    )
    assert isinstance(mapped.codes, np.memmap)
    np.testing.assert_array_equal(mapped.clusters, held.clusters)
    assert mapped.scores == held.scores
    for one, other in zip(mapped.profile().values(), held.profile().values(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_full_disk_is_one_sentence(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(apply.tempfile, "TemporaryFile", full)
    with pytest.raises(StorageError, match=r"^The codes cannot be kept in .*No space.*TMPDIR\.$"):
        cluster_file(folder / "model", str(folder / "x.npy"))
