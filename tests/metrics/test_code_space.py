"""Neighbourhoods, overlap and holes of spaces of codes that are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.manifold import trustworthiness as of_sklearn

from isthmus.core.errors import DataError
from isthmus.metrics import (
    class_overlap,
    continuity,
    in_holes,
    trustworthiness,
    trustworthiness_samples,
)

K = 5


@pytest.fixture
def points():
    return np.random.default_rng(0).normal(size=(80, 4))


def venna_kaski(samples, codes):
    """The formula of 2001, by ranks, sample by sample."""
    count = len(samples)
    ranks = cdist(samples, samples).argsort(1).argsort(1)  # 0 is the sample itself
    near = cdist(codes, codes).argsort(1)[:, 1 : K + 1]
    excess = np.array([sum(max(0, ranks[i, j] - K) for j in near[i]) for i in range(count)])
    return 1 - 2 / (K * (2 * count - 3 * K - 1)) * excess


def test_a_turned_space_keeps_all_neighbourhoods(points):
    turned = 3 * points @ np.linalg.qr(np.random.default_rng(1).normal(size=(4, 4)))[0]
    assert trustworthiness(points, turned, K) == pytest.approx(1)
    assert continuity(points, turned, K) == pytest.approx(1)


def test_both_follow_the_formula_and_tell_folding_from_tearing(points):
    folded = points[:, :2]  # far samples become neighbours
    assert trustworthiness(points, folded, K) == pytest.approx(venna_kaski(points, folded).mean())
    assert continuity(points, folded, K) == pytest.approx(venna_kaski(folded, points).mean())
    line = np.sort(points[:, 0])[:, None]
    torn = np.concatenate([line[:40], line[40:] + 100])  # the middle neighbours lose each other
    assert trustworthiness(line, torn, K) > continuity(line, torn, K)
    images = points.reshape(80, 2, 2)
    assert trustworthiness(images, folded, K) == trustworthiness(points, folded, K)


def test_the_mean_over_samples_is_that_of_scikit_learn(points):
    codes = points[:, :2]
    parts = trustworthiness_samples(points, codes, K)
    np.testing.assert_allclose(parts, venna_kaski(points, codes))
    assert trustworthiness(points, codes, K) == parts.mean()
    assert parts.mean() == pytest.approx(of_sklearn(points, codes, n_neighbors=K))


def test_too_few_samples_are_refused(points):
    with pytest.raises(DataError, match="there are 10 samples; give more than 10"):
        trustworthiness(points[:10], points[:10], K)
    with pytest.raises(DataError, match="10 neighbours are asked for, but there are 9 codes"):
        class_overlap(points[:9], np.zeros(9))


def test_overlap_is_the_share_of_strangers_among_neighbours():
    apart = np.concatenate([np.random.default_rng(0).normal(size=(20, 2)) + x for x in (0, 50)])
    labels = np.repeat(["a", "b"], 20)
    assert class_overlap(apart, labels).max() == 0
    mixed = np.random.default_rng(1).permutation(labels)
    near = cdist(apart, apart).argsort(1)[:, 1:11]
    expected = [(mixed[near[i]] != mixed[i]).mean() for i in range(40)]
    np.testing.assert_allclose(class_overlap(apart, mixed), expected)


def test_draws_in_a_hole_are_found():
    generator = np.random.default_rng(0)
    angles = generator.uniform(0, 2 * np.pi, 3000)
    ring = np.column_stack([np.cos(angles), np.sin(angles)]) + generator.normal(0, 0.05, (3000, 2))
    centre, held_out = generator.normal(0, 0.1, (50, 2)), ring[2000:]
    assert in_holes(ring[:2000], held_out, centre).all()
    share = in_holes(ring[:2000], held_out, held_out).mean()
    assert share == pytest.approx(0.01, abs=0.002)
