"""Means with their 95 % intervals."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Estimate(NamedTuple):
    """A mean, its 95 % interval, and the number of cases."""

    mean: float
    low: float
    high: float
    cases: int

    def __str__(self) -> str:
        return f"{self.mean:.4g} [{self.low:.4g}, {self.high:.4g}]"


def bootstrap_mean(
    values: NDArray[Any],
    groups: NDArray[Any] | None = None,
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> Estimate:
    """Mean of ``(N,)`` values with a percentile bootstrap interval (Efron 1979).

    Parameters
    ----------
    groups
        Patient, stack or scene of each value ``(N,)``: whole groups are drawn, since values of
        one group are alike and would make the interval too narrow.
    resamples
        Number of draws.
    seed
        Of the draws.
    """
    values = np.asarray(values, np.float64)
    _, member = np.unique(
        np.arange(len(values)) if groups is None else np.asarray(groups), return_inverse=True
    )
    sums, counts = np.bincount(member, values), np.bincount(member)
    generator = np.random.default_rng(seed)
    means = np.empty(resamples)
    for number in range(resamples):
        drawn = generator.integers(0, len(sums), len(sums))
        means[number] = sums[drawn].sum() / counts[drawn].sum()
    low, high = np.quantile(means, [0.025, 0.975])
    return Estimate(float(values.mean()), float(low), float(high), len(values))
