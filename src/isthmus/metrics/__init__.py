"""Measures of quality, each per sample, and their intervals."""

from isthmus.metrics import reconstruction
from isthmus.metrics._base import METRICS, Metric
from isthmus.metrics.bootstrap import Estimate, bootstrap_mean
from isthmus.metrics.subspace import principal_angles

__all__ = [
    "METRICS",
    "Estimate",
    "Metric",
    "bootstrap_mean",
    "principal_angles",
    "reconstruction",
]
