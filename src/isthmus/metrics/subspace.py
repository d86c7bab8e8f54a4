"""Angles between subspaces."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def principal_angles(first: NDArray[Any], second: NDArray[Any]) -> NDArray[np.float64]:
    """Principal angles in degrees, greatest first, between the column spaces of two matrices.

    Parameters
    ----------
    first, second
        ``(D, k)`` and ``(D, m)``.
    """
    from scipy.linalg import subspace_angles

    angles = subspace_angles(np.asarray(first, np.float64), np.asarray(second, np.float64))
    return np.asarray(np.rad2deg(angles))
