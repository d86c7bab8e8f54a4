"""How probable samples are under a model."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.metrics._base import METRICS, Metric


@METRICS.register("negative_log_likelihood")
class NegativeLogLikelihood(Metric):
    """-log p(x), in nats a sample, as a model with a likelihood estimates it."""

    title = "negative log-likelihood, nats"
    of = "likelihoods"

    def __call__(self, target: NDArray[Any], output: NDArray[Any]) -> NDArray[np.float64]:
        """Values ``(N,)`` for samples ``(N, ...)`` and their log-likelihoods ``(N,)``."""
        return -np.asarray(output, np.float64)
