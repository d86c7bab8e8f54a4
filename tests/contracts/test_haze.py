"""The corruption by haze: its formula, its draws, its depth."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from isthmus.core.errors import DataError
from isthmus.corruption.haze import Haze
from support.draws import (
    assert_uniform,
    pixels,
    seeds,
    sizes,
)


@given(
    shape=st.tuples(st.integers(1, 4), sizes, sizes),
    count=st.integers(1, 3),
    coloured=st.booleans(),
    own_depth=st.booleans(),
    seed=seeds,
)
def test_haze_is_its_formula_for_a_given_depth(shape, count, coloured, own_depth, seed):
    rng = np.random.default_rng(seed)
    clear = rng.random((count, *shape))
    depth = rng.random((count, *shape[1:]) if own_depth else shape[1:]) * 50
    beta = rng.random(count) * 0.1
    airlight = rng.random((count, shape[0]) if coloured else count)
    haze = Haze(beta=(3.0, 4.0), airlight=(0.0, 0.1))
    x, *given_draws = (torch.from_numpy(array) for array in (clear, depth, beta, airlight))
    hazy = haze.corrupt(x, *given_draws)
    for i in range(count):
        for c in range(shape[0]):
            light = airlight[i, c] if coloured else airlight[i]
            arriving = np.exp(-beta[i] * (depth[i] if own_depth else depth))
            expected = clear[i, c] * arriving + light * (1 - arriving)
            np.testing.assert_allclose(hazy[i, c], expected, rtol=0, atol=1e-12)
    grey = haze.corrupt(x[:, :1], *given_draws[:2], 0.5)
    assert torch.equal(haze.corrupt(x[:, 0], *given_draws[:2], 0.5), grey[:, 0])
    assert haze.corrupt(x.float(), *given_draws).dtype == torch.float32


def test_haze_near_and_far():
    """Without depth the clear image, in the limit nothing but the light of the air."""
    x, light = pixels(2, 3, 4, 5), torch.tensor([[0.7, 0.8, 0.9], [0.1, 0.2, 0.3]])
    haze = Haze()
    assert torch.equal(haze.corrupt(x, torch.zeros(4, 5), 2.0, light), x)
    far = haze.corrupt(x, torch.full((4, 5), 1e4), 2.0, light)
    assert torch.equal(far, light[:, :, None, None].expand_as(x))


@pytest.mark.parametrize("kind", ["ramp", "flat"])
@pytest.mark.parametrize("shape", [(7, 4), (3, 7, 4)], ids=str)
def test_haze_draws_air_and_light_of_each_image_uniformly(kind, shape, seeded):
    """Black and white pixels give back t, and with it β and A."""
    haze = Haze(beta=(0.5, 2.0), airlight=(0.6, 0.9), depth=kind)
    images = torch.zeros(600, *shape, dtype=torch.float64)
    dark, bright = (haze(x, seeded(4)).numpy().reshape(600, -1, 7, 4) for x in (images, images + 1))
    arriving = bright - dark
    beta = -np.log(arriving[:, 0, 0, 0])  # at the top left the depth is 1
    airlight = dark[:, 0, 0, 0] / (1 - arriving[:, 0, 0, 0])
    assert_uniform(beta, 0.5, 2.0)
    assert_uniform(airlight, 0.6, 0.9)
    assert stats.pearsonr(beta, airlight).pvalue > 0.01
    depth = [1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6, 0] if kind == "ramp" else [1] * 7
    expected = np.exp(-np.outer(beta, depth)).reshape(600, 1, 7, 1)
    np.testing.assert_allclose(arriving, expected + 0 * arriving, rtol=0, atol=1e-12)
    expected = airlight.reshape(600, 1, 1, 1) * (1 - arriving)
    np.testing.assert_allclose(dark, expected, rtol=0, atol=1e-12)


def test_haze_over_a_part_of_the_way(seeded):
    """Depth falls evenly from row to row, between two uniform draws, whatever air and light."""
    x = torch.zeros(600, 5, 2, dtype=torch.float64)
    haze = Haze(beta=(1.0, 1.0), airlight=(1.0, 1.0), depth="part")
    depth = -np.log1p(-haze(x, seeded(2)).numpy())[:, :, 0]
    far, near = depth[:, 0], depth[:, -1]
    np.testing.assert_allclose(depth, np.linspace(far, near, 5, axis=1), atol=1e-12)
    assert_uniform(far**2, 0, 1)  # the greater of two draws
    assert_uniform((1 - near) ** 2, 0, 1)


@pytest.mark.parametrize("shape", [(5, 4), (3, 4, 5), (2, 1, 4, 5), (4, 1)], ids=str)
def test_depth_of_another_size_is_refused(shape):
    with pytest.raises(DataError) as caught:
        Haze().corrupt(pixels(2, 3, 4, 5), torch.zeros(shape), 1.0, 1.0)
    assert str(caught.value) == (
        f"The corruption 'haze' got depths of shape {shape} for 2 images of (4, 5); give (4, 5) or"
        " (2, 4, 5)."
    )
