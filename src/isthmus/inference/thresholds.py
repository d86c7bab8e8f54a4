"""Bright tissue found by a grey threshold within a region, as Cumulus has its users do by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[Any]
_STEPS = 256  # thresholds that are tried
_DEVIATIONS = (-3.0, 3.0)


def best_threshold(values: Values, bright: NDArray[np.bool_]) -> float:
    """The t for which ``values > t`` has the best Dice with `bright`, of 256 evenly spaced ones.

    Parameters
    ----------
    values, bright
        Grey values within the region, and whether each belongs to what is sought, ``(N,)``.
    """
    if not values.size:
        return 0.0
    edges = np.histogram_bin_edges(values, _STEPS)
    return float(edges[_dice(values, bright, edges).argmax()])


def learn_deviations(cases: Sequence[tuple[Values, NDArray[np.bool_]]]) -> float:
    """The k for which ``values > μ + k σ``, by the μ and σ of each case, has the best mean Dice.

    Parameters
    ----------
    cases
        What `best_threshold` takes, of each image with both kinds of pixels.
    """
    edges = np.linspace(*_DEVIATIONS, _STEPS + 1)
    scores = [_dice(_standard(values), bright, edges) for values, bright in cases]
    return float(edges[np.mean(scores, 0).argmax()]) if scores else 0.0


def threshold_at(values: Values, deviations: float) -> float:
    """T = μ + k σ of the values."""
    return float(values.mean() + deviations * values.std()) if values.size else 0.0


def _standard(values: Values) -> NDArray[np.float64]:
    spread = values.std()
    return np.asarray((values - values.mean()) / (spread if spread > 0 else 1), np.float64)


def _dice(values: Values, bright: NDArray[np.bool_], edges: Values) -> NDArray[np.float64]:
    """Dice of ``values > t`` for each edge t."""
    above, hits = (
        len(some) - np.searchsorted(np.sort(some), edges, side="right")
        for some in (values, values[bright])
    )
    return np.asarray(2 * hits / np.maximum(above + bright.sum(), 1))
