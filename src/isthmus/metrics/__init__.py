"""Measures of quality, each per sample, and their intervals."""

from isthmus.metrics import classification, likelihood, reconstruction, restoration
from isthmus.metrics._base import METRICS, Metric
from isthmus.metrics.bootstrap import Estimate, bootstrap_mean, bootstrap_mean_of_seeds
from isthmus.metrics.clusters import cluster_scores
from isthmus.metrics.code_space import (
    class_overlap,
    continuity,
    in_holes,
    trustworthiness,
    trustworthiness_samples,
)
from isthmus.metrics.codes import (
    active_units,
    class_scatter,
    dead_units,
    kmeans_clusters,
    linear_probe,
    matched_accuracy,
)
from isthmus.metrics.contraction import (
    Contraction,
    ContractionMap,
    contraction,
    contraction_map,
)
from isthmus.metrics.retrieval import precision_at_k, recall_at_k
from isthmus.metrics.subspace import principal_angles

__all__ = [
    "METRICS",
    "Contraction",
    "ContractionMap",
    "Estimate",
    "Metric",
    "active_units",
    "bootstrap_mean",
    "bootstrap_mean_of_seeds",
    "class_overlap",
    "class_scatter",
    "classification",
    "cluster_scores",
    "continuity",
    "contraction",
    "contraction_map",
    "dead_units",
    "in_holes",
    "kmeans_clusters",
    "likelihood",
    "linear_probe",
    "matched_accuracy",
    "precision_at_k",
    "principal_angles",
    "recall_at_k",
    "reconstruction",
    "restoration",
    "trustworthiness",
    "trustworthiness_samples",
]
