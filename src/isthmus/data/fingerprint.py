"""A short name for the content of an array."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.data.chunks import chunks


def fingerprint(array: NDArray[Any]) -> str:
    """First 16 hexadecimal digits of the SHA-256 of type, shape and content.

    The same on every machine, whatever its byte order.
    """
    kind = array.dtype.newbyteorder("<")
    digest = hashlib.sha256(f"{kind.str} {array.shape}".encode())
    for _, part in chunks(array):
        digest.update(np.ascontiguousarray(part, kind).data)
    return digest.hexdigest()[:16]


def fingerprint_of_all(arrays: Iterable[NDArray[Any]]) -> str:
    """That of several arrays of any shapes, in their order, each looked at by itself."""
    each = "".join(map(fingerprint, arrays))
    return fingerprint(np.frombuffer(each.encode(), np.uint8))
