"""Scores of clusters."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score, silhouette_score

from isthmus.metrics import cluster_scores


def test_renamed_classes_are_perfect() -> None:
    codes, labels = make_blobs(300, centers=4, cluster_std=0.1, random_state=0)
    scores = cluster_scores(codes, (labels + 1) % 4, labels)
    assert scores["accuracy"] == scores["ARI"] == 1
    assert scores["NMI"] == pytest.approx(1)
    assert scores["silhouette"] == pytest.approx(silhouette_score(codes, labels))


def test_clusters_by_chance_are_worthless() -> None:
    random = np.random.default_rng(0)
    labels, clusters = random.integers(0, 5, (2, 4000))
    scores = cluster_scores(random.normal(size=(4000, 3)), clusters, labels)
    assert scores["accuracy"] < 0.25
    assert abs(scores["ARI"]) < 0.01
    assert abs(scores["silhouette"]) < 0.05


def test_noise_is_wrong_but_left_out_of_the_silhouette() -> None:
    codes, labels = make_blobs(200, centers=2, cluster_std=0.1, random_state=0)
    clusters = labels.copy()
    clusters[:50] = -1
    scores = cluster_scores(codes, clusters, labels)
    assert scores["accuracy"] == 0.75
    assert scores["NMI"] == pytest.approx(normalized_mutual_info_score(labels, clusters))
    assert scores["ARI"] == pytest.approx(adjusted_rand_score(labels, clusters))
    assert scores["silhouette"] == pytest.approx(silhouette_score(codes[50:], labels[50:]))
    assert cluster_scores(codes, np.full(200, -1), labels)["accuracy"] == 0


def test_without_labels_or_a_second_cluster_there_is_less_to_say() -> None:
    codes = np.random.default_rng(0).normal(size=(20, 2))
    assert cluster_scores(codes, np.zeros(20, int)) == {}
    assert cluster_scores(codes, np.arange(20) % 2).keys() == {"silhouette"}
