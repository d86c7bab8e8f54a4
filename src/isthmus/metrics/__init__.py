"""Measures of quality, each per sample, and their intervals."""

from isthmus.metrics import classification, likelihood, reconstruction, restoration
from isthmus.metrics._base import METRICS, Metric
from isthmus.metrics.agreement import Agreement, agreement
from isthmus.metrics.bootstrap import (
    Estimate,
    bootstrap_mean,
    bootstrap_mean_of_seeds,
    bootstrap_statistic,
)
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
from isthmus.metrics.field_of_view import field_of_view_scores
from isthmus.metrics.instances import INSTANCE_MEASURES, InstanceScores, instance_scores
from isthmus.metrics.membranes import cells, membrane_scores
from isthmus.metrics.naming import measure_of
from isthmus.metrics.overlap import Overlap, mask_squared_error, mean_iou, overlap_counts
from isthmus.metrics.retrieval import precision_at_k, recall_at_k
from isthmus.metrics.segmentation import (
    MEASURES,
    Measure,
    ScoreRow,
    SegmentationScores,
    SegmentationTable,
    segmentation_scores,
    segmentation_table,
)
from isthmus.metrics.severity import SEVERITY_SCALES, SeverityScale, severity
from isthmus.metrics.shares import share
from isthmus.metrics.subspace import principal_angles
from isthmus.metrics.surface import SurfaceDistances, surface_distances
from isthmus.metrics.uncertainty import (
    Uncertainty,
    expected_dice,
    pixel_entropy,
    structure_entropy,
)
from isthmus.metrics.ventricles import ejection_fraction, volumes_ml, wall_thickness

__all__ = [
    "INSTANCE_MEASURES",
    "MEASURES",
    "METRICS",
    "SEVERITY_SCALES",
    "Agreement",
    "Contraction",
    "ContractionMap",
    "Estimate",
    "InstanceScores",
    "Measure",
    "Metric",
    "Overlap",
    "ScoreRow",
    "SegmentationScores",
    "SegmentationTable",
    "SeverityScale",
    "SurfaceDistances",
    "Uncertainty",
    "active_units",
    "agreement",
    "bootstrap_mean",
    "bootstrap_mean_of_seeds",
    "bootstrap_statistic",
    "cells",
    "class_overlap",
    "class_scatter",
    "classification",
    "cluster_scores",
    "continuity",
    "contraction",
    "contraction_map",
    "dead_units",
    "ejection_fraction",
    "expected_dice",
    "field_of_view_scores",
    "in_holes",
    "instance_scores",
    "kmeans_clusters",
    "likelihood",
    "linear_probe",
    "mask_squared_error",
    "matched_accuracy",
    "mean_iou",
    "measure_of",
    "membrane_scores",
    "overlap_counts",
    "pixel_entropy",
    "precision_at_k",
    "principal_angles",
    "recall_at_k",
    "reconstruction",
    "restoration",
    "segmentation_scores",
    "segmentation_table",
    "severity",
    "share",
    "structure_entropy",
    "surface_distances",
    "trustworthiness",
    "trustworthiness_samples",
    "volumes_ml",
    "wall_thickness",
]
