"""Corruptions by themselves; what they share with augmentations is in test_random_changes."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from isthmus.core.errors import SettingError
from isthmus.corruption import CORRUPTIONS
from isthmus.corruption.gaussian import Gaussian


@pytest.mark.parametrize("kind", list(CORRUPTIONS))
def test_pixels_stay_pixels_by_default(kind, seeded):
    x = torch.rand(8, 3, 9, 9, generator=seeded(0))
    corrupted = CORRUPTIONS.build(kind)(x, seeded(1))
    assert corrupted.min() >= 0
    assert corrupted.max() <= 1


@given(sigma=st.floats(0.01, 10), seed=st.integers(0, 2**31))
def test_gaussian_noise_has_mean_0_and_deviation_sigma(sigma, seed):
    x = torch.linspace(0, 1, 20_000).reshape(10, 2000)
    corrupted = Gaussian(sigma=sigma, clip=False)(x, torch.Generator().manual_seed(seed))
    noise = ((corrupted - x) / sigma).flatten().double().numpy()
    # Five standard errors of the mean and of the standard deviation of 20 000 draws.
    assert abs(noise.mean()) < 5 / 20_000**0.5
    assert abs(noise.std() - 1) < 5 / 40_000**0.5


def test_gaussian_noise_is_normal_and_independent_of_the_pixel(seeded):
    x = torch.rand(20, 1000, generator=seeded(0))
    noise = (Gaussian(sigma=0.3, clip=False)(x, seeded(1)) - x).flatten().numpy()
    assert stats.kstest(noise, "norm", args=(0, 0.3)).pvalue > 0.01
    assert stats.pearsonr(noise, x.flatten().numpy()).pvalue > 0.01
    assert stats.pearsonr(noise[1:], noise[:-1]).pvalue > 0.01


@given(sigma=st.floats(0.01, 10), seed=st.integers(0, 2**31))
def test_clipping_is_the_last_step(sigma, seed):
    x = torch.rand(3, 5, generator=torch.Generator().manual_seed(0))
    free, clipped = (
        Gaussian(sigma=sigma, clip=clip)(x, torch.Generator().manual_seed(seed))
        for clip in (False, True)
    )
    assert torch.equal(clipped, free.clamp(0, 1))


@pytest.mark.parametrize("sigma", [0, -1, "much"])
def test_sigma_out_of_range_is_refused(sigma):
    with pytest.raises(SettingError, match="corruption 'gaussian': sigma: "):
        CORRUPTIONS.build({"kind": "gaussian", "sigma": sigma})
