"""Tensors of the protocol: names of their types, and how they are read and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError

Array = NDArray[Any]
Outputs = Mapping[str, Array]  # by the name of the tensor, a row for each sample

DATATYPES: dict[str, type[np.generic]] = {
    "BOOL": np.bool_,
    "UINT8": np.uint8,
    "UINT16": np.uint16,
    "UINT32": np.uint32,
    "UINT64": np.uint64,
    "INT8": np.int8,
    "INT16": np.int16,
    "INT32": np.int32,
    "INT64": np.int64,
    "FP16": np.float16,
    "FP32": np.float32,
    "FP64": np.float64,
}
_ANY = -1  # an axis of any length
_SIDE, _READABLE = 16, 1024  # of an example: such an axis, and the most values
_NUMBERS = ({int}, {float}, {int, float})


@dataclass(frozen=True)
class Tensor:
    """What a model takes or gives: the first axis of `shape` counts samples, -1 is any length."""

    name: str
    datatype: str
    shape: tuple[int, ...]

    def example(self) -> Array | None:
        """One sample of zeros; ``None`` if it were too long to be read by people."""
        array = np.zeros([1, *(_SIDE if length == _ANY else length for length in self.shape[1:])])
        return array if array.size <= _READABLE else None

    def fitted(self, array: Array) -> Array:
        """An array as this tensor.

        Raises
        ------
        DataError
            If its shape does not fit, or values are not finite or not of the type.
        """
        shape, wanted = array.shape, self.shape
        fits = len(shape) == len(wanted) and all(
            own == asked or asked == _ANY for own, asked in zip(shape, wanted, strict=True)
        )
        if not fits:
            raise DataError(
                f"'{self.name}' has the shape {list(shape)}, but {list(wanted)} is needed, where -1"
                " stands for any length."
            )
        if not array.size:
            raise DataError(f"'{self.name}' holds no samples; send one at least.")
        return _of_type(array, self)


def _of_type(array: Array, tensor: Tensor) -> Array:
    kind = np.dtype(DATATYPES[tensor.datatype])
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise DataError(f"'{tensor.name}' holds values that are not finite; send finite numbers.")
    if array.dtype == kind:
        return array
    with np.errstate(over="ignore", invalid="ignore"):
        cast = array.astype(kind)
    fits = np.isfinite(cast).all() if kind.kind == "f" else (cast == array).all()
    if not fits:
        raise DataError(
            f"'{tensor.name}' holds values that no {tensor.datatype} can be; send values of that"
            " type."
        )
    return np.asarray(cast)


def read_binary(content: bytes, datatype: str, shape: Sequence[int], name: str) -> Array:
    """The array of little-endian bytes.

    Raises
    ------
    DataError
        If there are more or fewer than the shape says.
    """
    kind = np.dtype(DATATYPES[datatype]).newbyteorder("<")
    wanted = _count(shape) * kind.itemsize
    if len(content) != wanted:
        raise DataError(
            f"'{name}' has {len(content)} bytes, but {datatype} of shape {list(shape)} has"
            f" {wanted}; send as many."
        )
    return np.frombuffer(content, kind).reshape(shape).astype(kind.newbyteorder("="), copy=False)


def read_data(data: Any, datatype: str, shape: Sequence[int], name: str) -> Array:
    """The array of a flat or nested JSON list.

    Raises
    ------
    DataError
        If it holds other than numbers (truth values for BOOL) or another count than the shape says.
    """
    array = array_of(data, name, truth=datatype == "BOOL")
    if array.size != _count(shape) or array.shape not in ((array.size,), tuple(shape)):
        raise DataError(
            f"'{name}' holds data of shape {list(array.shape)}, but its shape is said to be"
            f" {list(shape)}; send as many numbers, flat or nested like that."
        )
    declared = Tensor(name, datatype, tuple(shape))
    return _of_type(array.reshape(shape), declared)


def array_of(data: Any, name: str, *, truth: bool = False) -> Array:
    """The array of a nested JSON list of numbers, or of truth values.

    Raises
    ------
    DataError
        If it holds anything else, or is ragged.
    """
    shape: list[int] = []
    level = data
    while isinstance(level, list):
        shape.append(len(level) if not shape else len(level) // _count(shape))
        if not level or not isinstance(level[0], list):
            break
        lengths = {len(one) if isinstance(one, list) else -1 for one in level}
        if len(lengths) > 1:
            raise DataError(f"'{name}' is ragged; send lists of equal lengths.")
        if lengths == {0}:
            shape.append(0)
            level = []
            break
        level = list(chain.from_iterable(level))
    kinds = set(map(type, level)) if isinstance(level, list) else {type(level)}
    if kinds and (kinds != {bool} if truth else kinds not in _NUMBERS):
        what = "truth values" if truth else "numbers"
        raise DataError(f"'{name}' must hold nested lists of {what} alone.")
    try:
        return np.array(level, np.bool_ if truth else np.float64).reshape(shape)
    except OverflowError:
        raise DataError(f"'{name}' holds numbers that are too large; send smaller ones.") from None


def _count(shape: Sequence[int]) -> int:
    count = 1  # of Python's integers, which do not overflow
    for length in shape:
        count *= length
    return count
