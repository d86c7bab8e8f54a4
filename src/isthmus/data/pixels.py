"""Operations on decoded pixels of any type: transparency, orientation, colour, size."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, as in Pillow


def blend_with_white(
    pixels: NDArray[Any], alpha: NDArray[Any], *, premultiplied: bool = False
) -> NDArray[Any]:
    """Lay uint8 or uint16 pixels ``(H, W, C)`` with opacity ``(H, W)`` over white."""
    white = float(np.iinfo(pixels.dtype).max)
    opacity = alpha[..., None] / np.float32(white)
    values = pixels if premultiplied else pixels * opacity
    blended = np.rint(values + white * (1 - opacity))
    return np.clip(blended, 0, white).astype(pixels.dtype)


def upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Undo the orientation 1 to 8 of the TIFF and EXIF standards on ``(H, W, ...)``."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels


def to_grey(pixels: NDArray[Any]) -> NDArray[Any]:
    """Brightness ``(H, W)`` of colour ``(3, H, W)`` in the same type."""
    return _in_type(np.tensordot(_LUMA, pixels.astype(np.float32), 1), pixels.dtype)


def resize(pixels: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """Image ``(H, W)`` or ``(3, H, W)`` at another (height, width), antialiased, in its type.

    Bilinear: unlike sharper filters it never leaves the range of the values.
    """
    if pixels.shape[-2:] == size:
        return pixels
    if pixels.ndim == 3:
        return np.stack([resize(channel, size) for channel in pixels])
    # Pillow resizes 8 bits ("L") and floating point ("F"), but not 16 bits.
    plane = pixels if pixels.dtype == np.uint8 else pixels.astype(np.float32)
    image = Image.fromarray(np.ascontiguousarray(plane))
    resized = image.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    return _in_type(np.asarray(resized), pixels.dtype)


def convert(
    pixels: NDArray[Any], colour: bool | None, size: tuple[int, int] | None
) -> NDArray[Any]:
    """Image ``(H, W)`` or ``(3, H, W)`` as colour or grey and at a size; None keeps what it is."""
    if colour is False and pixels.ndim == 3:
        pixels = to_grey(pixels)
    if size is not None:
        pixels = resize(pixels, size)
    if colour is True and pixels.ndim == 2:
        pixels = np.stack([pixels] * 3)
    return pixels


def _in_type(values: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    rounded = np.rint(values) if dtype.kind in "iu" else values
    return rounded.astype(dtype, copy=False)
