"""Large arrays a part at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from numpy.typing import NDArray

_CHUNK_BYTES = 16 * 2**20


def chunks(samples: NDArray[Any]) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield (index of the first sample, some samples), so that memory maps stay on the disk."""
    count = max(1, _CHUNK_BYTES // max(1, samples[:1].nbytes))
    for start in range(0, len(samples), count):
        yield start, samples[start : start + count]
