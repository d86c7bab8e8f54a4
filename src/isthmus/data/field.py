"""The field of view of a photograph with a black surround."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_DARK = 0.1  # of what all but the brightest hundredth of the pixels reach
_SIDE = 5  # pixels of a window, against noise and the marks of JPEG


def lit_field(image: NDArray[Any]) -> NDArray[np.bool_]:
    """Mask ``(H, W)`` of the lit part of an image ``(H, W)`` or ``(C, H, W)``.

    A pixel is lit if most of the 5 x 5 pixels around it are, in their brightest channel, above a
    tenth of the 99th percentile of all. The field is the largest connected part of the lit pixels
    with its holes filled; in an image without a dark surround it is the whole.
    """
    from scipy.ndimage import binary_fill_holes, label, uniform_filter

    brightness = image if image.ndim == 2 else image.max(0)
    bright = brightness > _DARK * np.percentile(brightness, 99)
    parts, count = label(uniform_filter(bright.astype(np.float32), _SIDE) > 0.5)
    if not count:
        return np.ones(brightness.shape, np.bool_)
    sizes = np.bincount(parts.ravel())
    return np.asarray(binary_fill_holes(parts == 1 + sizes[1:].argmax()), np.bool_)
