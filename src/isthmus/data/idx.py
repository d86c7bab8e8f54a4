"""idx files, the format of MNIST: a big-endian header, then the numbers; plain or gzipped."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError
from isthmus.data.dataset import DataSet, encode_labels
from isthmus.data.limits import check_memory

_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_GZIP_START = b"\x1f\x8b"
_MAX_GZIP_RATIO = 1100  # deflate cannot pack tighter than 1032 to 1
_PAIRS = (
    ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
)


def is_idx(path: Path) -> bool:
    """Whether the name is that of an idx file, such as ``train-images-idx3-ubyte.gz``."""
    name = path.name.removesuffix(".gz")
    return name.endswith((".idx", "-ubyte"))


def is_idx_folder(folder: Path) -> bool:
    """Whether the folder holds the four standard files of a set like MNIST."""
    return all(_present(folder / name) is not None for pair in _PAIRS for name in pair)


def read_idx_folder(folder: Path) -> DataSet:
    """Read the four standard files as one data set with a predefined test part.

    Raises
    ------
    DataError
        If a file is damaged, or images and labels do not fit together.
    """
    parts = [
        _read_pair(_existing(folder / images), _existing(folder / labels))
        for images, labels in _PAIRS
    ]
    (images, labels), (test_images, test_labels) = parts
    if images.shape[1:] != test_images.shape[1:] or images.dtype != test_images.dtype:
        raise DataError(
            f"{folder}: the training images are {images.dtype} of shape {images.shape[1:]}, the"
            f" test images {test_images.dtype} of shape {test_images.shape[1:]}; use files of one"
            " set."
        )
    numbers, class_names = encode_labels(np.concatenate([labels, test_labels]))
    return DataSet(
        folder.resolve().name,
        np.concatenate([images, test_images]),
        labels=numbers,
        class_names=class_names,
        predefined_test=np.arange(len(images) + len(test_images)) >= len(images),
    )


def read_idx(path: Path) -> DataSet:
    """Read an idx file of samples; ``...-labels-idx1-...`` beside ``...-images-idx3-...`` is used.

    Raises
    ------
    DataError
        If a file is damaged, holds labels only, or images and labels do not fit together.
    """
    name = path.name.removesuffix(".gz")
    partner = _present(path.with_name(name.replace("images-idx3", "labels-idx1")))
    if "images-idx3" in name and partner is not None:
        images, labels = _read_pair(path, partner)
        numbers, class_names = encode_labels(labels)
        return DataSet(name, images, labels=numbers, class_names=class_names)
    samples = parse_idx(path)
    if samples.ndim < 2:
        raise DataError(f"{path} holds single numbers, such as labels; name the images file.")
    return DataSet(name, samples)


def parse_idx(path: Path) -> NDArray[Any]:
    """Array of one idx file, in the byte order of the machine.

    The size that the header declares is compared with the length of the file before memory is
    taken.

    Raises
    ------
    DataError
        If the file is no idx file, is cut short, has surplus bytes or is too large.
    """
    try:
        with path.open("rb") as file:
            length = path.stat().st_size
            packed = file.read(2) == _GZIP_START
            file.seek(0)
            if not packed:
                return _parse(file, path, most=length)
            with gzip.open(file) as unpacked:
                return _parse(unpacked, path, most=length * _MAX_GZIP_RATIO)
    except (OSError, EOFError, zlib.error) as error:  # BadGzipFile is an OSError
        raise DataError(
            f"{path} cannot be read ({error}); it is damaged or cut short: get it again."
        ) from error


def _parse(file: IO[bytes] | gzip.GzipFile, path: Path, most: int) -> NDArray[Any]:
    start = file.read(4)
    if len(start) < 4 or start[:2] != b"\0\0" or start[2] not in _TYPES or not 1 <= start[3] <= 4:
        raise DataError(
            f"{path} is not an idx file (it starts with {start.hex(' ') or 'nothing'});"
            " get it again, or name a file of another format with its own suffix."
        )
    dtype = np.dtype(_TYPES[start[2]])
    header = file.read(4 * start[3])
    if len(header) < 4 * start[3]:
        raise DataError(f"{path} is cut short within its header; get it again.")
    shape = struct.unpack(f">{start[3]}I", header)
    size = math.prod(shape) * dtype.itemsize
    if size == 0:
        raise DataError(f"{path} declares the empty shape {shape}; get it again.")
    if size > most:
        raise _wrong_length(path, shape, size, "fewer")
    check_memory(size, path, "use a part of it")
    content = file.read(size)
    if len(content) < size:
        raise _wrong_length(path, shape, size, "fewer")
    if file.read(1):
        raise _wrong_length(path, shape, size, "more")
    samples = np.frombuffer(content, dtype).reshape(shape)
    return samples.astype(dtype.newbyteorder("="))


def _wrong_length(path: Path, shape: tuple[int, ...], size: int, relation: str) -> DataError:
    return DataError(
        f"{path} declares the shape {shape}, {size} bytes, but holds {relation};"
        " it is damaged: get it again."
    )


def _read_pair(images: Path, labels: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    samples, values = parse_idx(images), parse_idx(labels)
    if samples.ndim < 2 or values.ndim != 1 or len(samples) != len(values):
        raise DataError(
            f"{images} has the shape {samples.shape} and {labels} {values.shape};"
            " they need one label for each image."
        )
    return samples, values


def _present(path: Path) -> Path | None:
    """The file, or the file with ``.gz``, if one of them is there."""
    for candidate in (path, path.with_name(path.name + ".gz")):
        if candidate.is_file():
            return candidate
    return None


def _existing(path: Path) -> Path:
    found = _present(path)
    if found is None:
        raise DataError(f"{path} is missing, with or without .gz; get the whole set again.")
    return found
