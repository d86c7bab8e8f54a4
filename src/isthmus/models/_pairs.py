"""Whether images and label maps can be used to learn from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError

Array = NDArray[Any]


def check_images(X: Sequence[Array], channels: int | None = None) -> list[Array]:
    """Images ``(H, W)`` or ``(C, H, W)`` of so many channels, or all of those of the first.

    Raises
    ------
    DataError
        If there is none, or one has other channels or values that are not finite numbers.
    """
    images = [np.asarray(image) for image in X]
    if not images:
        raise DataError("There are no images; give one at least.")
    wanted = channels or _channels(images[0])
    for image in images:
        if (own := _channels(image)) != wanted:
            raise DataError(
                f"An image has {own} channels where {wanted} are needed; read all in colour, or"
                " all in grey."
            )
        if image.dtype.kind not in "uif" or not np.isfinite(image).all():
            raise DataError(
                "An image holds values that are not finite numbers; repair or leave it out."
            )
    return images


def check_maps(
    y: Sequence[Array], images: Sequence[Array], classes: int | None, *, axes: int = 2
) -> list[NDArray[np.int16]]:
    """Label maps that fit their images; the labels run from -1 to `classes` - 1.

    Parameters
    ----------
    axes
        Of a label map: 2, ``(H, W)``; of volumes 3.

    Raises
    ------
    DataError
        If one is missing, has another size, or holds what are no labels.
    """
    maps = [np.asarray(one) for one in y]
    if len(maps) != len(images):
        raise DataError(
            f"There are {len(maps)} label maps for {len(images)} images; give one each."
        )
    for label, image in zip(maps, images, strict=True):
        if label.shape != image.shape[-axes:]:
            raise DataError(
                f"A label map has shape {label.shape}, but its image {image.shape[-axes:]}; they"
                " must be of the same size."
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


def _channels(image: Array) -> int:
    if image.ndim not in (2, 3):
        raise DataError(
            f"An image has shape {image.shape}; give images (H, W) or (C, H, W), in a list."
        )
    return 1 if image.ndim == 2 else len(image)
