"""Precision and recall of neighbours."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import precision_score, recall_score

from isthmus.core.errors import DataError
from isthmus.metrics import precision_at_k, recall_at_k


def test_by_hand() -> None:
    labels, neighbours = np.array(["a", "b"]), np.array([["a", "b", "a", "a"], ["a"] * 4])
    np.testing.assert_array_equal(precision_at_k(labels, neighbours), [0.75, 0])
    exact, found = np.array([[1, 2, 3], [4, 5, 6]]), np.array([[3, 1, 9], [4, 5, 6]])
    np.testing.assert_allclose(recall_at_k(exact, found), [2 / 3, 1])


def test_as_scikit_learn_counts() -> None:
    random = np.random.default_rng(0)
    neighbours = random.integers(0, 2, 50)
    ones = np.ones(50)
    value = precision_at_k(np.array([1]), neighbours[None])
    assert value == [precision_score(neighbours, ones)]
    exact, found = random.permutation(30)[:8], random.permutation(30)[:8]
    true, guessed = np.isin(np.arange(30), exact), np.isin(np.arange(30), found)
    assert recall_at_k(exact[None], found[None]) == [recall_score(true, guessed)]


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(DataError, match=r"Labels are \(Q,\)"):
        precision_at_k(np.zeros(3), np.zeros((2, 3)))
    with pytest.raises(DataError, match=r"are \(Q, k\), but have shapes"):
        recall_at_k(np.zeros((2, 3)), np.zeros((2, 4)))
