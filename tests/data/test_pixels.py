from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from skimage.transform import resize as skimage_resize

from isthmus.data.pixels import blend_with_white, convert, resize, to_grey


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_resize_is_antialiased_and_keeps_type_and_range(dtype: type) -> None:
    stripes = np.zeros((64, 48), dtype)
    stripes[:, ::2] = 200
    small = resize(stripes, (8, 6))
    assert small.shape == (8, 6)
    assert small.dtype == dtype
    # Aliasing would give 0 or 200; an average is 100.
    assert np.abs(small.astype(float) - 100).max() < 15


def test_resize_agrees_between_depths_and_with_skimage() -> None:
    ramp = np.add.outer(np.arange(40), np.arange(60)).astype(np.uint8)
    wide = ramp.astype(np.uint16) * 257
    # Pillow rounds 8 bits after each of its two passes.
    np.testing.assert_allclose(resize(wide, (10, 15)) / 257, resize(ramp, (10, 15)), atol=1.1)
    oracle = skimage_resize(ramp.astype(float), (10, 15), order=1, anti_aliasing=True)
    np.testing.assert_allclose(resize(ramp, (10, 15))[2:-2, 2:-2], oracle[2:-2, 2:-2], atol=1.5)


def test_resize_of_colour_is_that_of_each_channel() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (3, 9, 7)).astype(np.uint8)
    oracle = Image.fromarray(np.moveaxis(pixels, 0, -1)).resize((4, 5), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(resize(pixels, (5, 4)), np.moveaxis(np.asarray(oracle), -1, 0))


def test_grey_is_that_of_pillow() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 9, 7)).astype(np.uint8)
    oracle = Image.fromarray(np.moveaxis(pixels, 0, -1)).convert("L")
    np.testing.assert_allclose(to_grey(pixels).astype(int), np.asarray(oracle), atol=1)
    assert (to_grey(np.full((3, 2, 2), 65535, np.uint16)) == 65535).all()


def test_grey_becomes_colour_with_equal_channels() -> None:
    pixels = np.arange(6, dtype=np.uint8).reshape(2, 3)
    np.testing.assert_array_equal(convert(pixels, True, None), [pixels] * 3)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_blend_with_white(dtype: type) -> None:
    white = np.iinfo(dtype).max
    pixels = np.zeros((1, 3, 1), dtype)
    alpha = np.array([[0, white, white // 2]], dtype)
    for premultiplied in (False, True):
        blended = blend_with_white(pixels, alpha, premultiplied=premultiplied)
        np.testing.assert_allclose(blended[0, :, 0], [white, 0, white / 2 + 0.5], atol=1)
