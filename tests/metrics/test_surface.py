"""Distances between surfaces."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.spatial.distance import cdist
from skimage.metrics import hausdorff_distance
from skimage.segmentation import find_boundaries

from isthmus.core.errors import DataError
from isthmus.metrics import surface_distances

Mask = NDArray[np.bool_]
masks = st.tuples(arrays(bool, (6, 7)), arrays(bool, (6, 7)))

# MONAI passes itself an argument that it has deprecated.
monai_s_own = pytest.mark.filterwarnings("ignore:.*always_return_as_numpy:FutureWarning")


def blobs(shape: tuple[int, ...], seed: int) -> tuple[Mask, Mask]:
    """Two masks of smooth blobs that resemble each other."""
    random = np.random.default_rng(seed)
    first, second = (gaussian_filter(random.normal(size=shape), 3) for _ in range(2))
    return first > 0.02, first + 0.3 * second > 0.02


@monai_s_own
@pytest.mark.parametrize(
    ("shape", "spacing"),
    [
        ((40, 50), None),
        ((40, 50), (0.5, 2.0)),
        ((14, 20, 18), None),
        ((14, 20, 18), (3.0, 1.0, 0.7)),
    ],
    ids=str,
)
@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_monai(
    shape: tuple[int, ...], spacing: tuple[float, ...] | None, seed: int
) -> None:
    p, r = blobs(shape, seed)
    distances = surface_distances(p, r, spacing)
    pair = [torch.from_numpy(mask)[None, None].float() for mask in (p, r)]
    sizes = None if spacing is None else list(spacing)
    for percentile in (95, 50, 100):
        expected = compute_hausdorff_distance(*pair, percentile=percentile, spacing=sizes)
        assert distances.hausdorff(percentile) == pytest.approx(expected.item(), rel=1e-5)
    expected = compute_average_surface_distance(*pair, symmetric=True, spacing=sizes)
    assert distances.average() == pytest.approx(expected.item(), rel=1e-5)


def test_agrees_with_scikit_image() -> None:
    p, r = (np.pad(mask, 2) for mask in blobs((40, 40), 0))
    surfaces = [find_boundaries(mask, connectivity=1, mode="inner") for mask in (p, r)]
    assert surface_distances(p, r).hausdorff(100) == pytest.approx(hausdorff_distance(*surfaces))


@pytest.mark.parametrize("tolerance", [0.0, 1.0, 2.5])
def test_boundary_f_agrees_with_all_distances(tolerance: float) -> None:
    p, r = (np.pad(mask, 2) for mask in blobs((30, 30), 1))
    spacing = np.array([1.0, 2.0])
    points = [
        np.argwhere(find_boundaries(mask, connectivity=1, mode="inner")) * spacing
        for mask in (p, r)
    ]
    near = cdist(*points) <= tolerance
    precision, recall = near.any(1).mean(), near.any(0).mean()
    value = surface_distances(p, r, spacing).boundary_f(tolerance)
    assert value == pytest.approx(2 * precision * recall / (precision + recall))


@given(masks)
def test_symmetry_bounds_and_perfection(pair: tuple[Mask, Mask]) -> None:
    p, r = pair
    assume(p.any() and r.any())
    there, back = surface_distances(p, r), surface_distances(r, p)
    for name, arguments in [("hausdorff", (95,)), ("average", ()), ("boundary_f", (1.5,))]:
        value = getattr(there, name)(*arguments)
        assert value == pytest.approx(getattr(back, name)(*arguments))
        assert 0 <= value <= (1 if name == "boundary_f" else math.hypot(6, 7))
    assert there.average() <= there.hausdorff(100)
    assert there.hausdorff(95) <= there.hausdorff(100)
    same = surface_distances(p, p)
    assert (same.hausdorff(), same.average(), same.boundary_f(0)) == (0, 0, 1)


@given(masks, st.floats(0.1, 10))
def test_units_follow_the_spacing(pair: tuple[Mask, Mask], unit: float) -> None:
    p, r = pair
    assume(p.any() or r.any())
    pixels, units = surface_distances(p, r), surface_distances(p, r, (unit, unit))
    assert units.hausdorff() == pytest.approx(unit * pixels.hausdorff())
    assert units.average() == pytest.approx(unit * pixels.average())


@pytest.mark.parametrize("swapped", [False, True])
def test_one_empty_mask_is_as_far_as_the_image_is_wide(swapped: bool) -> None:
    structure, nothing = np.ones((30, 40), bool), np.zeros((30, 40), bool)
    pair = (structure, nothing) if swapped else (nothing, structure)
    distances = surface_distances(*pair, (0.1, 0.1))
    assert distances.hausdorff() == distances.average() == pytest.approx(5)
    assert distances.boundary_f(100) == 0


def test_two_empty_masks_have_no_distance() -> None:
    distances = surface_distances(*np.zeros((2, 5, 5), bool))
    values = distances.hausdorff(), distances.average(), distances.boundary_f(1)
    assert all(math.isnan(value) for value in values)


def test_surfaces_that_are_nowhere_near() -> None:
    p, r = np.zeros((2, 5, 9), bool)
    p[2, 0], r[2, 8] = True, True
    distances = surface_distances(p, r)
    assert distances.boundary_f(7.9) == 0
    assert distances.boundary_f(8) == 1
    assert distances.hausdorff() == distances.average() == 8


@pytest.mark.parametrize("spacing", [(1.0,), (1.0, 1.0, 1.0), (1.0, 0.0), (1.0, -1.0)])
def test_a_spacing_that_does_not_fit_is_refused(spacing: tuple[float, ...]) -> None:
    with pytest.raises(DataError, match="Masks of 2 axes need 2 positive spacings, not"):
        surface_distances(*np.ones((2, 3, 3), bool), spacing)
