"""Answers as PNG."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError
from isthmus.recipes.apply import as_pixels

Array = NDArray[Any]


def encode_png(image: Array) -> bytes:
    """A PNG of ``(H, W)`` or ``(3, H, W)``, uint8 or uint16."""
    import imagecodecs

    pixels = np.moveaxis(image, 0, -1) if image.ndim == 3 else image
    return bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels)))


def labels_png(labels: Array) -> bytes:
    """Labels ``(H, W)`` without loss, in 8 or 16 bits as the largest needs it."""
    if labels.max() > np.iinfo(np.uint16).max:
        raise DataError("There are more objects than a PNG can number; send a part of the image.")
    return encode_png(labels.astype(np.min_scalar_type(labels.max())))


def has_pictures(model: Any) -> bool:
    """Whether the samples of an autoencoder can be seen as grey or colour images."""
    shape = model.sample_shape_
    drawn = len(shape) == 2 or (len(shape) == 3 and shape[0] in (1, 3))
    return drawn or bool(model.data_.get("structures"))


def samples_png(model: Any, samples: Array) -> bytes:
    """Samples of an autoencoder as images side by side, in whole pixels of its type.

    Of one-hot label maps the labels, as `isthmus reconstruct` writes them.
    """
    if model.data_.get("structures"):
        return labels_png(np.concatenate(list(samples.argmax(1)), axis=-1))
    pixels = as_pixels(model, samples)
    if pixels.ndim == 4 and pixels.shape[1] == 1:
        pixels = pixels[:, 0]
    return encode_png(np.concatenate(list(pixels), axis=-1))


def picture_png(image: Array) -> bytes:
    """An image in its own type; floating point numbers from 0 to 1 in 16 bits."""
    if image.dtype.kind == "f":
        image = np.rint(image.clip(0, 1) * np.iinfo(np.uint16).max).astype(np.uint16)
    return encode_png(image)
