"""Limits that are checked on what a file declares, before any memory is given to it."""

from __future__ import annotations

import os
from pathlib import Path

from isthmus.core.errors import DataError

MAX_PIXELS = 100_000_000  # a larger image is almost surely a decompression bomb or a whole slide
_FALLBACK_MEMORY = 16 * 2**30


def memory_limit() -> int:
    """Bytes that data may take: the physical memory, or 16 GiB where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not a POSIX system
        return _FALLBACK_MEMORY


def check_memory(size: int, path: Path, advice: str) -> None:
    """Refuse `size` bytes that a file or folder declares when they exceed the memory.

    Raises
    ------
    DataError
        If they do; the sentence ends with `advice`.
    """
    limit = memory_limit()
    if size > limit:
        raise DataError(
            f"{path} declares {size / 2**30:.1f} GiB of data, more than the"
            f" {limit / 2**30:.1f} GiB of memory; {advice}."
        )
