"""What holds for every metric, and their values beside scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, log_loss, mean_squared_error

from isthmus.metrics import METRICS

SHAPES = [(5, 7), (5, 8, 8), (5, 3, 4, 6), (1, 2), (2, 12, 11), (2, 3, 11, 12)]
KINDS = [kind for kind in METRICS if METRICS[kind].of == "samples"]


def pair(shape: tuple[int, ...]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Targets and outputs in (0, 1)."""
    generator = np.random.default_rng(0)
    target, output = generator.uniform(0.01, 0.99, (2, *shape)).astype(np.float32)
    return target, output


@pytest.mark.parametrize(
    ("kind", "shape"),
    [(kind, shape) for kind in KINDS for shape in SHAPES if METRICS[kind].applies(shape[1:])],
)
def test_one_finite_number_for_each_sample(kind: str, shape: tuple[int, ...]) -> None:
    target, output = pair(shape)
    values = METRICS.build(kind)(target, output)
    assert values.shape == (shape[0],)
    assert values.dtype == np.float64
    assert np.isfinite(values).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_perfect_reconstruction_is_better(kind: str) -> None:
    metric = METRICS.build(kind)
    target, output = pair((20, 12, 12))
    target = np.round(target)  # black and white: a cross-entropy of 0 can be reached
    gain = metric(target, target) - metric(target, output)
    assert ((gain > 0) == metric.higher_is_better).all()
    assert (gain != 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_samples_do_not_touch_each_other(kind: str) -> None:
    metric = METRICS.build(kind)
    target, output = pair((6, 12, 11))
    alone = [metric(target[i : i + 1], output[i : i + 1])[0] for i in range(6)]
    np.testing.assert_array_equal(metric(target, output), alone)


@pytest.mark.parametrize("kind", list(METRICS))
def test_titles_tell_metrics_apart(kind: str) -> None:
    titles = [METRICS[other].title for other in METRICS]
    assert titles.count(METRICS[kind].title) == 1


def test_squared_errors_are_scikit_learns() -> None:
    target, output = pair((9, 8, 8))
    flat_target, flat_output = target.reshape(9, -1), output.reshape(9, -1)
    expected = mean_squared_error(flat_target.T, flat_output.T, multioutput="raw_values")
    np.testing.assert_allclose(
        METRICS.build("mean_squared_error")(target, output), expected, rtol=1e-5
    )
    np.testing.assert_allclose(
        METRICS.build("squared_error")(target, output), 64 * expected, rtol=1e-5
    )


def test_cross_entropy_is_scikit_learns() -> None:
    target, output = pair((9, 40))
    target = np.round(target)
    expected = [
        log_loss(x, r.astype(float), labels=[0, 1]) for x, r in zip(target, output, strict=True)
    ]
    np.testing.assert_allclose(
        METRICS.build("binary_cross_entropy")(target, output), expected, rtol=1e-6
    )


def test_cross_entropy_of_a_sure_mistake_is_finite() -> None:
    value = METRICS.build("binary_cross_entropy")(np.ones((1, 4)), np.zeros((1, 4)))
    assert value == pytest.approx(-np.log(1e-7))


def test_pixel_accuracy_is_scikit_learns() -> None:
    target, output = pair((9, 40))
    expected = [accuracy_score(x > 0.5, r > 0.5) for x, r in zip(target, output, strict=True)]
    np.testing.assert_allclose(METRICS.build("pixel_accuracy")(target, output), expected)
