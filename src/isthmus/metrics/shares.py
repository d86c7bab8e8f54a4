"""How much of a region is of some classes: dense tissue of the breast, lesions of an organ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def share(labels: NDArray[Any], part: Sequence[int], whole: Sequence[int]) -> float:
    """|pixels or voxels of `part`| / |those of `whole`| in a label map of any shape.

    Parameters
    ----------
    labels
        Whole numbers.
    part, whole
        Labels; those of `part` are among those of `whole`, or the share may exceed 1.

    Returns
    -------
    float
        NaN where the map holds nothing of `whole`.
    """
    inside = int(np.isin(labels, whole).sum())
    return int(np.isin(labels, part).sum()) / inside if inside else float("nan")
