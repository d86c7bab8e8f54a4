from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from isthmus.core.errors import DataError, SettingError
from isthmus.data import limits, read


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64", "int32"])
def test_npy_stays_on_the_disk(tmp_path: Path, dtype: str) -> None:
    values = np.arange(24).reshape(2, 3, 4).astype(dtype)
    np.save(tmp_path / "x.npy", values)
    data = read(tmp_path / "x.npy")
    assert isinstance(data.samples, np.memmap)
    np.testing.assert_array_equal(data.samples, values)
    assert data.samples.dtype == dtype


@pytest.mark.parametrize(
    ("shape", "axes", "expected"),
    [
        ((2, 5), None, (2, 5)),
        ((2, 3, 6, 5), None, (2, 3, 6, 5)),
        ((2, 6, 5, 3), (0, 3, 1, 2), (2, 3, 6, 5)),
        ((2, 1, 6, 5), None, (2, 6, 5)),
        ((2, 6, 5, 1), None, (2, 6, 5)),
        ((2, 4, 6, 5), None, (2, 4, 6, 5)),
    ],
)
def test_axes(
    tmp_path: Path,
    shape: tuple[int, ...],
    axes: tuple[int, ...] | None,
    expected: tuple[int, ...],
) -> None:
    values = np.arange(np.prod(shape)).reshape(shape)
    np.save(tmp_path / "x.npy", values)
    samples = read(tmp_path / "x.npy").samples
    np.testing.assert_array_equal(
        samples, values.transpose(axes or range(values.ndim)).reshape(expected)
    )
    assert isinstance(samples, np.memmap)


def test_truth_values_become_0_and_1(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.eye(3, dtype=bool)[None])
    data = read(tmp_path / "x.npy")
    assert data.samples.dtype == np.uint8
    assert data.value_range == (0, 1)
    np.testing.assert_array_equal(data.samples[0], np.eye(3))


@pytest.mark.parametrize(
    "labels", [np.array([5, -1, 5]), np.array([[5.0], [-1.0], [5.0]]), np.array(["b", "a", "b"])]
)
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz(tmp_path: Path, labels: np.ndarray, save: object) -> None:
    values = np.arange(6.0).reshape(3, 2)
    save(tmp_path / "x.npz", X=values, y=labels, other=np.zeros(1))  # type: ignore[operator]  # a function
    data = read(tmp_path / "x.npz")
    np.testing.assert_array_equal(data.samples, values)
    assert data.labels is not None
    assert data.labels.tolist() == [1, 0, 1]


def test_npz_without_labels(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", X=np.zeros((3, 2)))
    assert read(tmp_path / "x.npz").labels is None


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros(3), r"shape \(3,\); give a table"),
        (np.zeros((1, 2, 3, 4, 5)), r"shape \(1, 2, 3, 4, 5\)"),
        (np.zeros((0, 3)), "at least one sample"),
        (np.zeros((2, 2), complex), "values of type complex128"),
        (np.array([["a"]]), "values of type <U1; save numbers"),
        (np.array([[1, np.nan], [np.inf, 1]]), r"holds nan at position \(0, 1\)"),
        (np.array([[None]]), "holds Python objects, which are never loaded"),
    ],
)
@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_faults(tmp_path: Path, array: np.ndarray, message: str, suffix: str) -> None:
    path = tmp_path / f"x.{suffix}"
    if suffix == "npy":
        np.save(path, array, allow_pickle=True)
    else:
        np.savez(path, X=array, allow_pickle=True)
    with pytest.raises(DataError, match=message) as caught:
        read(path)
    assert str(path) in str(caught.value)


def test_the_first_bad_value_of_a_large_file_is_found(tmp_path: Path) -> None:
    values = np.zeros((40, 1000, 125), np.float32)
    values[37, 5, 7] = np.inf
    np.save(tmp_path / "x.npy", values)
    with pytest.raises(DataError, match=r"holds inf at position \(37, 5, 7\)"):
        read(tmp_path / "x.npy")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": np.zeros(2), "b": np.zeros(2)}, "no array named X; it holds a, b"),
        ({}, "no array named X; it holds nothing"),
        ({"X": np.zeros((2, 2)), "y": np.zeros(3)}, r"y has the shape \(3,\) for 2 samples"),
        ({"X": np.zeros((2, 2)), "y": np.array([0.5, 1])}, "y must hold classes"),
    ],
)
def test_faults_of_npz(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    np.savez(tmp_path / "x.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=message):
        read(tmp_path / "x.npz")


@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_every_cut_is_one_sentence(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x.{suffix}"
    values = np.arange(300.0).reshape(30, 10)
    np.save(path, values) if suffix == "npy" else np.savez_compressed(path, X=values)
    whole = path.read_bytes()
    for length in range(0, len(whole), 37):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match=rf"x\.{suffix} cannot be read"):
            read(path)


def test_a_damaged_member(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", X=np.ones((30, 10)))
    content = bytearray((tmp_path / "x.npz").read_bytes())
    content[600] ^= 255
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"x\.npz cannot be read \(Bad CRC-32"):
        read(tmp_path / "x.npz")


def test_declared_sizes_are_checked_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f8", "fortran_order": False, "shape": (10**9, 10**3)}
    )
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("X.npy", header.getvalue() + b"0" * 80)
    with pytest.raises(DataError, match="its length does not match its header"):
        read(tmp_path / "x.npz")
    np.savez_compressed(tmp_path / "x.npz", X=np.zeros((100, 100)))
    monkeypatch.setattr(limits, "memory_limit", lambda: 70_000)
    with pytest.raises(DataError, match=r"more than the .* memory"):
        read(tmp_path / "x.npz")


def test_settings_of_tables_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((2, 2)))
    with pytest.raises(SettingError, match=r"data\.labels is for tables"):
        read(tmp_path / "x.npy", labels="a")
