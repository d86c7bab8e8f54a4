"""Label maps laid over their images."""

from __future__ import annotations

import colorsys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError
from isthmus.data.pixels import convert

_FILL, _OUTLINE = 0.35, 0.9  # shares of the class's colour
# Okabe and Ito's colours, which most colour-blind readers tell apart; then hues a golden ratio on.
_COLOURS = (0xE69F00, 0x56B4E9, 0x009E73, 0xF0E442, 0xD55E00, 0xCC79A7, 0x0072B2)
_IGNORED = 0x808080
_GOLDEN = 0.618034


def overlay(image: NDArray[Any], labels: NDArray[Any], *, fill: float = _FILL) -> NDArray[np.uint8]:
    """Colour the classes of an image, their outlines stronger than their insides.

    Parameters
    ----------
    image
        ``(H, W)`` or ``(3, H, W)``; uint8 as it is, any other type from its lowest value, black,
        to its highest, white.
    labels
        ``(H, W)``, whole numbers; 0, the background, stays as it is, and -1 becomes grey.
    fill
        Share of its colour that the inside of a class takes; 0 draws outlines alone.

    Returns
    -------
    ndarray of uint8
        ``(3, H, W)``.

    Raises
    ------
    DataError
        If image and labels differ in size.
    """
    if image.shape[-2:] != labels.shape or image.shape[:-2] not in ((), (3,)):
        raise DataError(
            f"Labels of shape {labels.shape} do not fit an image of shape {image.shape}; give"
            " (H, W) for (H, W) or (3, H, W)."
        )
    unique, places = np.unique(labels, return_inverse=True)
    colours = np.array([class_colour(int(label)) for label in unique], np.float32)
    tint = np.moveaxis(colours[places.reshape(labels.shape)], -1, 0)
    share = np.where(_outline(labels), _OUTLINE, fill) * (labels != 0)
    blended = (1 - share) * _as_bytes(convert(image, True, None)) + share * tint
    return np.asarray(np.rint(blended), np.uint8)


def displayed(image: NDArray[Any]) -> NDArray[np.uint8]:
    """An image ``(H, W)`` or ``(3, H, W)`` in 8 bits, as `overlay` shows it."""
    return np.asarray(np.rint(_as_bytes(image)), np.uint8)


def class_colour(label: int) -> tuple[int, int, int]:
    """Red, green and blue of a class, 0 to 255: the same label always has the same colour."""
    if label <= len(_COLOURS):
        colour = _COLOURS[label - 1] if label > 0 else _IGNORED
        return colour >> 16, colour >> 8 & 255, colour & 255
    hue, saturation, value = (
        (label * _GOLDEN + 0.1) % 1,
        (1, 0.6)[label % 2],
        (1, 0.7, 0.45)[label % 3],
    )
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return round(255 * red), round(255 * green), round(255 * blue)


def _as_bytes(image: NDArray[Any]) -> NDArray[Any]:
    if image.dtype == np.uint8:
        return image
    low, high = float(image.min()), float(image.max())
    return (image.astype(np.float32) - low) * (255 / (high - low or 1))


def _outline(labels: NDArray[Any]) -> NDArray[np.bool_]:
    """Pixels with another label above, below, to the left or to the right."""
    edge = np.zeros(labels.shape, np.bool_)
    down, across = labels[1:] != labels[:-1], labels[:, 1:] != labels[:, :-1]
    edge[1:] |= down
    edge[:-1] |= down
    edge[:, 1:] |= across
    edge[:, :-1] |= across
    return edge
