"""Means with their 95 % intervals."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError


class Estimate(NamedTuple):
    """A mean, its 95 % interval, and the number of cases.

    A single case, or a single group, says nothing about the spread: `low` and `high` are then NaN.
    """

    mean: float
    low: float
    high: float
    cases: int

    @property
    def has_interval(self) -> bool:
        """Whether there was more than one case or group to resample."""
        return self.low == self.low

    def __str__(self) -> str:
        interval = f"[{self.low:.4g}, {self.high:.4g}]" if self.has_interval else "[no interval]"
        return f"{self.mean:.4g} {interval}"


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

    Raises
    ------
    DataError
        If there is no value.
    """
    values = np.asarray(values, np.float64)
    if not len(values):
        raise DataError("There is no case to take a mean of; give at least one.")
    _, member = np.unique(
        np.arange(len(values)) if groups is None else np.asarray(groups), return_inverse=True
    )
    sums, counts = np.bincount(member, values), np.bincount(member)
    if len(sums) == 1:
        return Estimate(float(values.mean()), np.nan, np.nan, len(values))
    generator = np.random.default_rng(seed)
    means = np.empty(resamples)
    for number in range(resamples):
        drawn = generator.integers(0, len(sums), len(sums))
        means[number] = sums[drawn].sum() / counts[drawn].sum()
    low, high = np.quantile(means, [0.025, 0.975])
    return Estimate(float(values.mean()), float(low), float(high), len(values))
