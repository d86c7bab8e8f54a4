"""Classical restorers: what all of them keep to, and their results beside others' code."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import median_filter
from skimage.data import astronaut, camera
from skimage.metrics import peak_signal_noise_ratio
from skimage.restoration import denoise_nl_means, denoise_wavelet, estimate_sigma
from skimage.util import random_noise
from sklearn.linear_model import Ridge

from isthmus.core.errors import DataError, SettingError
from isthmus.inference.classical import RESTORERS, LinearRestorer

Array = NDArray[Any]
each_kind = pytest.mark.parametrize("kind", list(RESTORERS))


def photo(side: int = 96) -> NDArray[np.float32]:
    """Part of a photograph ``(side, side)`` in [0, 1], with texture, edges and flat sky."""
    return (camera()[100 : 100 + side, 180 : 180 + side] / 255).astype(np.float32)


def noisy(images: Array, sigma: float, seed: int = 0) -> NDArray[np.float32]:
    noise = np.random.default_rng(seed).normal(size=images.shape)
    return (images + sigma * noise).astype(np.float32)


def gain(restored: Array, corrupted: Array, clean: Array) -> float:
    """Decibels won."""
    before, after = (peak_signal_noise_ratio(clean, x, data_range=1) for x in (corrupted, restored))
    return float(after - before)


@each_kind
@given(
    sides=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    channels=st.sampled_from([None, 1, 2, 3, 5]),
    count=st.integers(0, 3),
)
def test_images_of_any_size_come_back_as_pixels(
    kind: str, sides: tuple[int, int], channels: int | None, count: int
) -> None:
    shape = (count, *sides) if channels is None else (count, channels, *sides)
    images = np.random.default_rng(0).uniform(-0.5, 1.5, shape)
    before = images.copy()
    restored = RESTORERS.build(kind)(images)
    assert restored.shape == shape
    assert restored.dtype == np.float32
    assert ((restored >= 0) & (restored <= 1)).all()
    np.testing.assert_array_equal(images, before)


@each_kind
def test_images_do_not_touch_each_other_and_one_channel_is_grey(kind: str) -> None:
    images = noisy(np.stack([photo(32)[:, :24], photo(32)[:, 8:]]), 0.1)
    restorer = RESTORERS.build(kind)
    together = restorer(images)
    np.testing.assert_array_equal(together, np.concatenate([restorer(x[None]) for x in images]))
    np.testing.assert_array_equal(together, restorer(images[:, None])[:, 0])


@each_kind
@pytest.mark.parametrize("channels", [1, 3])
def test_rows_and_columns_are_alike(kind: str, channels: int) -> None:
    images = noisy(np.stack([photo(40)[:, :32]] * channels)[None], 0.1)
    restorer = RESTORERS.build(kind)
    turned = restorer(images.swapaxes(2, 3)).swapaxes(2, 3)
    np.testing.assert_allclose(restorer(images), turned, atol=1e-5)


@each_kind
@pytest.mark.parametrize("level", [0.0, 0.3, 1.0])
def test_what_is_flat_stays_as_it_is(kind: str, level: float) -> None:
    images = np.full((1, 3, 24, 20), level, np.float32)
    np.testing.assert_allclose(RESTORERS.build(kind)(images), images, atol=1e-6)


@each_kind
def test_what_is_no_image_is_refused(kind: str) -> None:
    restorer = RESTORERS.build(kind)
    for shape in [(4, 9), (4, 2, 3, 8, 8)]:
        with pytest.raises(DataError, match=f"'{kind}' needs images"):
            restorer(np.zeros(shape))
    for value in (np.nan, np.inf):
        with pytest.raises(DataError, match=f"'{kind}' needs finite values"):
            restorer(np.full((1, 8, 8), value))


@pytest.mark.parametrize(
    ("spec", "least"),
    [
        ("non_local_means", 5),
        ({"kind": "non_local_means", "sigma": 0.1}, 5),
        ("wavelet", 5),
        ({"kind": "wavelet", "sigma": 0.1}, 5),
        ("total_variation", 5),
        ("median", 3),
    ],
    ids=str,
)
def test_denoisers_denoise(spec: Any, least: float) -> None:
    clean = photo()
    corrupted = noisy(clean, 0.1)
    (restored,) = RESTORERS.build(spec)(corrupted[None])
    assert gain(restored, corrupted, clean) > least


def test_non_local_means_is_scikit_images() -> None:
    grey = noisy(photo(48)[:, :40], 0.1)
    restorer = RESTORERS.build({"kind": "non_local_means", "sigma": 0.1, "patch": 3, "distance": 4})
    expected = denoise_nl_means(grey, patch_size=3, patch_distance=4, h=0.08, sigma=0.1)
    np.testing.assert_allclose(restorer(grey[None])[0], expected.clip(0, 1), atol=1e-4)
    colour = noisy(astronaut()[:40, 200:248] / 255, 0.1)
    expected = denoise_nl_means(
        colour, patch_size=5, patch_distance=6, h=0.08, sigma=0.1, channel_axis=-1
    )
    restored = RESTORERS.build({"kind": "non_local_means", "sigma": 0.1})(
        np.moveaxis(colour, -1, 0)[None]
    )
    np.testing.assert_allclose(np.moveaxis(restored[0], 0, -1), expected.clip(0, 1), atol=1e-4)


@pytest.mark.parametrize(("side", "levels"), [(16, 1), (28, 2), (60, 3)])
def test_wavelets_are_scikit_images_on_all_levels(side: int, levels: int) -> None:
    image = noisy(photo(side), 0.1).astype(np.float64)
    expected = denoise_wavelet(
        image, 0.07, "sym4", method="BayesShrink", mode="soft", wavelet_levels=levels
    )
    restored = RESTORERS.build({"kind": "wavelet", "sigma": 0.07})(np.stack([image] * 2)[None])
    for channel in restored[0]:
        np.testing.assert_allclose(channel, expected.clip(0, 1), atol=1e-6)


@pytest.mark.parametrize("kind", ["non_local_means", "wavelet"])
def test_noise_is_estimated_in_each_image(kind: str) -> None:
    clean = np.moveaxis(astronaut()[:48, 200:240] / 255, -1, 0)
    images = np.stack([noisy(clean, 0.05), noisy(clean, 0.2)])
    restored = RESTORERS.build(kind)(images)
    for image, found in zip(images, restored, strict=True):
        sigma = float(np.mean([estimate_sigma(channel) for channel in image]))
        by_hand = RESTORERS.build({"kind": kind, "sigma": sigma})(image[None])
        np.testing.assert_allclose(found, by_hand[0], atol=1e-4)
    assert (np.abs(restored - RESTORERS.build({"kind": kind, "sigma": 0.01})(images)) > 0.01).any()


def test_total_variation_moves_two_halves_towards_each_other() -> None:
    """Each half of n columns gains 1 / n of the weight: the least of its formula, by hand."""
    step = np.zeros((1, 20, 6), np.float32)
    step[:, :, 3:] = 1
    restored = RESTORERS.build({"kind": "total_variation", "weight": 0.3})(step)
    expected = np.where(step > 0, 1 - 0.3 / 3, 0.3 / 3)
    np.testing.assert_allclose(restored, expected, atol=0.02)


@pytest.mark.parametrize("kind", ["wavelet", "total_variation", "median"])
def test_channels_are_restored_one_by_one(kind: str) -> None:
    restorer = RESTORERS.build({"kind": kind, **({"sigma": 0.1} if kind == "wavelet" else {})})
    images = noisy(np.moveaxis(astronaut()[:40, 200:230] / 255, -1, 0), 0.1)
    together, alone = restorer(images[None])[0], restorer(images)
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_the_median_is_of_the_square_and_removes_salt_and_pepper() -> None:
    clean = photo()
    corrupted = random_noise(clean, "s&p", rng=0, amount=0.1).astype(np.float32)
    (restored,) = RESTORERS.build("median")(corrupted[None])
    np.testing.assert_array_equal(restored, median_filter(corrupted, 3, mode="reflect"))
    assert gain(restored, corrupted, clean) > 10
    wide = RESTORERS.build({"kind": "median", "size": 5})(np.stack([corrupted, clean])[None])
    np.testing.assert_array_equal(wide[0, 0], median_filter(corrupted, 5))
    np.testing.assert_array_equal(wide[0, 1], median_filter(clean, 5))


def test_a_square_without_a_middle_is_refused() -> None:
    with pytest.raises(SettingError, match="size must be odd, but it is 4"):
        RESTORERS.build({"kind": "median", "size": 4})


def windows(array: Array, side: int) -> Array:
    """Square about each pixel ``(H, W, side, side)``, mirrored beyond the border."""
    padded = np.pad(array, side // 2, mode="symmetric")
    return np.lib.stride_tricks.sliding_window_view(padded, (side, side))


def without_haze(image: Array, patch: int, omega: float, least: float) -> Array:
    """The dark channel rule window by window."""
    dark = windows(image.min(0), patch).min((2, 3))
    brightest = np.sort(dark.ravel())[-max(1, round(dark.size / 1000))]
    candidates = image[:, dark >= brightest].T
    air = candidates[candidates.sum(1).argmax()][:, None, None]
    rough = 1 - omega * windows((image / air).min(0), patch).min((2, 3))
    side = 8 * patch + 1
    guide, values = (windows(x, side).reshape(*rough.shape, -1) for x in (image.mean(0), rough))
    slope, offset = np.zeros((2, *rough.shape))
    for place in np.ndindex(rough.shape):
        g, v = guide[place], values[place]
        slope[place] = ((g - g.mean()) * (v - v.mean())).mean() / (g.var() + 1e-3)
        offset[place] = v.mean() - slope[place] * g.mean()
    smooth = windows(slope, side).mean((2, 3)) * image.mean(0) + windows(offset, side).mean((2, 3))
    return (image - air) / np.maximum(smooth, least) + air


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("patch", "omega", "least"), [(3, 0.95, 0.1), (3, 0.6, 0.1), (3, 1.0, 0.7), (1, 0.95, 0.1)]
)
def test_the_dark_channel_rule_step_by_step(
    channels: int, patch: int, omega: float, least: float
) -> None:
    image = np.random.default_rng(0).uniform(0.3, 0.9, (channels, 40, 51))
    image += np.linspace(0, 0.1, 40)[:, None]
    restorer = RESTORERS.build(
        {
            "kind": "dark_channel",
            "patch": patch,
            "omega": omega,
            "least_transmission": least,
        }
    )
    expected = without_haze(image, patch, omega, least)
    assert ((expected < 0) | (expected > 1)).mean() < 0.9
    np.testing.assert_allclose(restorer(image[None])[0], expected.clip(0, 1), atol=1e-5)


def test_haze_is_removed_from_a_photograph() -> None:
    """The upper rows are sky in the colour of the air, the scene below fades into it."""
    clean = np.moveaxis(astronaut()[150:350, 100:300] / 255, -1, 0)
    air = np.array([0.85, 0.9, 0.95])[:, None, None]
    share = np.where(np.arange(200) < 40, 0, np.linspace(0.3, 0.7, 200))[:, None]
    clean = np.where(share > 0, clean, air)
    hazy = clean * share + air * (1 - share)
    restorer = RESTORERS.build("dark_channel")
    np.testing.assert_allclose(restorer.airlight(hazy), air.ravel())
    below = np.s_[:, 60:]
    restored = restorer(hazy[None])[0]
    assert gain(restored[below], hazy[below], clean[below].astype(np.float32)) > 4


def ridge_pairs(count: int, shape: tuple[int, ...] = (3, 4)) -> tuple[Array, Array]:
    """Samples with values that go together, and noisy copies."""
    generator = np.random.default_rng(count)
    size = int(np.prod(shape))
    clean = 0.5 + 0.1 * generator.normal(size=(count, 3)) @ generator.normal(size=(3, size))
    corrupted = clean + 0.2 * generator.normal(size=clean.shape) + 0.3
    return corrupted.reshape(count, *shape), clean.reshape(count, *shape)


def cross_validation_error(x: Array, y: Array, penalty: float) -> float:
    """Generalised, by the matrix that makes the fitted of the true values."""
    x, y = x - x.mean(0), y - y.mean(0)
    hat = x @ np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T)
    return float(np.square(y - hat @ y).sum() / (len(x) - 1 - np.trace(hat)) ** 2)


@pytest.mark.parametrize("count", [2, 5, 12, 40, 500])
def test_the_linear_restorer_is_scikit_learns_ridge_at_the_least_error(count: int) -> None:
    corrupted, clean = ridge_pairs(count)
    x, y = corrupted.reshape(count, -1), clean.reshape(count, -1)
    restorer = LinearRestorer()
    assert restorer.fit(corrupted, clean) is restorer
    greatest = np.linalg.eigvalsh(np.cov(x.T, ddof=0) * count)[-1]
    grid = greatest * 10.0 ** np.arange(-6, 1.5, 0.5)
    assert np.isclose(grid, restorer.penalty).sum() == 1
    if count > 2:  # with two all penalties have the same error, but for rounding
        errors = [cross_validation_error(x, y, penalty) for penalty in grid]
        assert restorer.penalty == pytest.approx(grid[np.argmin(errors)])
    oracle = Ridge(restorer.penalty).fit(x, y)
    np.testing.assert_allclose(restorer.weight, oracle.coef_.T, atol=1e-5)
    np.testing.assert_allclose(restorer.intercept, oracle.intercept_, atol=1e-5)
    expected = oracle.predict(x).clip(y.min(), y.max()).reshape(corrupted.shape)
    np.testing.assert_allclose(restorer(corrupted), expected, atol=1e-5)


def test_the_penalty_follows_the_noise() -> None:
    """With few noisy samples it is neither the least nor the greatest of the grid."""
    corrupted, clean = ridge_pairs(14)
    greatest = np.linalg.eigvalsh(np.cov(corrupted.reshape(14, -1).T, ddof=0) * 14)[-1]
    assert 1e-3 < LinearRestorer().fit(corrupted, clean).penalty / greatest < 10
    unrelated = np.random.default_rng(1).random(clean.shape)
    assert LinearRestorer().fit(corrupted, unrelated).penalty / greatest == pytest.approx(10)
    same = LinearRestorer().fit(clean, clean)
    np.testing.assert_allclose(same(clean), clean, atol=1e-4)


@given(
    shape=st.lists(st.integers(1, 4), max_size=3).map(tuple),
    count=st.integers(2, 6),
    dtype=st.sampled_from([np.float32, np.float64, np.uint8]),
)
def test_samples_of_any_shape_come_back_within_their_range(
    shape: tuple[int, ...], count: int, dtype: type
) -> None:
    corrupted, clean = (np.abs(3 * part).astype(dtype) for part in ridge_pairs(count, shape))
    restored = LinearRestorer().fit(corrupted, clean)(corrupted[:1])
    assert restored.shape == (1, *shape)
    assert restored.dtype == np.float32
    assert restored.min() >= np.float32(clean.min())
    assert restored.max() <= np.float32(clean.max())


def test_parts_of_the_samples_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    corrupted, clean = ridge_pairs(50)
    once = LinearRestorer().fit(corrupted, clean)
    monkeypatch.setattr("isthmus.data.chunks._CHUNK_BYTES", 7 * corrupted[0].nbytes)
    parts = LinearRestorer().fit(corrupted, clean)
    assert parts.penalty == pytest.approx(once.penalty)
    np.testing.assert_allclose(parts.weight, once.weight, atol=1e-6)
    np.testing.assert_allclose(parts.intercept, once.intercept, atol=1e-6)


def test_samples_that_are_all_alike_are_predicted() -> None:
    corrupted, clean = np.full((5, 2, 2), 0.3), np.full((5, 2, 2), 0.6)
    restored = LinearRestorer().fit(corrupted, clean)(np.random.default_rng(0).random((3, 2, 2)))
    np.testing.assert_allclose(restored, 0.6, rtol=1e-6)


def test_digits_are_denoised_better_than_by_their_mean(digits: NDArray[np.float32]) -> None:
    corrupted = noisy(digits, 0.5).clip(0, 1)
    restored = LinearRestorer().fit(corrupted[:1200], digits[:1200])(corrupted[1200:])
    clean = digits[1200:]
    mean = np.broadcast_to(digits[:1200].mean(0), clean.shape)
    assert gain(restored, corrupted[1200:], clean) > 4
    assert gain(restored, mean, clean) > 1.5


def test_what_cannot_be_fitted_is_refused() -> None:
    corrupted, clean = ridge_pairs(9)
    with pytest.raises(DataError, match=r"\(9, 3, 4\) and the clean ones \(9, 12\)"):
        LinearRestorer().fit(corrupted, clean.reshape(9, 12))
    with pytest.raises(DataError, match="at least 2 pairs"):
        LinearRestorer().fit(corrupted[:1], clean[:1])
    for part in (corrupted, clean):
        before, part[3, 1, 2] = part[3, 1, 2], np.nan
        with pytest.raises(DataError, match="finite"):
            LinearRestorer().fit(corrupted, clean)
        part[3, 1, 2] = before
    with pytest.raises(DataError, match="not fitted yet"):
        LinearRestorer()(corrupted)
    restorer = LinearRestorer().fit(corrupted, clean)
    with pytest.raises(DataError, match="samples of 12 values, but these have 8"):
        restorer(corrupted[:, :2])
