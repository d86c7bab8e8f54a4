"""How far a measured quantity agrees with its true value: volumes, shares, counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isthmus.core.errors import DataError
from isthmus.metrics.bootstrap import Estimate, bootstrap_statistic

_NORMAL = 1.96  # standard deviations that hold 95 % of a normal distribution
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Agreement:
    """Agreement of measured with true values, each with a 95 % bootstrap interval.

    Attributes
    ----------
    bias
        Mean of the differences d = measured - true, in the values' unit.
    lower, upper
        Limits of agreement, bias ± 1.96 s of the differences: 95 % of the cases
        lie between them where the differences are normal (Bland and Altman 1986).
    absolute_error
        Mean of |d|.
    correlation
        Pearson's r. NaN where all values of one side are equal.
    concordance
        Lin's 2 s_mt / (s_m² + s_t² + bias²): 1 only if every measured value is the true one (Lin
        1989). NaN where all values are the same one.
    """

    bias: Estimate
    lower: Estimate
    upper: Estimate
    absolute_error: Estimate
    correlation: Estimate
    concordance: Estimate


def agreement(
    measured: ArrayLike, true: ArrayLike, groups: ArrayLike | None = None, *, seed: int = 0
) -> Agreement:
    """Compare measured with true values ``(N,)``.

    Parameters
    ----------
    groups
        Patient of each case ``(N,)``: whole groups are drawn for the intervals.
    seed
        Of the draws.

    Raises
    ------
    DataError
        If there are not as many of both, fewer than two, or some are no finite numbers.
    """
    pairs = [np.asarray(values, np.float64) for values in (measured, true)]
    shapes = {values.shape for values in pairs}
    if len(shapes) > 1 or pairs[0].ndim != 1 or len(pairs[0]) < 2:
        raise DataError(
            "Agreement is between two lists of numbers of one length, of two cases at least, not"
            f" of the shapes {pairs[0].shape} and {pairs[1].shape}."
        )
    if not all(np.isfinite(values).all() for values in pairs):
        raise DataError(
            "Agreement is between finite numbers; leave the other cases out, and say so."
        )
    both = np.stack(pairs, 1)
    own = None if groups is None else np.asarray(groups)

    def estimate(of: Callable[[Values, Values], float]) -> Estimate:
        return bootstrap_statistic(lambda some: of(some[:, 0], some[:, 1]), both, own, seed=seed)

    return Agreement(
        bias=estimate(lambda m, t: float((m - t).mean())),
        lower=estimate(lambda m, t: float((m - t).mean() - _NORMAL * (m - t).std(ddof=1))),
        upper=estimate(lambda m, t: float((m - t).mean() + _NORMAL * (m - t).std(ddof=1))),
        absolute_error=estimate(lambda m, t: float(np.abs(m - t).mean())),
        correlation=estimate(_pearson),
        concordance=estimate(_concordance),
    )


def _pearson(m: Values, t: Values) -> float:
    return _ratio(float(np.mean((m - m.mean()) * (t - t.mean()))), float(m.std() * t.std()))


def _concordance(m: Values, t: Values) -> float:
    together = 2 * float(np.mean((m - m.mean()) * (t - t.mean())))
    return _ratio(together, float(m.var() + t.var() + (m.mean() - t.mean()) ** 2))


def _ratio(upper: float, lower: float) -> float:
    return upper / lower if lower > 0 else np.nan
