"""How far a reconstruction is from its sample."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.metrics._base import METRICS, Metric

_LEAST = 1e-7  # of a probability, so that no logarithm is infinite


def _flat(values: NDArray[Any]) -> NDArray[np.float64]:
    return np.asarray(values, np.float64).reshape(len(values), -1)


@METRICS.register("squared_error")
class SquaredError(Metric):
    """Σ_i (r_i - x_i)², summed over the values of a sample."""

    title = "squared error, per sample"

    def __call__(self, target: NDArray[Any], output: NDArray[Any]) -> NDArray[np.float64]:
        """Squared errors ``(N,)``."""
        return np.asarray(np.square(_flat(output) - _flat(target)).sum(1))


@METRICS.register("mean_squared_error")
class MeanSquaredError(Metric):
    """(1/D) Σ_i (r_i - x_i)²."""

    title = "squared error, per value"

    def __call__(self, target: NDArray[Any], output: NDArray[Any]) -> NDArray[np.float64]:
        """Mean squared errors ``(N,)``."""
        return np.asarray(np.square(_flat(output) - _flat(target)).mean(1))


@METRICS.register("binary_cross_entropy")
class BinaryCrossEntropy(Metric):
    """-(1/D) Σ_i [x_i log r_i + (1 - x_i) log(1 - r_i)] in nats, r kept in [1e-7, 1 - 1e-7]."""

    title = "binary cross-entropy, per pixel"
    unit_range = True

    def __call__(self, target: NDArray[Any], output: NDArray[Any]) -> NDArray[np.float64]:
        """Cross-entropies ``(N,)``."""
        x, r = _flat(target), np.clip(_flat(output), _LEAST, 1 - _LEAST)
        return np.asarray(-(x * np.log(r) + (1 - x) * np.log1p(-r)).mean(1))


@METRICS.register("pixel_accuracy")
class PixelAccuracy(Metric):
    """Share of pixels on the same side of 0.5 in sample and reconstruction.

    The explicit form of the "accuracy" of reconstructions in lecture note 001 (K-04). The other
    reading, pixels that are exactly equal, is capped by the grey ones and says little.
    """

    title = "pixel accuracy at 0.5"
    higher_is_better = True
    unit_range = True

    def __call__(self, target: NDArray[Any], output: NDArray[Any]) -> NDArray[np.float64]:
        """Shares ``(N,)``."""
        return np.asarray(((_flat(target) > 0.5) == (_flat(output) > 0.5)).mean(1))
