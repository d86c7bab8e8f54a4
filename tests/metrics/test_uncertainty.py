"""How sure a segmentation is of itself."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import entropy

from isthmus.metrics import (
    Uncertainty,
    expected_dice,
    overlap_counts,
    pixel_entropy,
    structure_entropy,
)


def probabilities(classes: int, *, sharp: float = 1.0, seed: int = 0) -> np.ndarray:
    logits = sharp * np.random.default_rng(seed).normal(size=(classes, 40, 50))
    exp = np.exp(logits - logits.max(0))
    return (exp / exp.sum(0)).astype(np.float32)


@pytest.mark.parametrize("classes", [2, 4])
def test_entropy_is_scipys_and_within_its_bounds(classes: int) -> None:
    p = probabilities(classes, sharp=3)
    np.testing.assert_allclose(pixel_entropy(p), entropy(p, base=2, axis=0), atol=1e-5)
    even = np.full((classes, 2, 2), 1 / classes, np.float32)
    np.testing.assert_allclose(pixel_entropy(even), np.log2(classes), rtol=1e-6)
    certain = np.zeros((classes, 2, 2), np.float32)
    certain[1] = 1
    assert (pixel_entropy(certain) == 0).all()


def test_the_entropy_of_structures_is_theirs_alone() -> None:
    p = probabilities(3)
    inside = p.argmax(0) > 0
    assert structure_entropy(p) == pytest.approx(entropy(p, base=2)[inside].mean(), rel=1e-4)
    nothing = np.zeros((40, 50), np.int16)
    assert structure_entropy(p, nothing) == pytest.approx(np.log2(3))


def test_expected_dice_is_about_that_of_references_drawn_by_the_probabilities() -> None:
    p = probabilities(2, sharp=3)
    labels = p.argmax(0)
    generator = np.random.default_rng(1)
    drawn = [overlap_counts(labels, generator.random(labels.shape) < p[1]).dice for _ in range(200)]
    assert expected_dice(p)[0] == pytest.approx(np.mean(drawn), abs=0.003)


def test_expected_dice_of_the_certain_and_of_nothing() -> None:
    certain = np.zeros((3, 4, 4), np.float32)
    certain[1] = 1
    np.testing.assert_array_equal(expected_dice(certain), [1, 0])


def test_pieces_count_as_the_whole() -> None:
    p = probabilities(3)
    found, labels = Uncertainty(3), p.argmax(0)
    pieces = [
        found.add(p[:, rows], labels[rows]) for rows in (slice(0, 9), slice(9, 30), slice(30, 40))
    ]
    np.testing.assert_allclose(np.concatenate(pieces), pixel_entropy(p))
    assert found.structure_entropy() == pytest.approx(structure_entropy(p))
    np.testing.assert_allclose(found.expected_dice(), expected_dice(p))
    means = [pixel_entropy(p)[labels == label].mean() for label in range(3)]
    np.testing.assert_allclose(found.entropy(), means, rtol=1e-5)
    assert np.isnan(Uncertainty(3).entropy()).all()
