"""Entropy coding of whole numbers by a range coder with static tables of frequencies."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from importlib import import_module
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError, SettingError

Numbers = NDArray[np.int32]
_WORD = np.dtype("<u4")  # of the coder
_TABLE = np.dtype("<i4")


def pack(groups: Sequence[Numbers]) -> bytes:
    """Arrays of whole numbers as bytes, each array by a table of its own frequencies.

    A number v that is found n_v times among the N of its array takes about -log2(n_v / N) bits.
    Before the coded numbers stand the tables: distinct values and their counts, deflated.

    Parameters
    ----------
    groups
        Arrays ``(N_g,)`` of int32.
    """
    tables = [np.unique(group, return_counts=True) for group in groups]
    places = [
        np.searchsorted(values, group) for group, (values, _) in zip(groups, tables, strict=True)
    ]
    steps = [np.diff(values, prepend=values.dtype.type(0)) for values, _ in tables]
    numbers = np.concatenate(
        [[len(values) for values, _ in tables], *steps, *(counts for _, counts in tables)]
    )
    # Bytes of one rank lie together: the high ones are mostly zeros.
    planes = numbers.astype(_TABLE).view(np.uint8).reshape(-1, _TABLE.itemsize).T
    header = zlib.compress(planes.tobytes(), 9)
    sizes = np.array([len(numbers), len(header)], _WORD).tobytes()
    return sizes + header + encode(places, [counts for _, counts in tables])


def unpack(content: bytes, sizes: Sequence[int]) -> list[Numbers]:
    """The arrays of `sizes` numbers that `pack` was given.

    Raises
    ------
    DataError
        If the bytes are not those of such arrays.
    """
    count, length = np.frombuffer(content[: 2 * _WORD.itemsize].ljust(8, b"\0"), _WORD).tolist()
    if count > len(sizes) + 2 * sum(sizes):
        raise _foreign()
    start, wanted = 2 * _WORD.itemsize, count * _TABLE.itemsize
    try:
        planes = zlib.decompressobj().decompress(content[start : start + length], wanted + 1)
    except zlib.error:
        raise _foreign() from None
    if len(planes) != wanted or count < len(sizes):
        raise _foreign()
    table = np.frombuffer(planes, np.uint8).reshape(_TABLE.itemsize, -1).T.copy().view(_TABLE)[:, 0]
    lengths, rest = table[: len(sizes)], table[len(sizes) :].astype(np.int32)
    if (lengths < 0).any() or 2 * int(lengths.sum(dtype=np.int64)) != len(rest):
        raise _foreign()
    parts = list(_parts(rest, [*lengths.tolist(), *lengths.tolist()]))
    values = [np.cumsum(steps, dtype=np.int32) for steps in parts[: len(sizes)]]
    counts = parts[len(sizes) :]
    if any((n < 1).any() or n.sum() != size for n, size in zip(counts, sizes, strict=True)):
        raise _foreign()
    places = decode(content[start + length :], counts, sizes)
    return [value[place] for value, place in zip(values, places, strict=True)]


def encode(groups: Sequence[NDArray[Any]], frequencies: Sequence[NDArray[Any]]) -> bytes:
    """Numbers ``0 ... K_g - 1`` of each array coded by its ``(K_g,)`` whole frequencies."""
    coder = _constriction().queue.RangeEncoder()
    for group, table in zip(groups, frequencies, strict=True):
        if len(table) > 1:  # else there is nothing to tell
            coder.encode(group.astype(np.int32), _categorical(table))
    words: NDArray[np.uint32] = coder.get_compressed()
    return words.astype(_WORD).tobytes()


def decode(
    content: bytes, frequencies: Sequence[NDArray[Any]], sizes: Sequence[int]
) -> list[Numbers]:
    """The arrays of `sizes` numbers that `encode` was given."""
    if len(content) % _WORD.itemsize:
        raise _foreign()
    coder = _constriction().queue.RangeDecoder(np.frombuffer(content, _WORD).astype(np.uint32))
    try:
        return [
            coder.decode(_categorical(table), size) if len(table) > 1 else np.zeros(size, np.int32)
            for table, size in zip(frequencies, sizes, strict=True)
        ]
    except AssertionError:  # what the coder raises for bytes that no encoder writes
        raise _foreign() from None


def _parts(numbers: Numbers, lengths: Sequence[int]) -> Iterator[Numbers]:
    return (numbers[a:b] for a, b in pairwise(accumulate(lengths, initial=0)))


def _categorical(frequencies: NDArray[Any]) -> Any:
    # Fixed in full: the file's bits depend on it.
    return _constriction().model.Categorical(
        frequencies.astype(np.float64), lazy=False, perfect=False
    )


def _constriction() -> Any:
    try:
        return import_module("constriction").stream
    except ImportError:
        raise SettingError(
            "Compression needs the library constriction; run pip install 'isthmus[codec]'."
        ) from None


def _foreign() -> DataError:
    return DataError("The coded numbers are not as Isthmus writes them; compress the data again.")
