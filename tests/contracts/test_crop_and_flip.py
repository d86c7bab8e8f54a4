"""Augmentations that only move whole pixels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view

from isthmus import Autoencoder
from isthmus.core.errors import DataError, SettingError
from isthmus.data.augmentation import AUGMENTATIONS


def numbered(count: int, *shape: int) -> torch.Tensor:
    return torch.arange(count * int(np.prod(shape)), dtype=torch.float32).reshape(count, *shape)


def test_a_crop_is_a_piece_at_any_place(seeded) -> None:
    images = numbered(400, 2, 5, 6)
    pieces = AUGMENTATIONS.build({"kind": "crop", "size": 4})(images, seeded(0)).numpy()
    windows = sliding_window_view(images.numpy(), (4, 4), axis=(2, 3))  # (N, C, 2, 3, 4, 4)
    places = set()
    for piece, window in zip(pieces, windows, strict=True):
        same = (window.transpose(1, 2, 0, 3, 4) == piece).all((2, 3, 4))
        assert same.sum() == 1
        places.add(tuple(np.argwhere(same)[0]))
    assert places == {(row, column) for row in range(2) for column in range(3)}


def test_a_crop_larger_than_the_image_is_refused(seeded) -> None:
    with pytest.raises(DataError, match=r"pieces of 7 x 7 pixels, but .* only 5 x 6; give a small"):
        AUGMENTATIONS.build({"kind": "crop", "size": 7})(numbered(1, 5, 6), seeded(0))


def test_crops_are_for_networks_that_take_any_size(digits) -> None:
    model = Autoencoder(augmentations=[{"kind": "crop", "size": 4}], epochs=1)
    with pytest.raises(SettingError, match="a dense network takes only one size; use the network"):
        model.fit(digits[:20])
    model.set_params(network={"kind": "unet", "channels": [4]}, code_size=4)
    assert model.fit(digits[:20]).reconstruct(digits[:3]).shape == (3, 8, 8)


@pytest.mark.parametrize(
    ("settings", "count"),
    [
        ({}, 2),
        ({"vertical": True}, 4),
        ({"horizontal": False, "vertical": True}, 2),
        ({"vertical": True, "transpose": True}, 8),
    ],
)
def test_flips_reach_each_symmetry_and_no_other(seeded, settings, count) -> None:
    image = numbered(1, 1, 3, 3)
    flip = AUGMENTATIONS.build({"kind": "flip", **settings})
    changed = flip(image.expand(300, 1, 3, 3), seeded(0))
    found = {tuple(one.flatten().tolist()) for one in changed}
    square = image[0, 0].numpy()
    turned = [np.rot90(square, k) for k in range(4)]
    symmetries = {tuple(x.ravel().tolist()) for y in turned for x in (y, y.T)}
    assert len(found) == count
    assert found <= symmetries


def test_oblong_images_are_not_transposed(seeded) -> None:
    images = numbered(50, 1, 3, 4)
    flip = AUGMENTATIONS.build({"kind": "flip", "horizontal": False, "transpose": True})
    assert torch.equal(flip(images, seeded(0)), images)
