"""Whether the class of a sample is found."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.metrics._base import METRICS, Metric


@METRICS.register("accuracy")
class Accuracy(Metric):
    """1 where the predicted class is the true one, else 0."""

    title = "accuracy"
    higher_is_better = True
    of = "labels"

    def __call__(self, target: NDArray[Any], output: NDArray[Any]) -> NDArray[np.float64]:
        """Hits ``(N,)`` for labels ``(N,)``."""
        return np.asarray(np.equal(target, output), np.float64)


@METRICS.register("probe_accuracy")
class ProbeAccuracy(Accuracy):
    """The same for a linear probe: logistic regression on the codes of at most 5,000 samples."""

    title = "linear probe accuracy"
