"""Ways through the space of codes: straight, on a sphere, along one unit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import SettingError

Array = NDArray[Any]


def linear(first: Array, last: Array, steps: int) -> NDArray[np.float32]:
    """(1 - t) a + t b for t from 0 to 1: codes ``(steps, m)`` between two codes ``(m,)``."""
    t = _steps(steps)
    return np.asarray((1 - t) * first + t * last, np.float32)


def spherical(first: Array, last: Array, steps: int) -> NDArray[np.float32]:
    """sin((1 - t) ω) / sin ω a + sin(t ω) / sin ω b, ω the angle of the codes a and b at 0.

    The lengths stay between those of a and b, as codes of N(0, I) in many dimensions want it, while
    a straight line passes nearer to 0 than any of them. Where a and b point the same way, or one is
    0, it is the straight line. Source: Shoemake 1985; White 2016.

    Raises
    ------
    SettingError
        If a and b are opposite, so that the way round is not determined.
    """
    t = _steps(steps)
    lengths = np.linalg.norm(first), np.linalg.norm(last)
    if 0 in lengths:
        return linear(first, last, steps)
    cosine = np.clip(np.dot(first, last) / np.prod(lengths), -1, 1)
    angle = np.arccos(cosine)
    if np.pi - angle < 1e-4:
        raise SettingError(
            "The two codes are opposite to each other, and there is no one way round; use a linear"
            " path."
        )
    if angle < 1e-4:
        return linear(first, last, steps)
    shares = np.sin((1 - t) * angle), np.sin(t * angle)
    return np.asarray((shares[0] * first + shares[1] * last) / np.sin(angle), np.float32)


def traversal(code: Array, unit: int, values: Array) -> NDArray[np.float32]:
    """The code ``(m,)`` with one of its units set to each of the values: ``(values, m)``."""
    codes = np.repeat(np.asarray(code, np.float32)[None], len(values), axis=0)
    codes[:, unit] = values
    return codes


def _steps(count: int) -> Array:
    if count < 2:
        raise SettingError(f"A path has at least 2 steps, both ends, not {count}.")
    return np.linspace(0, 1, count)[:, None]
