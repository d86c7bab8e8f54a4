"""Problems within the samples themselves, whatever file they came from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.data.chunks import chunks
from isthmus.data.problems import Problem


def nonfinite(samples: NDArray[Any], place: str) -> Iterator[Problem]:
    """The first NaN or infinite value of an array ``(N, ...)``, if there is one."""
    if samples.dtype.kind != "f":
        return
    for start, chunk in chunks(samples):
        bad = ~np.isfinite(chunk)
        if bad.any():
            first = np.unravel_index(int(np.argmax(bad)), bad.shape)
            position = (start + int(first[0]), *(int(index) for index in first[1:]))
            yield Problem(
                place,
                f"{place} holds {chunk[first]} at position {position} (counted from 0), the first"
                " value that is not a finite number; fill such values or remove their samples.",
            )
            return


def repeated_images(images: Iterable[tuple[str, NDArray[Any]]]) -> Iterator[Problem]:
    """Warn of each image that equals an earlier one, and of each whose pixels are all equal."""
    seen: dict[bytes, str] = {}
    for name, pixels in images:
        first = seen.setdefault(_digest(pixels), name)
        if first != name:
            yield Problem(name, f"{name} is an exact copy of {first}; remove one.", fatal=False)
        if (pixels == pixels.flat[0]).all():
            yield Problem(
                name,
                f"{name} is a single flat colour; remove it if it is not meant.",
                fatal=False,
            )


def repeated_samples(samples: NDArray[Any], place: str) -> Iterator[Problem]:
    """Warn once, with a count, of samples ``(N, ...)`` that equal earlier ones."""
    seen: dict[bytes, int] = {}
    repeats: list[tuple[int, int]] = []
    for start, chunk in chunks(samples):
        for index, sample in enumerate(chunk, start):
            first = seen.setdefault(_digest(sample), index)
            if first != index:
                repeats.append((index, first))
    if repeats:
        index, first = repeats[0]
        yield Problem(
            place,
            f"{place}: {len(repeats)} of {len(samples)} samples repeat earlier ones, such as sample"
            f" {index + 1}, which equals sample {first + 1}; remove them if they are not meant.",
            fatal=False,
        )


def constant_columns(
    samples: NDArray[Any], names: tuple[str, ...] | None, place: str
) -> Iterator[Problem]:
    """Warn of each column of a table ``(N, D)`` that holds one value only."""
    low, high = samples[0].copy(), samples[0].copy()
    for _, chunk in chunks(samples):
        low, high = np.minimum(low, chunk.min(0)), np.maximum(high, chunk.max(0))
    for column in np.flatnonzero(low == high):
        name = names[column] if names else str(column)
        yield Problem(
            name,
            f"{place}: the column '{name}' holds only the value {low[column]}; it tells nothing"
            " and can be removed.",
            fatal=False,
        )


def _digest(values: NDArray[Any]) -> bytes:
    key = f"{values.dtype.str} {values.shape}".encode()
    return hashlib.sha256(key + np.ascontiguousarray(values).tobytes()).digest()
