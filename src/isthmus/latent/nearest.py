"""The nearest codes of a query, exactly, whether the codes lie in memory or on the disk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isthmus.core.errors import DataError

Array = NDArray[Any]
Distance = Literal["euclidean", "cosine"]

_QUERIES = 1024  # queries that are compared at once with
_PART = 2048  # so many codes
_HELD = 2**22  # numbers of codes that are held in float64 at once
_PAIRS = 2**16  # pairs that are measured exactly at once
_BFLOAT16 = ("avx512_bf16", "amx_bf16")  # names of what processors can do
_TINY = 1e-28  # what may be lost where float32 has no smaller numbers
_MOST = 1e15  # the squares of greater codes leave the range of float32


class Neighbours(NamedTuple):
    """The k nearest codes of each of Q queries, the nearest first.

    Attributes
    ----------
    places : ndarray of int64, ``(Q, k)``
        Rows of the codes; of equally distant ones the first comes first.
    distances : ndarray of float64, ``(Q, k)``
        ‖h - q‖, or 1 - hᵀq / (‖h‖ ‖q‖) for the cosine distance (1 where one of them is 0).
    """

    places: NDArray[np.int64]
    distances: NDArray[np.float64]


def nearest_codes(
    codes: Array, queries: Array, k: int, metric: Distance = "euclidean"
) -> Neighbours:
    """The k nearest of ``(N, m)`` codes for each of ``(Q, m)`` queries, by comparing all.

    Codes are read once, block by block, so that memory-mapped ones stay on the disk. One matrix
    product in low precision tells which pairs of a block may be among the k nearest in spite of its
    rounding, which is bounded; only those are measured, in float64. So the result is exact.

    Raises
    ------
    DataError
        If codes or queries are not finite ``(., m)`` of one m, or k is not 1 to N.
    """
    check_search(codes, queries, k)
    asked = _in_float64(queries, metric)
    centre = _in_float64(codes[:_PART], metric).mean(0) * (metric == "euclidean")
    places = np.zeros((len(asked), k), np.int64)
    distances = np.full((len(asked), k), np.inf)
    start, stop, most = 0, 2 * _PART, max(_PART, _HELD // codes.shape[1])
    while start < len(codes):
        block = _in_float64(codes[start:stop], metric)
        coarse = _Coarse(block - centre, metric)
        for part in _parts(len(asked), _QUERIES):
            rows, columns = coarse.candidates(asked[part] - centre, distances[part, -1], k)
            found = _measure(block, asked[part], rows, columns, metric)
            places[part], distances[part] = _merge(
                places[part], distances[part], rows, columns + start, found
            )
        # Twice as many as all before: there are few merges then, and few candidates too.
        start, stop = stop, stop + min(2 * stop, most)
    return Neighbours(places, np.sqrt(distances) if metric == "euclidean" else distances)


def check_search(codes: Array, queries: Array, k: int) -> None:
    """Refuse what `nearest_codes` refuses, but for values that are not finite."""
    for name, array in (("Codes", codes), ("Queries", queries)):
        if array.ndim != 2 or not array.size:
            raise DataError(
                f"{name} are (N, m), at least one by one, but have shape {array.shape}."
            )
    if codes.shape[1] != queries.shape[1]:
        raise DataError(
            f"The queries have {queries.shape[1]} units, but the codes {codes.shape[1]}: they are"
            " codes of another model."
        )
    if not 1 <= k <= len(codes):
        raise DataError(
            f"{k} neighbours cannot be found among {len(codes)} codes; choose 1 to {len(codes)}."
        )


def _in_float64(codes: Array, metric: Distance) -> NDArray[np.float64]:
    """Codes, for the cosine distance divided by their length."""
    points = np.asarray(codes, np.float64)
    if not np.abs(points).max() < _MOST:  # so that NaN is refused too
        raise DataError(f"Codes must be finite and below {_MOST:g}, but some are not.")
    if metric == "cosine":
        lengths = np.linalg.norm(points, axis=1, keepdims=True)
        points = points / np.where(lengths > 0, lengths, 1)
    return points


def _parts(count: int, size: int) -> Iterator[slice]:
    return (slice(start, start + size) for start in range(0, count, size))


class _Coarse:
    """Codes in low precision, to tell which pairs may be near.

    The score of a pair is s = d² - t - ε (d for the cosine distance): t is what the k least do not
    exceed, ε the most by which rounding changes s, so that s < 0 tells the candidates. It is one
    product of matrices, (hᵀ, b, b', 1, 1) of the code by (-2 qᵀ, 1, 1, c, c') of the query with
    b = ‖h‖² and c = ‖q‖² - t - ε; b' and c' are what b and c lose by rounding.
    """

    def __init__(self, codes: NDArray[np.float64], metric: Distance) -> None:
        # Where the processor has them, products in bfloat16 are several times faster.
        fast = any(torch.cpu.get_capabilities().get(name) for name in _BFLOAT16)
        self.type, self.bits = (
            (torch.bfloat16, torch.int16) if fast else (torch.float32, torch.int32)
        )
        self.unit = torch.finfo(self.type).eps
        self.factor = 2 if metric == "euclidean" else 1
        squares = np.square(codes).sum(1)
        self.longest, self.lost = float(np.sqrt(squares.max())), float(self._lost(codes).max())
        own = squares if metric == "euclidean" else np.zeros(len(codes))
        ones = torch.ones(len(codes), 2, dtype=self.type)
        self.parts = torch.hstack([self._low(codes), self._split(own), ones]).split(_PART)
        self.scores = torch.empty(_QUERIES * _PART, dtype=self.type)  # stays in the cache

    def candidates(self, asked: Array, limits: Array, k: int) -> tuple[Array, Array]:
        """Query and code of each pair that may be among the k nearest, row by row.

        `limits` are the squared distances (for the cosine distance, the distances) of the k-th
        neighbours so far, or infinite.
        """
        lengths, lost = np.linalg.norm(asked, axis=1), self._lost(asked)
        own = lengths**2 if self.factor == 2 else np.ones(len(asked))
        crossed = self.factor * (lost * self.longest + (lengths + lost) * self.lost)
        most = (lengths + self.longest) ** 2 if self.factor == 2 else np.full(len(asked), 2.0)
        summed = 2.0**-22 * self.parts[0].shape[1] + self.unit**2
        error = crossed + summed * (2 * most + _TINY)
        low = self._low(-self.factor * asked)
        if np.isinf(limits).any():
            limits = most * (1 + 1e-9)
            if k <= len(self.parts[0]):
                scores = self._scores(low, own, self.parts[0]).float().numpy()
                least = np.partition(scores, k - 1)[:, k - 1]
                limits = np.minimum(limits, least + 2 * self.unit * np.abs(least) + error)
        rows, columns = [], []
        for number, part in enumerate(self.parts):
            bits = self._scores(low, own - limits - error, part).view(self.bits).numpy()
            row, column = np.divmod(np.flatnonzero(bits < 0), len(part))
            rows.append(row)
            columns.append(column + number * _PART)
        row, column = np.concatenate(rows), np.concatenate(columns)
        order = row.argsort(kind="stable")
        return row[order], column[order]

    def _scores(self, low: Tensor, own: Array, part: Tensor) -> Tensor:
        left = torch.hstack([low, torch.ones(len(low), 2, dtype=self.type), self._split(own)])
        out = self.scores[: len(low) * len(part)].view(len(low), len(part))
        return torch.mm(left, part.T, out=out)

    def _low(self, values: Array) -> Tensor:
        return torch.from_numpy(values).to(self.type)

    def _lost(self, values: Array) -> NDArray[np.float64]:
        """Length of what vectors lose by rounding."""
        return np.asarray(np.linalg.norm(values - self._low(values).double().numpy(), axis=1))

    def _split(self, values: Array) -> Tensor:
        """Numbers ``(N,)`` as sums of two, ``(N, 2)``."""
        high = self._low(values)
        return torch.stack([high, self._low(values - high.double().numpy())], 1)


def _measure(
    block: Array, asked: Array, rows: Array, columns: Array, metric: Distance
) -> NDArray[np.float64]:
    """Squared distances, or cosine distances, of pairs."""
    parts = [np.zeros(0)]
    for part in _parts(len(rows), _PAIRS):
        codes, queries = block.take(columns[part], 0), asked.take(rows[part], 0)
        if metric == "euclidean":
            codes -= queries
            parts.append(np.einsum("ij,ij->i", codes, codes))
        else:
            parts.append(1 - np.einsum("ij,ij->i", codes, queries))
    return np.concatenate(parts)


def _merge(
    places: Array, distances: Array, rows: Array, new_places: Array, new_distances: Array
) -> tuple[Array, Array]:
    """The k nearest of those found before, ``(Q, k)``, and of new ones of some rows.

    New ones come row by row and have higher places, in order: a stable sort keeps ties so.
    """
    k = places.shape[1]
    counts = np.bincount(rows, minlength=len(places))
    rank = k + np.arange(len(rows)) - np.repeat(counts.cumsum() - counts, counts)
    place = np.zeros((len(places), k + counts.max()), np.int64)
    distance = np.full(place.shape, np.inf)
    place[:, :k], distance[:, :k] = places, distances
    place[rows, rank], distance[rows, rank] = new_places, new_distances
    order = distance.argsort(1, kind="stable")[:, :k]
    return np.take_along_axis(place, order, 1), np.take_along_axis(distance, order, 1)
