"""Steps along and across data whose directions are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from sklearn.decomposition import PCA

from isthmus.core.errors import DataError, SettingError
from isthmus.metrics import contraction, contraction_map

Array = NDArray[Any]


def plane(count: int = 80, size: int = 6, seed: int = 0) -> tuple[Array, Array]:
    """Points ``(count, size)`` on a plane through space, and its two directions."""
    generator = np.random.default_rng(seed)
    basis = np.linalg.qr(generator.normal(size=(size, size)))[0][:2]
    return generator.normal(size=(count, 2)) @ basis + 3, basis


@given(scale=st.floats(0.1, 10), size=st.integers(2, 8), directions=st.integers(1, 9))
def test_what_lengthens_all_alike_does_so_both_ways(
    scale: float, size: int, directions: int
) -> None:
    samples = np.random.default_rng(size).normal(size=(30, size))
    along, across = contraction(lambda x: scale * x, samples, directions=directions)
    np.testing.assert_allclose(along, scale)
    np.testing.assert_allclose(across, scale)


def test_an_encoder_that_keeps_the_data_alone_has_1_along_and_0_across() -> None:
    samples, basis = plane()
    ratios = contraction(lambda x: x @ basis.T, samples, directions=2)
    assert ratios.along.shape == ratios.across.shape == (80,)
    np.testing.assert_allclose(ratios.along, 1)
    np.testing.assert_allclose(ratios.across, 0, atol=1e-9)


def test_directions_that_the_neighbours_do_not_span_do_not_count() -> None:
    """Five are asked for, the plane has two: the other three are not data."""
    samples, basis = plane()
    ratios = contraction(lambda x: x @ basis.T, samples, directions=5)
    np.testing.assert_allclose(ratios.along, 1)
    np.testing.assert_allclose(ratios.across, 0, atol=1e-9)


def test_along_is_the_first_directions_of_scikit_learns_pca_of_the_neighbours() -> None:
    generator = np.random.default_rng(0)
    samples, matrix = generator.normal(size=(60, 6)), generator.normal(size=(6, 3))
    near = np.argsort(cdist(samples, samples), axis=1)[:, 1:8]
    expected = [
        np.linalg.norm(PCA(2).fit(samples[place]).components_ @ matrix) / np.sqrt(2)
        for place in near
    ]
    ratios = contraction(lambda x: x @ matrix, samples, neighbours=7, directions=2)
    np.testing.assert_allclose(ratios.along, expected)


def test_directions_are_about_the_neighbours_mean_not_about_the_sample() -> None:
    """A sample off the line has its neighbours, and so the direction along, on the line."""
    line = np.column_stack([np.linspace(0, 1, 50), np.zeros(50)])
    samples = np.concatenate([line, [[0.5, 0.2]]])
    along, across = contraction(lambda x: x[:, 1:], samples, neighbours=3)
    assert along[-1] == pytest.approx(0, abs=1e-9)
    assert across[-1] == pytest.approx(1)


def test_the_formula_has_both_signs_and_the_stated_step() -> None:
    """For f(x) = x₀² and data along x₀: mean over ± of (±2 x₀ ε + ε²)² = 4 x₀² ε² + ε⁴."""
    first = np.sort(np.random.default_rng(0).normal(size=40))
    samples = np.column_stack([first, np.full(40, 2.0)])
    nearest = np.sort(cdist(samples, samples), axis=1)[:, 1:5]
    step = 0.3 * np.median(nearest.mean(1))
    along, across = contraction(lambda x: x[:, :1] ** 2, samples, neighbours=4, share=0.3)
    np.testing.assert_allclose(along, np.sqrt(4 * first**2 + step**2))
    np.testing.assert_allclose(across, 0, atol=1e-9)
    by_default = contraction(lambda x: x[:, :1] ** 2, samples)
    ten = np.sort(cdist(samples, samples), axis=1)[:, 1:11]
    expected = np.sqrt(4 * first**2 + (0.1 * np.median(ten.mean(1))) ** 2)
    np.testing.assert_allclose(by_default.along, expected)


def test_directions_across_are_uniform_among_those_that_are_left() -> None:
    """Data along x₀: any f of the others has its squared norm over 3 as mean square across."""
    samples = np.zeros((2000, 4))
    samples[:, 0] = np.arange(2000)
    scales = np.array([50.0, 1, 2, 3])
    for encode in (lambda x: x * scales, lambda x: x @ scales):
        ratios = contraction(encode, samples, directions=3, seed=5)
        np.testing.assert_allclose(ratios.along, 50)
        assert np.square(ratios.across).mean() == pytest.approx((1 + 4 + 9) / 3, rel=0.05)


def test_a_circle_seen_by_its_angle_and_by_its_radius() -> None:
    turn = np.linspace(0, 2 * np.pi, 300, endpoint=False)
    samples = np.column_stack([np.cos(turn), np.sin(turn)])

    def angle(x: Array) -> Array:
        return x / np.linalg.norm(x, axis=1, keepdims=True)

    def radius(x: Array) -> Array:
        return np.linalg.norm(x, axis=1)

    by_angle, by_radius = contraction(angle, samples), contraction(radius, samples)
    np.testing.assert_allclose(by_angle.along, 1, atol=0.01)
    np.testing.assert_allclose(by_angle.across, 0, atol=0.01)
    np.testing.assert_allclose(by_radius.along, 0, atol=0.01)
    np.testing.assert_allclose(by_radius.across, 1, atol=0.01)


def test_copies_are_no_neighbours() -> None:
    samples, basis = plane()
    copies = np.concatenate([samples, *[samples[:1]] * 20])
    ratios = contraction(lambda x: x @ basis.T, copies, directions=2)
    np.testing.assert_allclose(ratios.along, 1)
    np.testing.assert_allclose(ratios.across, 0, atol=1e-9)


@pytest.mark.parametrize(
    ("given_type", "seen_type"),
    [(np.uint8, np.float32), (np.float32, np.float32), (np.float64, np.float64)],
)
@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 2), (12,)])
def test_the_encoder_sees_samples_as_they_are(
    shape: tuple[int, ...], given_type: type, seen_type: type
) -> None:
    samples = np.random.default_rng(0).integers(0, 255, (20, *shape)).astype(given_type)
    before = samples.copy()

    def encode(x: Array) -> Array:
        assert x.shape[1:] == shape
        assert x.dtype == seen_type
        return 3 * x.reshape(len(x), -1)

    ratios = contraction(encode, samples)
    np.testing.assert_allclose(ratios, 3, rtol=1e-4)
    assert ratios.along.dtype == ratios.across.dtype == np.float64
    np.testing.assert_array_equal(samples, before)


def test_parts_and_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = np.random.default_rng(0).normal(size=(50, 10))

    def encode(x: Array) -> Array:
        return np.tanh(x[:, :5] * x[:, 5:])

    once = contraction(encode, samples, seed=1)
    np.testing.assert_array_equal(once, contraction(encode, samples, seed=1))
    other = contraction(encode, samples, seed=2)
    np.testing.assert_array_equal(once.along, other.along)
    assert (once.across != other.across).all()
    monkeypatch.setitem(contraction.__globals__, "_TOGETHER", 7)
    np.testing.assert_allclose(contraction(encode, samples, seed=1), once)


@pytest.mark.parametrize(
    ("samples", "settings", "message"),
    [
        (np.eye(5), {"neighbours": 5}, "5 neighbours are asked for, but there are 5 distinct"),
        (np.eye(5)[[0, 1, 2, 2, 2]], {"neighbours": 3}, "there are 3 distinct samples"),
        (np.eye(5), {"neighbours": 1}, "at least 2"),
        (np.arange(20.0)[:, None], {}, "at least 2 values"),
        (np.full((20, 3), np.nan), {}, "all of them finite"),
    ],
)
def test_samples_without_neighbours_or_directions_are_refused(
    samples: Array, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        contraction(lambda x: x, samples, **settings)


@pytest.mark.parametrize("settings", [{"directions": 0}, {"share": 0.0}, {"share": np.nan}])
def test_steps_that_go_nowhere_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match="at least 1 direction and a share greater than 0"):
        contraction(lambda x: x, np.random.default_rng(0).random((20, 3)), **settings)


# -- the map --------------------------------------------------------------------------------


def test_the_map_of_an_encoder_that_keeps_the_data_alone_does_not_rise_across() -> None:
    line = np.outer(np.linspace(0, 1, 60), [0.6, 0.8, 0])
    found = contraction_map(lambda x: x @ np.array([[0.6], [0.8], [0]]), line, places=5)
    assert found.steps.tolist() == [-1, -0.5, 0, 0.5, 1]
    distances = found.distances / found.distances[2, 4]
    np.testing.assert_allclose(distances, np.tile([1, 0.5, 0, 0.5, 1], (5, 1)), atol=1e-9)


@given(scale=st.floats(0.1, 10), size=st.integers(2, 6))
def test_the_map_of_what_lengthens_all_alike_is_round(scale: float, size: int) -> None:
    samples = np.random.default_rng(size).normal(size=(30, size))
    near = np.sort(cdist(samples, samples), axis=1)[:, 1:11].mean(1)
    found = contraction_map(lambda x: scale * x, samples, places=7, origins=4)
    radii = np.hypot(*np.meshgrid(found.steps, found.steps))
    np.testing.assert_allclose(found.distances, scale * np.median(near) * radii, atol=1e-9)
