"""Label maps as they are given to `fit`, checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError

Array = NDArray[Any]


def check_maps(
    y: Sequence[Array], images: Sequence[Array], classes: int | None
) -> list[NDArray[np.int16]]:
    """Label maps ``(H, W)`` int16 that fit their images and number of classes.

    Raises
    ------
    DataError
        If they do not.
    """
    maps = [np.asarray(one) for one in y]
    if len(maps) != len(images):
        raise DataError(
            f"There are {len(maps)} label maps for {len(images)} images; give one each."
        )
    for label, image in zip(maps, images, strict=True):
        if label.shape != image.shape[-2:]:
            raise DataError(
                f"A label map has shape {label.shape}, but its image {image.shape[-2:]}; they must"
                " be of the same size."
            )
        if label.dtype.kind not in "biu":
            raise DataError(
                f"A label map holds values of type {label.dtype}; give whole numbers from 0, and -1"
                " where a pixel shall not count."
            )
        low, high = int(label.min()), int(label.max())
        most = (np.iinfo(np.int16).max if classes is None else classes) - 1
        if low < -1 or high > most:
            raise DataError(
                f"A label map holds the labels {low} to {high}; give numbers from 0 (the"
                f" background) to {most}, and -1 where a pixel shall not count."
            )
    return [one.astype(np.int16) for one in maps]
