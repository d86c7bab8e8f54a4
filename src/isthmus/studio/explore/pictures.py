"""Samples as bytes for a screen."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.data.pixels import resize
from isthmus.recipes.apply import as_brightness

Array = NDArray[Any]


def is_picture(model: Any) -> bool:
    """Whether samples are images; else they are rows of a table."""
    return len(model.sample_shape_) > 1


def is_plain(model: Any) -> bool:
    """Whether samples are images as files hold them, not label maps."""
    return is_picture(model) and not model.data_.get("structures")


def for_screen(model: Any, samples: Array, side: int | None = None) -> NDArray[Any]:
    """Images as uint8 ``(N, H, W, 1 or 3)``, rows of a table as float32 ``(N, D)``.

    Parameters
    ----------
    side
        Images of more pixels a side are made smaller.
    """
    if not is_picture(model):
        return np.ascontiguousarray(samples, np.float32)
    pixels = np.rint(as_brightness(model, samples) * 255).astype(np.uint8)
    longest = max(pixels.shape[-2:])
    if side is not None and longest > side:
        height, width = (max(1, round(one * side / longest)) for one in pixels.shape[-2:])
        pixels = np.stack([resize(one, (height, width)) for one in pixels])
    if pixels.ndim == 3:
        pixels = pixels[:, None]
    return np.ascontiguousarray(np.moveaxis(pixels, 1, -1))
