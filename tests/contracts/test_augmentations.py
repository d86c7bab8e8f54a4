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
    settings = AUGMENTATIONS.check(kind)
    keep = {key: settings[key] for key in ("kind", "outside", "cells") if key in settings}
    still = dict.fromkeys(settings, 0) | keep
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


# -- labels that move along ---------------------------------------------------------------------


@pytest.mark.parametrize("kind", [kind for kind in AUGMENTATIONS if kind != "crop"])
def test_labels_move_as_images_do(kind, seeded):
    """An image of its own labels stays one, but for pixels that interpolation mixes."""
    labels = torch.zeros(8, 24, 20, dtype=torch.int64)
    labels[:, 6:15, 4:12] = 1
    labels[:, 12:20, 10:17] = 2
    augmentation = AUGMENTATIONS.build(kind)
    x, y = augmentation.together(labels.float(), labels, seeded(1))
    assert y.dtype == torch.int64
    assert set(y.unique().tolist()) <= {-1, 0, 1, 2}
    if not augmentation.moves:
        assert torch.equal(y, labels)
        return
    assert not torch.equal(y, labels)
    assert torch.equal(x, augmentation(labels.float(), seeded(1)))
    pure = (x == x.round()) & (y >= 0)
    assert pure.float().mean() > 0.6
    assert (x[pure] == y[pure]).float().mean() > 0.98


def test_what_comes_in_from_outside_is_ignored_and_reflections_are_not(seeded):
    labels = torch.ones(4, 16, 16, dtype=torch.int64)
    turned = {"kind": "affine", "rotation": 40.0, "shift": 3.0}
    _, zeros = AUGMENTATIONS.build(turned).together(labels.float(), labels, seeded(0))
    assert set(zeros.unique().tolist()) == {-1, 1}
    reflected = AUGMENTATIONS.build({**turned, "outside": "reflection"})
    _, labels = reflected.together(labels.float(), labels, seeded(0))
    assert set(labels.unique().tolist()) == {1}


def test_crops_of_images_and_labels_are_of_the_same_place(seeded):
    labels = torch.arange(12 * 12).reshape(1, 12, 12).expand(5, 12, 12)
    x, y = AUGMENTATIONS.build({"kind": "crop", "size": 5}).together(
        labels.float(), labels, seeded(0)
    )
    assert torch.equal(x.long(), y)
    assert y.shape == (5, 5, 5)


def test_an_elastic_field_is_smooth_and_as_strong_as_asked():
    elastic = AUGMENTATIONS.build({"kind": "elastic", "amplitude": 3.0, "cells": 3})
    places = elastic.places(torch.zeros(200, 1, 32, 48), torch.Generator().manual_seed(0))
    own = AUGMENTATIONS.build({"kind": "elastic", "amplitude": 0.0}).places(
        torch.zeros(200, 1, 32, 48), torch.Generator().manual_seed(0)
    )
    moved = (places - own) * torch.tensor([24.0, 16.0])  # pixels
    corners = moved[:, [0, 0, -1, -1], [0, -1, 0, -1]]  # points of the grid
    assert corners.std() == pytest.approx(3.0, rel=0.1)
    assert corners.mean().abs() < 0.3
    assert (moved.diff(dim=1).abs().amax() < 3).all()


def test_intensities_keep_the_order_of_grey_values(seeded):
    x = images(6, 1, 9, 9)
    changed = AUGMENTATIONS.build({"kind": "intensity", "gamma": 0.5})(x, seeded(0))
    for before, after in zip(x.flatten(1), changed.flatten(1), strict=True):
        assert torch.equal(before.argsort(), after.argsort())
    plain = AUGMENTATIONS.build({"kind": "intensity", "gamma": 0, "contrast": 0})
    offsets = (plain(x, seeded(0)) - x).flatten(1)
    torch.testing.assert_close(offsets, offsets[:, :1].expand_as(offsets), rtol=0, atol=1e-5)
