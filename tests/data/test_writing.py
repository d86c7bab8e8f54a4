from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from isthmus.core.errors import DataError, SettingError, StorageError
from isthmus.data import (
    read,
    read_pairs,
    write_array,
    write_images,
    write_label_map,
    write_table,
)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(2, 6, 5), (2, 3, 6, 5)])
def test_images_round_trip(tmp_path: Path, dtype: type, shape: tuple[int, ...]) -> None:
    images = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape).astype(dtype)
    write_images(tmp_path / "out", images, ["a.jpg", "deep/b.png"])
    data = read(tmp_path / "out")
    np.testing.assert_array_equal(data.samples, images)
    assert data.samples.dtype == dtype
    assert data.names == ("a.png", "deep/b.png")
    if dtype == np.uint8:
        oracle = np.asarray(Image.open(tmp_path / "out" / "a.png"))
        np.testing.assert_array_equal(
            oracle, np.moveaxis(images[0], 0, -1) if len(shape) == 4 else images[0]
        )


@pytest.mark.parametrize(
    ("images", "names", "message"),
    [
        (np.zeros((1, 2, 2)), ["a"], "type float64 .* cannot be written as PNG"),
        (np.zeros((1, 4, 2, 2), np.uint8), ["a"], r"shape \(1, 4, 2, 2\)"),
        (np.zeros((1, 2, 2), np.uint8), ["a", "b"], "2 names for 1 images"),
        (np.zeros((2, 2, 2), np.uint8), ["a.jpg", "a.png"], r"both become a\.png"),
        (np.zeros((1, 2, 2), np.uint8), ["../a"], "leads out of"),
        (np.zeros((1, 2, 2), np.uint8), ["/a"], "leads out of"),
        (np.zeros((1, 2, 2), np.uint8), [""], "leads out of"),
    ],
)
def test_faults_of_images(
    tmp_path: Path, images: np.ndarray, names: list[str], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        write_images(tmp_path, images, names)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_tables(tmp_path: Path, suffix: str) -> None:
    columns = {"code": np.array([0.1, 1 / 3]), "kind": np.array(["a", "b"]), "n": np.arange(2)}
    path = tmp_path / f"t.{suffix}"
    write_table(path, columns)
    oracle = getattr(pd, f"read_{suffix}")(path)
    pd.testing.assert_frame_equal(oracle, pd.DataFrame(columns), check_dtype=False)
    data = read(path, labels="kind")
    np.testing.assert_array_equal(data.samples[:, 0], columns["code"])


def test_faults_of_tables(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"must end in \.csv or \.parquet"):
        write_table(tmp_path / "t.xls", {"a": np.zeros(2)})
    with pytest.raises(DataError, match="columns of equal length"):
        write_table(tmp_path / "t.csv", {"a": np.zeros(2), "b": np.zeros(3)})
    with pytest.raises(DataError, match="columns of equal length"):
        write_table(tmp_path / "t.csv", {"a": np.zeros((2, 2))})


def test_arrays(tmp_path: Path) -> None:
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    write_array(tmp_path / "deep" / "x.npy", values)
    np.testing.assert_array_equal(read(tmp_path / "deep" / "x.npy").samples, values)
    with pytest.raises(SettingError, match=r"must end in \.npy"):
        write_array(tmp_path / "x.npz", values)
    with pytest.raises(DataError, match="Python objects"):
        write_array(tmp_path / "x.npy", np.array([None]))


def test_a_refusing_disk_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="Cannot write"):
        write_array(tmp_path / "file" / "x.npy", np.zeros(2))


@pytest.mark.parametrize(
    ("name", "highest", "stored"),
    [
        ("x.png", 255, "uint8"),
        ("x.png", 256, "uint16"),
        ("x.tif", 3, "uint8"),
        ("x.TIFF", 65535, "uint16"),
        ("x.tif", 65536, "uint32"),
    ],
)
def test_label_maps(tmp_path: Path, name: str, highest: int, stored: str) -> None:
    labels = np.random.default_rng(0).integers(0, highest + 1, (6, 5))
    labels[0, 0] = highest
    write_label_map(tmp_path / name, labels)
    found = tifffile.imread(tmp_path / name) if "t" in name.lower() else None
    found = np.asarray(Image.open(tmp_path / name)) if found is None else found
    np.testing.assert_array_equal(found, labels)
    assert found.dtype == stored


@given(classes=st.integers(2, 400), seed=st.integers(0, 99), suffix=st.sampled_from(["png", "tif"]))
def test_label_maps_are_read_back(
    tmp_path_factory: pytest.TempPathFactory, classes: int, seed: int, suffix: str
) -> None:
    folder = tmp_path_factory.mktemp("maps")
    labels = np.random.default_rng(seed).permutation(classes * 2).reshape(2, -1) % classes
    write_images(folder / "images", np.zeros((1, *labels.shape), np.uint8), ["a"])
    write_label_map(folder / "masks" / f"a.{suffix}", labels)
    pairs = read_pairs(folder, values={str(label): label for label in range(classes)})
    np.testing.assert_array_equal(pairs.masks[0], labels)


def test_faults_of_label_maps(tmp_path: Path) -> None:
    for labels, message in (
        (np.array([[0, -1]]), "the lowest -1; give ignored pixels a number"),
        (np.zeros((2, 2)), "these are float64"),
        (np.zeros((1, 2, 2), int), r"shape \(1, 2, 2\)"),
        (np.zeros((0, 2), int), r"shape \(0, 2\)"),
        (np.array([[65536]]), r"no room for the label 65536; write \.tif"),
    ):
        with pytest.raises(DataError, match=message):
            write_label_map(tmp_path / "x.png", labels)
    with pytest.raises(SettingError, match=r"must end in \.png, \.tif or \.tiff"):
        write_label_map(tmp_path / "x.jpg", np.zeros((2, 2), int))
    assert list(tmp_path.iterdir()) == []
