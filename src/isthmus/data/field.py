"""The field of view of a photograph with a black surround."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_DARK = 0.1  # of what all but the brightest hundredth of the pixels reach
_SIDE = 5  # pixels of the median filter, against noise and the marks of JPEG


def lit_field(image: NDArray[Any]) -> NDArray[np.bool_]:
    """Mask ``(H, W)`` of the lit part of an image ``(H, W)`` or ``(C, H, W)``.

    A pixel is lit if its brightest channel, after a median filter of 5 x 5 pixels, is above a tenth
    of that channel's 99th percentile over the image. The field is the largest connected part of the
    lit pixels with its holes filled; in an image without a dark surround it is the whole.
    """
    from scipy.ndimage import binary_fill_holes, label, median_filter

    brightness = image if image.ndim == 2 else image.max(0)
    smooth = median_filter(brightness, _SIDE)
    parts, count = label(smooth > _DARK * np.percentile(smooth, 99))
    if not count:
        return np.ones(brightness.shape, np.bool_)
    sizes = np.bincount(parts.ravel())
    return np.asarray(binary_fill_holes(parts == 1 + sizes[1:].argmax()), np.bool_)
