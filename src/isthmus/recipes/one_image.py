"""One image as a sample of a trained autoencoder."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError
from isthmus.data.images import ImageSettings
from isthmus.data.label_maps import one_hot, resized_map
from isthmus.data.pixels import convert
from isthmus.recipes.restore import units

Array = NDArray[Any]


def sample_of(model: Any, image: Array) -> NDArray[np.float32]:
    """An image ``(H, W)`` or ``(3, H, W)`` as a sample of the model, in the units of its data.

    Colour becomes brightness for a model of grey images, and grey all channels for one of colour.
    Where the training images were resized, so is this one. Black and white become those of the
    model's data, as in `isthmus.recipes.restore.restore_image`. For a model of label maps the
    values of the image are labels.

    Raises
    ------
    DataError
        If the model is none of images, or the image has another size, or no such labels.
    """
    shape = tuple(model.sample_shape_)
    if len(shape) not in (2, 3):
        values = " x ".join(map(str, shape))
        raise DataError(f"This model takes {values} values, not images; send them as JSON.")
    if model.data_.get("structures"):
        return _labels(model, image)
    channels = 1 if len(shape) == 2 else shape[0]
    size = ImageSettings(size=model.data_.get("reading", {}).get("size")).height_width
    fitted = convert(image, {1: False, 3: True}.get(channels), size)
    black, step = units(model, fitted)
    sample = fitted.astype(np.float32) * step + black
    if len(shape) == 3 and sample.ndim == 2:
        sample = np.stack([sample] * channels)
    _refuse_size(sample.shape[-2:], shape[-2:])
    if sample.shape != shape:
        raise DataError(
            f"This image has {len(sample)} channels, but the model takes {channels}; send such an"
            " image, or a grey one."
        )
    return sample


def _labels(model: Any, image: Array) -> NDArray[np.float32]:
    classes, *size = model.sample_shape_
    if image.ndim != 2 or image.dtype.kind not in "iu" or image.max() >= classes:
        raise DataError(
            f"This model takes label maps: grey images with values from 0 to {classes - 1}."
        )
    if model.data_.get("reading", {}).get("size"):
        image = resized_map(image, (size[0], size[1]), classes)
    _refuse_size(image.shape, tuple(size))
    return one_hot(image, classes).astype(np.float32)


def _refuse_size(size: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    if size != wanted:
        raise DataError(
            f"This image is {size[1]} x {size[0]} pixels, but the model takes {wanted[1]} x"
            f" {wanted[0]}; resize it first."
        )
