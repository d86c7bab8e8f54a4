"""NumPy files: ``.npy``, memory-mapped, and ``.npz`` with `X` and perhaps `y`."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError
from isthmus.data.dataset import DataSet, encode_labels
from isthmus.data.limits import check_memory

ARRAY_SUFFIXES = (".npy", ".npz")
_FORMAT = np.lib.format
_HEADERS = {(1, 0): _FORMAT.read_array_header_1_0, (2, 0): _FORMAT.read_array_header_2_0}


def read_array(path: Path) -> DataSet:
    """Read samples from ``.npy`` (left on the disk) or ``.npz`` (`X`, and class labels in `y`).

    ``(N, D)`` is a table, ``(N, H, W)`` or ``(N, 1, H, W)`` grey images, ``(N, 3, H, W)`` or
    ``(N, H, W, 3)`` colour images. Values that are not finite are found by the caller.

    Raises
    ------
    DataError
        If the file is damaged, holds objects or text, has a shape that is none of these, or
        declares more than the memory.
    """
    if path.suffix.lower() == ".npy":
        return _data_set(path, _open(path))
    names = _check_archive(path)
    archive = _open(path)
    with archive:
        try:
            samples = archive["X"]
            labels = archive["y"] if "y" in names else None
        except Exception as error:  # zipfile, zlib and NumPy each raise their own
            raise _damaged(path, error) from error
    if labels is None:
        return _data_set(path, samples)
    if labels.shape not in ((len(samples),), (len(samples), 1)):
        raise DataError(
            f"{path}: y has the shape {labels.shape} for {len(samples)} samples in X; give one"
            " label for each."
        )
    whole = labels.dtype.kind in "iubU" or (
        labels.dtype.kind == "f" and bool(np.all(labels == np.round(labels)))
    )
    if not whole:
        raise DataError(
            f"{path}: y must hold classes, as whole numbers or text; remove or round it."
        )
    numbers, class_names = encode_labels(labels.ravel())
    return _data_set(path, samples, labels=numbers, class_names=class_names)


def _open(path: Path) -> Any:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # NumPy raises nearly anything on damaged files
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> DataError:
    reason = str(error).split("\n")[0] or "it ends too early"
    if "allow_pickle" in reason or "Python objects" in reason:
        reason = "it holds Python objects, which are never loaded"
    return DataError(f"{path} cannot be read ({reason}); save it again as an array of numbers.")


def _check_archive(path: Path) -> set[str]:
    """Names of the arrays; what X and y declare is checked before they are unpacked."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = {
                info.filename.removesuffix(".npy"): info
                for info in archive.infolist()
                if info.filename.endswith(".npy")
            }
            wanted = [members[name] for name in ("X", "y") if name in members]
            for info in wanted:
                check_memory(info.file_size, path, "use a part of it")
                with archive.open(info) as member:
                    version = _FORMAT.read_magic(member)
                    shape, _, dtype = _HEADERS[version](member)
                    size = math.prod(shape) * dtype.itemsize
                    if size != info.file_size - member.tell() and not dtype.hasobject:
                        raise ValueError("its length does not match its header")
    except DataError:
        raise
    except Exception as error:  # zipfile, zlib and NumPy each raise their own
        raise _damaged(path, error) from error
    if "X" not in members:
        raise DataError(
            f"{path} has no array named X; it holds {', '.join(sorted(members)) or 'nothing'}:"
            " save the samples under X (and class labels under y)."
        )
    return set(members)


def _data_set(path: Path, samples: NDArray[Any], **fields: Any) -> DataSet:
    value_range = None
    if samples.dtype.kind not in "biuf":
        raise DataError(f"{path} holds values of type {samples.dtype}; save numbers.")
    if samples.ndim not in (2, 3, 4) or 0 in samples.shape:
        raise DataError(
            f"{path} has the shape {samples.shape}; give a table (N, D), grey images (N, H, W) or"
            " colour images (N, 3, H, W), with at least one sample."
        )
    if samples.dtype == np.bool_:
        samples, value_range = samples.view(np.uint8), (0.0, 1.0)
    if samples.ndim == 4 and samples.shape[1] not in (1, 3) and samples.shape[3] in (1, 3):
        samples = np.moveaxis(samples, 3, 1)
    if samples.ndim == 4 and samples.shape[1] == 1:
        samples = samples[:, 0]
    return DataSet(path.name, samples, value_range=value_range, **fields)
