"""PSNR and SSIM beside scikit-image's and beside their formulas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes
from numpy.typing import NDArray
from scipy.signal import convolve2d
from skimage.metrics import peak_signal_noise_ratio

from isthmus.core.errors import DataError
from isthmus.metrics import METRICS

PSNR, SSIM = METRICS.build("psnr"), METRICS.build("ssim")


def similarity(x: NDArray[np.float64], r: NDArray[np.float64]) -> float:
    """SSIM of two grey images by its formula."""
    bell = np.exp(-np.square(np.arange(-5, 6)) / (2 * 1.5**2))
    window = np.outer(bell, bell) / bell.sum() ** 2

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return convolve2d(values, window, mode="valid")

    mean_x, mean_r = mean(x), mean(r)
    variances = mean(x * x) - mean_x**2 + mean(r * r) - mean_r**2
    covariance = mean(x * r) - mean_x * mean_r
    brightness = (2 * mean_x * mean_r + 0.01**2) / (mean_x**2 + mean_r**2 + 0.01**2)
    return float((brightness * (2 * covariance + 0.03**2) / (variances + 0.03**2)).mean())


@given(
    shape=array_shapes(min_dims=2, max_dims=4, max_side=6),
    noise=st.floats(1e-3, 2),
    seed=st.integers(0, 99),
)
def test_psnr_is_scikit_images(shape: tuple[int, ...], noise: float, seed: int) -> None:
    generator = np.random.default_rng(seed)
    target = generator.random(shape)
    output = target + noise * (0.1 + generator.random(shape))
    expected = [
        peak_signal_noise_ratio(x, r, data_range=1) for x, r in zip(target, output, strict=True)
    ]
    np.testing.assert_allclose(PSNR(target, output), expected)


@pytest.mark.parametrize(
    ("error", "decibels"), [(1, 0), (0.1, 20), (2e-5, 93.9794), (1e-5, 100), (1e-6, 100), (0, 100)]
)
def test_psnr_of_one_error_everywhere_is_capped_at_100(error: float, decibels: float) -> None:
    target = np.zeros((1, 3, 4))
    assert PSNR(target, target + error) == pytest.approx(decibels)


@given(sides=st.tuples(st.integers(11, 20), st.integers(11, 20)), seed=st.integers(0, 99))
def test_ssim_is_its_formula(sides: tuple[int, int], seed: int) -> None:
    target, output = np.random.default_rng(seed).random((2, 2, *sides))
    output = 0.6 * target + 0.4 * output
    expected = [similarity(x, r) for x, r in zip(target, output, strict=True)]
    np.testing.assert_allclose(SSIM(target, output), expected)


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_ssim_of_colour_is_the_mean_of_its_channels(channels: int) -> None:
    target, output = np.random.default_rng(0).random((2, 4, channels, 12, 15))
    by_channel = [SSIM(target[:, c], output[:, c]) for c in range(channels)]
    np.testing.assert_allclose(SSIM(target, output), np.mean(by_channel, axis=0))


def test_ssim_of_images_of_one_grey_compares_their_brightness() -> None:
    values = SSIM(np.full((1, 11, 11), 0.2), np.full((1, 11, 11), 0.8))
    assert values == pytest.approx((2 * 0.2 * 0.8 + 1e-4) / (0.2**2 + 0.8**2 + 1e-4))


def test_ssim_goes_from_1_for_a_copy_below_0_for_a_negative() -> None:
    target = np.random.default_rng(0).random((3, 16, 16)).astype(np.float32)
    np.testing.assert_array_equal(SSIM(target, target), 1)
    assert (SSIM(target, 1 - target) < -0.5).all()


def test_ssim_takes_flat_outputs_and_any_precision() -> None:
    target, output = np.random.default_rng(0).random((2, 3, 12, 13)).astype(np.float32)
    expected = SSIM(target.astype(np.float64), output.astype(np.float64))
    np.testing.assert_array_equal(SSIM(target, output.reshape(3, -1)), expected)


@pytest.mark.parametrize(
    ("shape", "defined"),
    [
        ((11, 11), True),
        ((3, 11, 30), True),
        ((1, 30, 11), True),
        ((10, 11), False),
        ((11, 10), False),
        ((30, 30, 10), False),
        ((121,), False),
        ((), False),
        ((20, 20, 20, 20), False),
    ],
)
def test_ssim_applies_to_images_as_large_as_its_window(
    shape: tuple[int, ...], defined: bool
) -> None:
    assert METRICS["ssim"].applies(shape) is defined
    samples = np.zeros((1, *shape))
    if defined:
        assert SSIM(samples, samples) == 1
    else:
        with pytest.raises(DataError, match="SSIM needs images"):
            SSIM(samples, samples)


@pytest.mark.parametrize("kind", [kind for kind in METRICS if kind != "ssim"])
def test_other_metrics_apply_to_all_shapes(kind: str) -> None:
    assert METRICS[kind].applies((2,))
    assert METRICS[kind].applies((3, 4, 4))
