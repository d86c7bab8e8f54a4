"""How well clusters agree with classes, and how well they are parted."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.metrics.codes import matched_accuracy

_SAMPLE = 5000  # codes among which the silhouette is found


def cluster_scores(
    codes: NDArray[Any], clusters: NDArray[Any], labels: NDArray[Any] | None = None
) -> dict[str, float]:
    """Scores of clusters ``(N,)`` of codes ``(N, m)``, by name.

    ``accuracy`` by best matching of clusters and classes, ``NMI`` (normalised mutual information,
    arithmetic mean) and ``ARI`` (adjusted Rand index) where labels are known; ``silhouette``, mean
    of (b - a) / max(a, b) with a and b the mean distances to the own and to the next cluster, of at
    most 5,000 codes, where these form at least two clusters. Cluster -1, noise, counts as wrong for
    the accuracy, as a cluster of its own for NMI and ARI, and is left out of the silhouette.
    """
    from sklearn.metrics import (
        adjusted_rand_score,
        normalized_mutual_info_score,
        silhouette_score,
    )

    scores, kept = {}, clusters >= 0
    if labels is not None:
        hits = matched_accuracy(labels[kept], clusters[kept]).sum() if kept.any() else 0
        scores["accuracy"] = float(hits / len(labels))
        scores["NMI"] = float(normalized_mutual_info_score(labels, clusters))
        scores["ARI"] = float(adjusted_rand_score(labels, clusters))
    where = np.flatnonzero(kept)
    where = np.sort(np.random.default_rng(0).permutation(where)[:_SAMPLE])
    if 2 <= len(np.unique(clusters[where])) < len(where):
        scores["silhouette"] = float(silhouette_score(codes[where], clusters[where]))
    return scores
