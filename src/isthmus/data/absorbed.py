"""Classes that lie within others: lesions in an organ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import SettingError


def absorbed(
    labels: NDArray[Any],
    part: Sequence[int],
    into: Sequence[int],
    spacing: Sequence[float] | None = None,
) -> NDArray[np.int16]:
    """A label map in which each pixel of `part` has the class of the nearest pixel of `into`.

    So lesions become a piece of the organ they lie in, of its left or its right side. Of equal
    distances one is taken. Where a map holds nothing of `into`, all of `part` becomes its first.

    Parameters
    ----------
    labels
        Whole numbers, of any number of axes.
    part, into
        Labels.
    spacing
        Size of a pixel along each axis; by default all are alike.

    Raises
    ------
    SettingError
        If `into` is empty.
    """
    from scipy.ndimage import distance_transform_edt

    if not len(into):
        raise SettingError("Nothing is named to absorb a part of a label map; name a class.")
    inner, outer = np.isin(labels, part), np.isin(labels, into)
    found = labels.astype(np.int16)
    if len(into) == 1 or not outer.any():
        found[inner] = into[0]
    elif inner.any():
        nearest = distance_transform_edt(
            ~outer, spacing, return_distances=False, return_indices=True
        )
        found[inner] = labels[tuple(axis[inner] for axis in nearest)]
    return found
