"""Corruptions by themselves; what they share with augmentations is in test_random_changes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage, stats
from skimage.util import random_noise

from isthmus.core.errors import DataError, SettingError
from isthmus.corruption import CORRUPTIONS
from isthmus.corruption.block import Block
from isthmus.corruption.blur import Blur
from isthmus.corruption.gaussian import Gaussian
from isthmus.corruption.masking import Masking
from isthmus.corruption.poisson import Poisson
from isthmus.corruption.salt_and_pepper import SaltAndPepper
from isthmus.corruption.speckle import Speckle
from support.draws import (
    assert_share,
    assert_uniform,
    generator,
    image_shapes,
    pixels,
    seeds,
    shares,
)

# -- all ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", list(CORRUPTIONS))
def test_pixels_stay_pixels_by_default(kind, seeded):
    x = torch.rand(8, 3, 9, 9, generator=seeded(0))
    corrupted = CORRUPTIONS.build(kind)(x, seeded(1))
    assert corrupted.min() >= 0
    assert corrupted.max() <= 1


@pytest.mark.parametrize("kind", list(CORRUPTIONS))
def test_mixed_precision_leaves_corruption_as_it_is(kind, seeded):
    """The training loop calls it under autocast."""
    x, corruption = pixels(4, 3, 9, 9), CORRUPTIONS.build(kind)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = corruption(x, seeded(1))
    assert mixed.dtype == torch.float32
    assert torch.equal(mixed, corruption(x, seeded(1)))


@pytest.mark.parametrize("kind", ["gaussian", "speckle", "poisson"])
@given(seed=seeds)
def test_clipping_is_the_last_step(kind, seed):
    x = pixels(3, 50)
    free, clipped = (
        CORRUPTIONS.build({"kind": kind, "clip": clip})(x, generator(seed))
        for clip in (False, True)
    )
    assert free.max() > 1
    assert torch.equal(clipped, free.clamp(0, 1))


@pytest.mark.parametrize(
    ("spec", "allowed"),
    [
        ("gaussian", (0, 1)),
        ({"kind": "gaussian", "clip": False}, None),
        ("speckle", (0, 1)),
        ({"kind": "speckle", "clip": False}, None),
        ("poisson", (0, 1)),
        ({"kind": "poisson", "clip": False}, (0, math.inf)),
        ("salt_and_pepper", (0, 1)),
        ({"kind": "salt_and_pepper", "low": -2.5, "high": 3}, (-2.5, 3)),
        ("haze", (0, 1)),
        ("masking", None),
        ("block", None),
        ("blur", None),
    ],
    ids=str,
)
def test_range_of_inputs(spec, allowed):
    corruption = CORRUPTIONS.build(spec)
    assert corruption.value_range == allowed
    low, high = allowed or (-math.inf, math.inf)
    corruption.check_inputs(low - 9e-7, high + 9e-7)
    for lowest, highest in [(low - 2e-6, low), (high, high + 2e-6)]:
        if math.isfinite(lowest + highest):
            with pytest.raises(DataError, match=f"^The corruption '{corruption.kind}'"):
                corruption.check_inputs(lowest, highest)


@pytest.mark.parametrize(
    ("spec", "data", "sentence"),
    [
        (
            "gaussian",
            (-2.1, 3.4),
            "The corruption 'gaussian' with clip = true needs values from 0 to 1, but the scaled"
            " data go from -2.1 to 3.4; scale them with scaling = 'unit', or set clip = false.",
        ),
        (
            "poisson",
            (0, 255),
            "The corruption 'poisson' with clip = true needs values from 0 to 1, but the scaled"
            " data go from 0 to 255; scale them with scaling = 'unit', or set clip = false.",
        ),
        (
            # Without clipping they would still be refused, so that is not what is proposed.
            "poisson",
            (-1, 255),
            "The corruption 'poisson' needs values of 0 or more, but the scaled data go from -1 to"
            " 255; scale them with scaling = 'unit'.",
        ),
        (
            {"kind": "salt_and_pepper", "low": -1},
            (-1.5, 0.5),
            "The corruption 'salt_and_pepper' needs values from -1 to 1, but the scaled data go"
            " from -1.5 to 0.5; set low and high to the ends of the data, which are 0 and 1 with"
            " scaling = 'unit'.",
        ),
        (
            "haze",
            (0, 1.01),
            "The corruption 'haze' needs values from 0 to 1, but the scaled data go from 0 to 1.01;"
            " scale them with scaling = 'unit'.",
        ),
    ],
    ids=str,
)
def test_data_out_of_range_are_refused_with_a_way_out(spec, data, sentence):
    with pytest.raises(DataError) as caught:
        CORRUPTIONS.build(spec).check_inputs(*data)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("kind", "key", "value", "fault"),
    [
        *[
            (kind, "sigma", value, "sigma: should be greater than 0, but it is")
            for kind in ("gaussian", "speckle", "blur")
            for value in (0, -1)
        ],
        ("gaussian", "sigma", "much", "sigma: should be a valid number"),
        ("gaussian", "sigma", [0, 1], "sigma.0: should be greater than 0, but it is 0."),
        ("gaussian", "sigma", (3, 1), "sigma: a range is written [lowest, highest], not (3, 1)."),
        ("blur", "sigma", [1], "sigma: a range is written [lowest, highest], not [1]."),
        ("gaussian", "white", 0, "white: should be greater than 0, but it is 0."),
        ("poisson", "peak", 0, "peak: should be greater than 0, but it is 0."),
        *[
            (kind, "fraction", value, "fraction: should be")
            for kind in ("masking", "salt_and_pepper", "block")
            for value in (1.5, -0.1)
        ],
        ("salt_and_pepper", "low", 1, "high (1) must be greater than low (1)."),
        ("haze", "beta", 1, "beta: a range is written [lowest, highest], not 1."),
        ("haze", "beta", [0, 1], "beta.0: should be greater than 0, but it is 0."),
        ("haze", "airlight", [0.5, 1.5], "airlight.1: should be less than or equal to 1, but it"),
        ("haze", "airlight", [1, 0.5], "airlight: a range is written [lowest, highest], not [1,"),
        ("haze", "depth", "deep", "depth: should be 'ramp', 'part' or 'flat', but it is 'deep'."),
    ],
)
def test_setting_that_makes_no_sense_is_refused(kind, key, value, fault):
    with pytest.raises(SettingError) as caught:
        CORRUPTIONS.build({"kind": kind, key: value})
    assert str(caught.value).startswith(f"corruption '{kind}': {fault}")


# -- gaussian, speckle -------------------------------------------------------------------------


@given(sigma=st.floats(0.01, 10), seed=seeds)
def test_gaussian_noise_has_mean_0_and_deviation_sigma(sigma, seed):
    x = torch.linspace(0, 1, 20_000).reshape(10, 2000)
    corrupted = Gaussian(sigma=sigma, clip=False)(x, generator(seed))
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


@pytest.mark.parametrize("sigma", [25.0, (10.0, 50.0)], ids=str)
def test_sigma_may_be_in_steps_of_8_bit_images(sigma, seeded):
    x = pixels(5, 2, 6, 6, dtype=torch.float64)
    in_units = sigma / 255 if isinstance(sigma, float) else tuple(s / 255 for s in sigma)
    torch.testing.assert_close(
        Gaussian(sigma=sigma, white=255)(x, seeded(3)), Gaussian(sigma=in_units)(x, seeded(3))
    )


@pytest.mark.parametrize("corruption", [Gaussian, Speckle])
@pytest.mark.parametrize("shape", [(400,), (20, 20), (4, 10, 10)], ids=str)
def test_each_sample_draws_its_sigma_uniformly_from_a_range(corruption, shape, seeded):
    x = torch.full((1000, *shape), 0.5)
    noise = corruption(sigma=(0.2, 3.0), clip=False)(x, seeded(1)) - x
    deviations = noise.flatten(1).std(1).numpy() * (2 if corruption is Speckle else 1)
    # 400 values tell a deviation to 3.5 %, which widens the range a little.
    assert_uniform(deviations, 0.2, 3.0)
    standard = (noise.flatten(1) / noise.flatten(1).std(1, keepdim=True)).flatten()
    assert stats.kstest(standard[::20].numpy(), "norm").pvalue > 0.01


def test_gaussian_formula_for_given_draws():
    x, noise = (torch.randn(2, 3, 4, 5, generator=generator(s)).double() for s in (1, 2))
    sigma = torch.tensor([10.0, 40.0]).double()
    corruption = Gaussian(sigma=(1.0, 50.0), white=255, clip=False)
    expected = x.numpy() + sigma.numpy().reshape(2, 1, 1, 1) / 255 * noise.numpy()
    np.testing.assert_allclose(corruption.corrupt(x, noise, sigma), expected, rtol=1e-6)
    with pytest.raises(SettingError) as caught:
        corruption.corrupt(x, noise)
    assert str(caught.value) == (
        "The sigma of the corruption 'gaussian' is a range, (1.0, 50.0); give `corrupt` the sigma"
        " of each sample."
    )


@given(sigma=st.floats(0.05, 2), seed=seeds)
def test_speckle_has_the_distribution_of_scikit_image(sigma, seed):
    x = pixels(10, 500, dtype=torch.float64)
    ours = Speckle(sigma=sigma, clip=False)(x, generator(seed))
    theirs = random_noise(x.numpy(), "speckle", clip=False, rng=seed, var=sigma**2)
    relative = [((noisy - x.numpy()) / x.numpy()).flatten() for noisy in (ours.numpy(), theirs)]
    assert stats.ks_2samp(*relative).pvalue > 1e-4
    assert stats.pearsonr(relative[0], x.flatten().numpy()).pvalue > 1e-4


def test_speckle_leaves_black_black(seeded):
    assert not Speckle(sigma=2.0)(torch.zeros(3, 9, 9), seeded(0)).any()


# -- masking, salt and pepper ------------------------------------------------------------------


@given(fraction=shares, seed=seeds)
def test_masking_loses_its_share_and_leaves_the_rest(fraction, seed):
    x = pixels(20, 3, 10, 10) - 0.5
    corrupted = Masking(fraction=fraction)(x, generator(seed))
    lost = corrupted == 0
    assert torch.equal(corrupted[~lost], x[~lost])
    assert_share(lost, fraction)


@pytest.mark.parametrize("corruption", [Masking, SaltAndPepper])
def test_each_value_is_lost_by_itself(corruption, seeded):
    """Sums over any axis vary as those of independent values do, neither more nor less."""
    x = pixels(50, 40, 30, 20)
    lost = (corruption(fraction=0.3)(x, seeded(0)) != x).double()
    for axis, count in enumerate(x.shape):
        spread = lost.mean(axis).flatten().var().item() / (0.3 * 0.7 / count)
        assert spread == pytest.approx(1, abs=0.04), axis


@given(fraction=shares, low=st.floats(-3, -0.5), high=st.floats(1.5, 4), seed=seeds)
def test_salt_and_pepper_are_equally_many_and_leave_the_rest(fraction, low, high, seed):
    x = pixels(20, 3, 10, 10)
    corrupted = SaltAndPepper(fraction=fraction, low=low, high=high)(x, generator(seed))
    pepper, salt = corrupted == torch.tensor(low), corrupted == torch.tensor(high)
    assert torch.equal(corrupted[~(pepper | salt)], x[~(pepper | salt)])
    assert_share(pepper, fraction / 2)
    assert_share(salt, fraction / 2)


def test_salt_and_pepper_has_the_rates_of_scikit_image(seeded):
    x = pixels(100, 100)
    ours = SaltAndPepper(fraction=0.3)(x, seeded(0)).numpy()
    theirs = random_noise(x.numpy(), "s&p", rng=0, amount=0.3)
    table = [[(noisy == end).sum() for end in (0, 1)] for noisy in (ours, theirs)]
    for row in table:
        row.append(x.numel() - sum(row))
    assert stats.chi2_contingency(table).pvalue > 0.01


# -- poisson -----------------------------------------------------------------------------------


@given(peak=st.floats(0.5, 200), level=st.floats(0.05, 2), seed=seeds)
def test_photons_are_poisson_distributed(peak, level, seed):
    x = torch.full((5, 2000), level, dtype=torch.float64)
    photons = Poisson(peak=peak, clip=False)(x, generator(seed)).flatten().numpy() * peak
    counts = np.rint(photons).astype(int)
    np.testing.assert_allclose(photons, counts, atol=1e-9)
    law = stats.poisson(level * peak)
    edges = np.unique(law.ppf([0, 0.1, 0.3, 0.5, 0.7, 0.9, 1]))
    observed = np.histogram(counts, np.concatenate([[-1.5], edges[1:-1] + 0.5, [1e9]]))[0]
    expected = np.diff([0, *law.cdf(edges[1:-1]), 1]) * counts.size
    assert stats.chisquare(observed, expected).pvalue > 1e-5


def test_each_pixel_has_its_own_rate(seeded):
    x = torch.tensor([0.0, 0.2, 1.0]).expand(20_000, 3)
    counted = Poisson(peak=30, clip=False)(x, seeded(0)).numpy()
    np.testing.assert_allclose(counted.mean(0), x[0], atol=0.006)
    np.testing.assert_allclose(counted.var(0), x[0] / 30, atol=0.0015)


def test_black_stays_black_also_when_rounded(seeded):
    black = torch.tensor([[0.0, -9e-7]])
    assert not Poisson(peak=1e6)(black, seeded(0)).any()


# -- blur --------------------------------------------------------------------------------------


@given(shape=image_shapes, sigma=st.floats(0.05, 12), count=st.integers(1, 3))
def test_blur_is_that_of_scipy(shape, sigma, count):
    """Also where the kernel is wider than the image."""
    x = pixels(count, *shape, dtype=torch.float64)
    blurred = Blur(sigma=sigma)(x, generator())
    reach = math.ceil(4 * sigma)
    expected = ndimage.gaussian_filter(x, sigma, mode="reflect", radius=reach, axes=(-2, -1))
    np.testing.assert_allclose(blurred, expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(blurred.mean((-2, -1)), x.mean((-2, -1)))
    whole = ndimage.gaussian_filter(x, sigma, mode="reflect", truncate=9, axes=(-2, -1))
    np.testing.assert_allclose(blurred, whole, rtol=0, atol=5e-4)


def test_each_image_draws_its_blur_uniformly_from_the_range(seeded):
    dots = torch.zeros(500, 2, 21, 23, dtype=torch.float64)
    dots[:, 0, 10, 11] = dots[:, 1, 3, 4] = 1
    blurred = Blur(sigma=(0.5, 2.0))(dots, seeded(0)).numpy()
    # In a sampled Gaussian the middle and its neighbour tell σ: their ratio is exp(1 / (2 σ²)).
    sigmas = (2 * np.log(blurred[:, 0, 10, 11] / blurred[:, 0, 11, 11])) ** -0.5
    assert_uniform(sigmas, 0.5, 2.0)
    for sigma, dot, image in zip(sigmas[:20], dots.numpy(), blurred, strict=False):
        expected = ndimage.gaussian_filter(dot, sigma, mode="reflect", radius=8, axes=(-2, -1))
        np.testing.assert_allclose(image, expected, rtol=0, atol=1e-12)


# -- block -------------------------------------------------------------------------------------


@given(shape=image_shapes, fraction=shares, value=st.floats(2, 5), seed=seeds)
def test_block_hides_one_rectangle_in_all_channels(shape, fraction, value, seed):
    x = pixels(3, *shape)
    corrupted = Block(fraction=fraction, value=value)(x, generator(seed))
    hidden = (corrupted == value).reshape(3, -1, *shape[-2:])
    assert torch.equal(corrupted == value, corrupted != x)
    assert torch.equal(hidden, hidden[:, :1].expand_as(hidden))
    for image in hidden[:, 0]:
        rows, columns = image.any(1), image.any(0)
        assert torch.equal(image, rows[:, None] & columns)
        for side in (rows, columns):
            length = round(fraction * len(side))
            places = side.nonzero().flatten()
            if image.any():
                assert len(places) == length
                assert places[-1] - places[0] == length - 1
            else:
                assert 0 in [round(fraction * size) for size in image.shape]


def test_block_hides_a_quarter_with_0_at_all_places_equally_often(seeded):
    x = torch.ones(3200, 4, 6)
    hidden = Block()(x, seeded(0)) == 0
    assert (hidden.sum((1, 2)) == 6).all()
    corners = hidden.flatten(1).int().argmax(1)
    times = torch.bincount(corners, minlength=24).reshape(4, 6)
    assert times[:3, :4].sum() == 3200
    assert stats.chisquare(times[:3, :4].flatten()).pvalue > 0.01
