"""Tail probabilities of positive numbers."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, ndtri

Array = NDArray[Any]
_LEAST = 1e-12  # numbers below it are as good as 0, which has no logarithm
_UPPER = 0.9  # the quantile that gives the spread: outliers are told by the upper tail


class Tail(NamedTuple):
    """Log-normal distribution of a positive number s, by two quantiles of held-out samples.

    Attributes
    ----------
    median
        Of log s.
    spread
        (90 % quantile - median) / 1.28, the standard deviation of log s if it is normal.
    """

    median: float
    spread: float

    @classmethod
    def of(cls, values: Array) -> Self:
        """The distribution of ``(N,)`` values."""
        median, upper = np.quantile(_log(values), [0.5, _UPPER])
        return cls(float(median), max(float((upper - median) / ndtri(_UPPER)), _LEAST))

    def log_probability(self, values: Array) -> NDArray[np.float64]:
        """Logarithm of P(S > s) of ``(N,)`` values."""
        return np.asarray(log_ndtr((self.median - _log(values)) / self.spread))


def _log(values: Array) -> NDArray[np.float64]:
    return np.log(np.maximum(values.astype(np.float64), _LEAST))
