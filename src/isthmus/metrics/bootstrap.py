"""Means with their 95 % intervals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError

_DRAWN_AT_ONCE = 2**18  # cases, by which the memory is bounded


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
    return _estimate(values[None], groups, resamples, seed)


def bootstrap_statistic(
    statistic: Callable[[NDArray[Any]], float],
    values: NDArray[Any],
    groups: NDArray[Any] | None = None,
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> Estimate:
    """Any statistic of ``(N, ...)`` values, in place of the mean, with its percentile interval.

    Draws for which the statistic is not defined (NaN) do not count.

    Parameters
    ----------
    statistic
        Takes cases ``(M, ...)``, some of them several times.
    groups, resamples, seed
        See `bootstrap_mean`.

    Raises
    ------
    DataError
        If there is no value.
    """
    values = np.asarray(values)
    if not len(values):
        raise DataError("There is no case to measure; give at least one.")
    names = np.arange(len(values)) if groups is None else np.asarray(groups)
    members = [np.flatnonzero(names == name) for name in np.unique(names)]
    found = statistic(values)
    if len(members) == 1:
        return Estimate(found, np.nan, np.nan, len(values))
    draws = np.random.default_rng(seed).integers(0, len(members), (resamples, len(members)))
    drawn = [statistic(values[np.concatenate([members[i] for i in draw])]) for draw in draws]
    known = np.array(drawn)[~np.isnan(drawn)]
    low, high = np.quantile(known, [0.025, 0.975]) if len(known) else (np.nan, np.nan)
    return Estimate(found, float(low), float(high), len(values))


def bootstrap_mean_of_seeds(
    values: NDArray[Any],
    groups: NDArray[Any] | None = None,
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> Estimate:
    """Mean of ``(S, N)`` values, N samples by S trainings of other seeds, with a two-way interval.

    Both ways are resampled, independently: N of N samples, and S - 1 of S trainings, since drawing
    S of so few would make their variance too small by (S - 1) / S (McCarthy and Snowden 1985). The
    interval thus tells what other trainings, measured on other samples, would give (the pigeonhole
    bootstrap, Owen 2007). Of a single training only the samples are drawn.

    Parameters
    ----------
    groups
        Of each sample ``(N,)``, see `bootstrap_mean`.
    resamples
        Number of draws.
    seed
        Of the draws.

    Raises
    ------
    DataError
        If the values are not ``(S, N)``, or there are none.
    """
    values = np.asarray(values, np.float64)
    if values.ndim != 2 or not values.size:
        raise DataError(
            "Values of several trainings are (S, N), at least one by one, but have shape"
            f" {values.shape}."
        )
    return _estimate(values, groups, resamples, seed)


def _estimate(
    values: NDArray[np.float64], groups: NDArray[Any] | None, resamples: int, seed: int
) -> Estimate:
    """Of ``(S, N)`` values; where S is 1 only samples, or groups, are drawn."""
    trainings, cases = values.shape
    _, member = np.unique(
        np.arange(cases) if groups is None else np.asarray(groups), return_inverse=True
    )
    sums = np.stack([np.bincount(member, row) for row in values])
    counts = np.bincount(member)
    mean = float(values.mean())
    if len(counts) == 1:
        return Estimate(mean, np.nan, np.nan, cases)
    cases_by, trainings_by = (np.random.default_rng(key) for key in (seed, (seed, 1)))
    means = []
    at_once = max(1, _DRAWN_AT_ONCE // len(counts))
    for start in range(0, resamples, at_once):
        draws = min(at_once, resamples - start)
        drawn = cases_by.integers(0, len(counts), (draws, len(counts)))
        totals = sums[:, drawn].sum(2)
        if trainings > 1:
            chosen = trainings_by.integers(0, trainings, (trainings - 1, draws))
            totals = np.take_along_axis(totals, chosen, 0)
        means.append(totals.mean(0) / counts[drawn].sum(1))
    low, high = np.quantile(np.concatenate(means), [0.025, 0.975])
    return Estimate(mean, float(low), float(high), cases)
