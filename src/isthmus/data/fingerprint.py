"""A short name for the content of an array."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ROWS = 4096  # at a time, so that a memory-mapped array stays on the disk


def fingerprint(array: NDArray[Any]) -> str:
    """First 16 hexadecimal digits of the SHA-256 of type, shape and content."""
    digest = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
    for start in range(0, len(array), _ROWS):
        digest.update(np.ascontiguousarray(array[start : start + _ROWS]).data)
    return digest.hexdigest()[:16]
