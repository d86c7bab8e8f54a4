"""Planes in the space of codes: every point of one is a code, and every code has a place on it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from isthmus.core.errors import SettingError

Array = NDArray[Any]
_FITTED = 20_000  # codes at most from which axes are found
_ALONG = 1e-4  # share of an edge by which a third anchor must stand off the line of two


class Plane(NamedTuple):
    """h = o + u a + v b.

    Attributes
    ----------
    origin
        o, a code ``(m,)``.
    axes
        a and b, ``(2, m)``: of length 1 and at right angles. Of codes of one unit b is 0.
    """

    origin: NDArray[np.float32]
    axes: NDArray[np.float32]

    def place(self, codes: Array) -> NDArray[np.float32]:
        """(u, v) of the foot of each code ``(N, m)``: ``(N, 2)``."""
        return np.asarray(codes @ self.axes.T - self.axes @ self.origin, np.float32)

    def codes(self, places: Array) -> NDArray[np.float32]:
        """The codes ``(N, m)`` at (u, v) ``(N, 2)``."""
        return np.asarray(self.origin + places @ self.axes, np.float32)


def principal_plane(codes: Array) -> Plane:
    """Through the mean of ``(N, m)`` codes, along the two directions in which they vary most."""
    some = codes[:: -(-len(codes) // _FITTED)]
    if min(some.shape) < 2:
        return unit_plane(some.mean(0), 0, min(1, codes.shape[1] - 1))
    found = PCA(2, random_state=0).fit(some)
    return Plane(found.mean_.astype(np.float32), found.components_.astype(np.float32))


def unit_plane(code: Array, first: int, second: int) -> Plane:
    """Through a code ``(m,)``, along two of its units: u and v are what these are.

    Raises
    ------
    SettingError
        If there are no such units, or both are the same one of several.
    """
    units = len(code)
    if not (0 <= min(first, second) and max(first, second) < units):
        raise SettingError(f"The codes have units 1 to {units}; choose two of them.")
    if first == second and units > 1:
        raise SettingError("A plane needs two different units.")
    origin, axes = np.array(code, np.float32), np.zeros((2, units), np.float32)
    origin[[first, second]] = 0
    axes[0, first] = 1
    axes[1, second] = float(first != second)
    return Plane(origin, axes)


def anchor_plane(first: Array, second: Array, third: Array) -> Plane:
    """Through three codes ``(m,)``: the first is the origin, the second lies along u.

    Raises
    ------
    SettingError
        If they lie on one line.
    """
    along, aside = (np.float64(end) - first for end in (second, third))
    length, reach = float(np.linalg.norm(along)), float(np.linalg.norm(aside))
    a = along / (length or 1)
    off = aside - (aside @ a) * a
    if np.linalg.norm(off) <= _ALONG * reach or length <= 1e-9 * max(reach, 1e-9):
        raise SettingError("These three codes lie on one line; choose another third one.")
    axes = np.stack([a, off / np.linalg.norm(off)])
    return Plane(np.array(first, np.float32), axes.astype(np.float32))
