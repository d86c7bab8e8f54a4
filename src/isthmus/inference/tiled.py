"""A function of small images over one large image, without seams."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import SettingError

Array = NDArray[np.float32]


def tiled(
    function: Callable[[Array], Array],
    image: Array,
    tile: int | tuple[int, int],
    overlap: int | tuple[int, int],
    *,
    margin: int | None = None,
    pixels: int = 2**20,
) -> Array:
    """`function` of overlapping tiles of an image, blended into one result.

    Between two tiles the weight of the one falls, that of the other rises, along a raised cosine.
    The outer `margin` of an overlap has no weight, so that a function that looks at most `margin`
    pixels around each gives the same as for the whole image, up to rounding; at the edges of the
    image, where tiles end as the image does, everything counts. (Of a function
    that works on a grid, as one with pooling does, the tiles must also start on its grid: give
    sizes, `tile` and ``tile - overlap`` that are multiples of its stride.)

    Memory: the image, the result and one batch of tiles.

    Parameters
    ----------
    function
        From tiles ``(N, C, h, w)`` float32 to ``(N, C', h, w)``, N being any number; C' may be
        another number of channels than C, but always the same.
    image
        ``(C, H, W)`` of any size; one smaller than a tile is continued by reflection, and the
        result is cropped.
    tile
        Side, or (h, w), of the tiles.
    overlap
        By how many pixels neighbours overlap, at least; less than `tile`.
    margin
        Pixels, at most half of the overlap; a quarter of it by default.
    pixels
        How many pixels the tiles of a batch may have together; one tile is always taken.

    Returns
    -------
    ndarray of shape (C', H, W)
        float32.

    Raises
    ------
    SettingError
        If the overlap is negative or not smaller than the tile.
    ValueError
        If `function` gives tiles of another size.
    """
    sides, overlaps = _pair(tile), _pair(overlap)
    for side, common in zip(sides, overlaps, strict=True):
        if not 0 <= common < side:
            raise SettingError(
                f"Tiles of {side} pixels cannot overlap by {common}; give an overlap from 0 to"
                f" {side - 1}."
            )
    height, width = image.shape[1:]
    missing = [max(0, side - size) for side, size in zip(sides, (height, width), strict=True)]
    if any(missing):
        image = np.pad(image, ((0, 0), (0, missing[0]), (0, missing[1])), mode="reflect")
    rows, columns = (
        list(_weights(size, side, common, common // 4 if margin is None else margin).items())
        for size, side, common in zip(image.shape[1:], sides, overlaps, strict=True)
    )
    result: Array | None = None
    all_places = list(product(rows, columns))
    count = max(1, pixels // math.prod(sides))
    for places in (all_places[at : at + count] for at in range(0, len(all_places), count)):
        tiles = np.stack(
            [image[:, y : y + sides[0], x : x + sides[1]] for (y, _), (x, _) in places]
        )
        outputs = function(tiles.astype(np.float32, copy=False))
        if len(outputs) != len(tiles) or outputs.shape[2:] != tiles.shape[2:]:
            raise ValueError(
                f"The function made {outputs.shape} of tiles of shape {tiles.shape}; their number,"
                " height and width must stay."
            )
        if result is None:
            result = np.zeros((outputs.shape[1], *image.shape[1:]), np.float32)
        for output, ((y, down), (x, across)) in zip(outputs, places, strict=True):
            part = result[:, y : y + sides[0], x : x + sides[1]]
            part += output * (down[:, None] * across)
    assert result is not None  # noqa: S101  # an image has at least one tile
    return result[:, :height, :width]


def _pair(size: int | tuple[int, int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else size


def _weights(size: int, tile: int, overlap: int, margin: int) -> dict[int, Array]:
    """Where tiles start along one axis, and the weights ``(tile,)`` of each; they add up to 1.

    A tile that would leave the image is moved back.
    """
    starts = [*range(0, size - tile, tile - overlap), size - tile]
    weights = {start: np.ones(tile) for start in starts}
    inside = np.arange(tile) + 0.5 - margin  # from the margin's end to the centre of each pixel
    rise = inside / max(overlap - 2 * margin, 0.5)  # with no room between the margins a step
    ramp = np.sin(np.pi / 2 * np.clip(rise, 0, 1)) ** 2
    for start in starts[1:]:
        weights[start] *= ramp
    for start in starts[:-1]:
        weights[start] *= ramp[::-1]
    total = np.zeros(size)
    for start, weight in weights.items():
        total[start : start + tile] += weight
    return {
        start: (weight / total[start : start + tile]).astype(np.float32)
        for start, weight in weights.items()
    }
