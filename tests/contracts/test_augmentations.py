"""Augmentations by themselves; what they share with corruptions is in test_random_changes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from isthmus.core.errors import SettingError
from isthmus.data.augmentation import AUGMENTATIONS
from isthmus.data.augmentation.affine import Affine

GREATEST = {"angle": 0, "size": 1, "shear": 2, "right": 3, "down": 4}
"""Column of each draw of `Affine`, uniform in [-1, 1] times its range."""


def images(*shape):
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def drawn(monkeypatch):
    """Make all samples draw the given shares of their ranges, from -1 to 1."""

    def fix(**shares):
        def draw(count, columns, **_):
            draws = torch.full((count, columns), 0.5)
            for name, share in shares.items():
                draws[:, GREATEST[name]] = (share + 1) / 2
            return draws

        monkeypatch.setattr(torch, "rand", draw)

    return fix


@pytest.mark.parametrize("kind", [k for k in AUGMENTATIONS if not AUGMENTATIONS[k].resizes])
@pytest.mark.parametrize("shape", [(4, 5, 9), (4, 3, 8, 8)], ids=str)
def test_ranges_of_0_change_nothing(kind, shape, seeded):
    still = dict.fromkeys(AUGMENTATIONS.check(kind), 0) | {"kind": kind}
    x = images(*shape)
    torch.testing.assert_close(AUGMENTATIONS.build(still)(x, seeded(0)), x, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("right", "down"), [(2, 0), (0, -3), (-1, 1), (9, 0)])
def test_whole_shift_moves_pixels_exactly_and_fills_with_0(right, down, drawn):
    x = images(2, 3, 6, 8)
    limit = max(abs(right), abs(down))
    # A pixel's new value is read `shift` pixels to its right, so what is seen moves left.
    drawn(right=-right / limit, down=-down / limit)
    moved = Affine(shift=limit)(x, torch.Generator())
    expected = ndimage.shift(x.numpy(), (0, 0, down, right), order=0, cval=0)
    np.testing.assert_allclose(moved, expected, atol=1e-5)


@pytest.mark.parametrize(("share", "turns"), [(1, 1), (-1, -1)])
def test_quarter_turn_is_exact(share, turns, drawn):
    x = images(1, 2, 7, 7)
    drawn(angle=share)
    turned = Affine(shift=0, rotation=90)(x, torch.Generator())
    np.testing.assert_allclose(turned, np.rot90(x, turns, axes=(2, 3)), atol=1e-5)


@pytest.mark.parametrize(
    "shares",
    [
        {"angle": 1.0},
        {"size": 1.0},
        {"size": -1.0},
        {"shear": 1.0},
        {"right": 0.5, "down": -1.0},
        {"angle": -0.7, "size": 0.4, "shear": -0.9, "right": 0.3, "down": 0.8},
    ],
    ids=str,
)
@pytest.mark.parametrize("size", [(9, 9), (6, 11)], ids=str)
def test_agrees_with_scipy(shares, size, drawn):
    """The map in pixels about the centre, applied by SciPy; images need not be square."""
    shift, rotation, scale, shear = 1.7, 30.0, 0.4, 0.5
    share = dict.fromkeys(GREATEST, 0.0) | shares
    angle, slope = math.radians(rotation * share["angle"]), shear * share["shear"]
    rotate = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    # Rows and columns stand for y and x: x' = x + slope y.
    matrix = rotate @ [[1, 0], [slope, 1]] / (1 + scale * share["size"])
    centre = (np.array(size) - 1) / 2
    offset = centre - matrix @ centre + shift * np.array([share["down"], share["right"]])
    x = images(1, *size)
    expected = ndimage.affine_transform(
        x[0].numpy(), matrix, offset, order=1, mode="grid-constant", cval=0
    )
    drawn(**shares)
    moved = Affine(shift=shift, rotation=rotation, scale=scale, shear=shear)(x, torch.Generator())
    np.testing.assert_allclose(moved[0], expected, atol=1e-4)


@given(shift=st.floats(0.1, 3), seed=st.integers(0, 2**31))
def test_shift_stays_within_its_range_on_all_sides(shift, seed):
    x = torch.zeros(200, 13, 13)
    x[:, 6, 6] = 1
    moved = Affine(shift=shift)(x, torch.Generator().manual_seed(seed)).double()
    places = torch.arange(13) - 6.0
    for axis in (1, 2):
        centres = (moved.sum(axis) * places).sum(1)
        assert centres.abs().max() <= shift + 1e-4
        assert centres.min() < -0.8 * shift
        assert centres.max() > 0.8 * shift


@pytest.mark.parametrize(("key", "value"), [("scale", 1.0), ("shift", -1), ("rotation", "much")])
def test_range_that_makes_no_sense_is_refused(key, value):
    with pytest.raises(SettingError, match=f"augmentation 'affine': {key}: "):
        AUGMENTATIONS.build({"kind": "affine", key: value})


@pytest.mark.parametrize("shape", [(40, 5, 9), (40, 3, 8, 6)], ids=str)
def test_shift_moves_whole_pixels_and_takes_every_place(shape, seeded):
    x = images(*shape)
    places = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    moved = AUGMENTATIONS.build("shift")(x, seeded(0))
    taken = set()
    for before, after in zip(x.numpy(), moved.numpy(), strict=True):
        still = (0,) * (before.ndim - 2)
        matches = [
            place
            for place in places
            if np.array_equal(ndimage.shift(before, (*still, *place), order=0, cval=0), after)
        ]
        assert len(matches) == 1
        taken.update(matches)
    assert taken == set(places)
