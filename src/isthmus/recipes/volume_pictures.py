"""Slices of volumes as they are looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.data import overlay
from isthmus.inference.segmentation import resized, resized_labels
from isthmus.models._slices import Sliceable

Array = NDArray[Any]
_SLICES = 4  # of a picture
_LONGER = 256  # pixels of the longer side of each
_GAP = 2  # pixels between them
_DARK, _BRIGHT = 0.5, 99.5  # percentiles that are drawn black and white


def seen(volume: Sliceable, axis: int, place: int) -> Array:
    """One slice ``(h, w)`` across an axis, the head above."""
    whole = [slice(None)] * 3
    whole[axis] = slice(place, place + 1)
    one: Array = np.moveaxis(volume[tuple(whole)], axis, 0)[0]
    return one if axis == 0 else one[::-1]


def sides_of(shape: Sequence[int], spacing: Sequence[float], axis: int) -> list[float]:
    """Height and width in mm of the slices across an axis."""
    return [shape[each] * spacing[each] for each in range(3) if each != axis]


def side_by_side(
    volume: Sliceable, labels: NDArray[np.int16], axis: int, spacing: Sequence[float]
) -> NDArray[np.uint8]:
    """Some slices with the outlines of the classes, ``(3, H, W)``, pixels being square.

    Of the voxels that are no background as many lie before the first of them as behind the last,
    and twice as many between any two.
    """
    inside = (np.moveaxis(labels, axis, 0) > 0).sum((1, 2))
    share = np.cumsum(inside if inside.any() else np.ones_like(inside))
    wanted = share[-1] * (np.arange(_SLICES) + 0.5) / _SLICES
    places = np.unique(np.searchsorted(share, wanted)).tolist()
    images = [seen(volume, axis, place) for place in places]
    low, high = np.percentile(images, [_DARK, _BRIGHT])
    sides = sides_of(labels.shape, spacing, axis)
    height, width = (max(1, round(side * _LONGER / max(sides))) for side in sides)
    gap = np.zeros((3, height, _GAP), np.uint8)
    row: list[NDArray[np.uint8]] = []
    for place, image in zip(places, images, strict=True):
        grey = (255 * (image.astype(np.float32) - low) / ((high - low) or 1)).clip(0, 255)
        drawn = resized(grey.astype(np.float32)[None], (height, width))[0].astype(np.uint8)
        inner = resized_labels(seen(labels, axis, place), (height, width))
        row += [overlay(drawn, inner, fill=0), gap]
    return np.concatenate(row[:-1], axis=2)
