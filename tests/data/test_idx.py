from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from isthmus.core.errors import DataError
from isthmus.data import limits, read
from isthmus.data.idx import parse_idx

CODES = {"u1": 8, "i1": 9, ">i2": 11, ">i4": 12, ">f4": 13, ">f8": 14}


def packed(array: np.ndarray) -> bytes:
    code = next(code for name, code in CODES.items() if np.dtype(name) == array.dtype)
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    return header + array.tobytes()


def write_set(folder: Path, *, count: int = 5, suffix: str = ".gz") -> np.ndarray:
    images = np.arange((count + 2) * 4, dtype=np.uint8).reshape(-1, 2, 2)
    labels = (np.arange(count + 2) % 3).astype(np.uint8)
    for name, part in (("train", slice(count)), ("t10k", slice(count, None))):
        for kind, values in (("images-idx3", images), ("labels-idx1", labels)):
            content = packed(values[part])
            path = folder / f"{name}-{kind}-ubyte{suffix}"
            path.write_bytes(gzip.compress(content) if suffix else content)
    return images


@given(
    array=st.sampled_from(sorted(CODES)).flatmap(
        lambda name: hnp.arrays(name, hnp.array_shapes(min_dims=1, max_dims=4, max_side=4))
    ),
    zipped=st.booleans(),
)
def test_round_trip(
    tmp_path_factory: pytest.TempPathFactory, array: np.ndarray, zipped: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "x.idx"
    path.write_bytes(gzip.compress(packed(array)) if zipped else packed(array))
    parsed = parse_idx(path)
    assert parsed.dtype == array.dtype.newbyteorder("=")
    np.testing.assert_array_equal(parsed, array)


@given(content=st.binary(max_size=60), zipped=st.booleans(), magic=st.booleans())
def test_any_bytes_are_an_array_or_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, zipped: bool, magic: bool
) -> None:
    content = (b"\0\0\x08\x02" if magic else b"") + content
    path = tmp_path_factory.getbasetemp() / "x.idx"
    path.write_bytes(gzip.compress(content) if zipped else content)
    message = str(path)
    try:
        parse_idx(path)
    except DataError as error:
        message = str(error)
    assert str(path) in message


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_folder_and_a_pair(tmp_path: Path, suffix: str) -> None:
    images = write_set(tmp_path, suffix=suffix)
    data = read(tmp_path)
    np.testing.assert_array_equal(data.samples, images)
    assert data.labels is not None
    assert data.predefined_test is not None
    assert data.labels.tolist() == [0, 1, 2, 0, 1, 2, 0]
    assert data.predefined_test.tolist() == [False] * 5 + [True] * 2
    assert data.class_names == ("0", "1", "2")
    pair = read(tmp_path / f"t10k-images-idx3-ubyte{suffix}")
    np.testing.assert_array_equal(pair.samples, images[5:])
    assert pair.class_names == ("0", "2")


def test_images_without_labels(tmp_path: Path) -> None:
    (tmp_path / "x.idx").write_bytes(packed(np.zeros((2, 3, 3), np.uint8)))
    assert read(tmp_path / "x.idx").labels is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not an idx file"),
        (b"\x89PNG....", "is not an idx file"),
        (b"\0\0\x07\x01\0\0\0\x01", "is not an idx file"),
        (b"\0\0\x08\x05" + b"\0\0\0\x01" * 5, "is not an idx file"),
        (b"\0\0\x08\x03\0\0", "cut short within its header"),
        (b"\0\0\x08\x02\0\0\0\0\0\0\0\x01", "empty shape"),
        (b"\0\0\x08\x01\0\0\0\x03ab", "declares the shape .3,., 3 bytes, but holds fewer"),
        (b"\0\0\x08\x01\0\0\0\x03abcd", "but holds more"),
        (b"\0\0\x08\x04" + b"\xff" * 17, "but holds fewer"),
        (b"\0\0\x08\x01\0\0\0\x03abc", "holds single numbers, such as labels"),
        (packed(np.array([[1, np.nan]], ">f4")), r"holds nan at position \(0, 1\)"),
    ],
)
@pytest.mark.parametrize("zipped", [False, True])
def test_faults(tmp_path: Path, content: bytes, message: str, zipped: bool) -> None:
    path = tmp_path / "x.idx"
    path.write_bytes(gzip.compress(content) if zipped else content)
    with pytest.raises(DataError, match=message) as caught:
        read(path)
    assert "x.idx" in str(caught.value)


def test_damaged_gzip(tmp_path: Path) -> None:
    content = gzip.compress(packed(np.zeros((9, 9), np.uint8)))
    for damaged in (content[:-9], content[:-6] + b"000000", content[:12] + b"\xff" * 9):
        (tmp_path / "x.idx.gz").write_bytes(damaged)
        with pytest.raises(DataError, match=r"x\.idx\.gz .* get it again"):
            read(tmp_path / "x.idx.gz")


def test_a_gzip_bomb_is_refused_by_its_header(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x.idx.gz").write_bytes(gzip.compress(packed(np.zeros((900, 900), np.uint8))))
    monkeypatch.setattr(limits, "memory_limit", lambda: 10_000)
    with pytest.raises(DataError, match=r"more than the .* memory"):
        read(tmp_path / "x.idx.gz")


def test_parts_that_do_not_fit(tmp_path: Path) -> None:
    write_set(tmp_path, suffix="")
    labels = tmp_path / "train-labels-idx1-ubyte"
    labels.write_bytes(packed(np.zeros(4, np.uint8)))
    with pytest.raises(DataError, match=r"one label for each image"):
        read(tmp_path)
    write_set(tmp_path, suffix="")
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(packed(np.zeros((2, 3, 3), np.uint8)))
    with pytest.raises(DataError, match="use files of one set"):
        read(tmp_path)
