"""Cells between membranes."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import grey_dilation
from sklearn.metrics import mutual_info_score
from sklearn.metrics.cluster import pair_confusion_matrix

from isthmus.core.errors import DataError
from isthmus.metrics import cells, membrane_scores


def grid(*rows: int) -> NDArray[np.bool_]:
    """Two by three cells ``(20, 30)``, less the membranes at these rows."""
    inside = np.ones((20, 30), bool)
    inside[:, [10, 20]] = False
    inside[list(rows)] = False
    return inside


def test_cells_are_parted_by_membranes_even_diagonal_ones() -> None:
    assert cells(grid(10)).max() == 6
    assert (cells(grid(10)) > 0).sum() == grid(10).sum()
    assert cells(~np.eye(5, dtype=bool)).max() == 2


def test_agrees_with_scikit_learn() -> None:
    random = np.random.default_rng(0)
    reference = cells(grid(10))
    prediction = random.integers(1, 5, (20, 30))  # without membranes: nothing grows
    scores = membrane_scores(prediction, reference)
    r, p = reference[reference > 0], prediction[reference > 0]
    pairs = pair_confusion_matrix(r, p)
    precision, recall = pairs[1, 1] / pairs[:, 1].sum(), pairs[1, 1] / pairs[1].sum()
    expected = 1 - 2 * precision * recall / (precision + recall)
    assert scores["adapted Rand error"] == pytest.approx(expected)
    shared = mutual_info_score(r, p) / np.log(2)
    split, merged = (mutual_info_score(x, x) / np.log(2) - shared for x in (p, r))
    assert scores["VI split"] == pytest.approx(split)
    assert scores["VI merged"] == pytest.approx(merged)
    assert scores["VI"] == pytest.approx(split + merged)


def test_perfect_cells_and_thick_membranes() -> None:
    """Renamed, and with membranes three times as thick."""
    reference = cells(grid(10))
    thick = -grey_dilation(-grid(10).astype(int), (3, 3)) > 0
    for prediction in (7 - reference * (reference > 0), cells(thick)):
        scores = membrane_scores(np.where(grid(10), prediction, 0), reference)
        assert all(value == pytest.approx(0, abs=1e-12) for value in scores.values())


def test_cells_cut_and_cells_merged() -> None:
    cut = membrane_scores(cells(grid(4, 10, 15)), cells(grid(10)))
    assert cut["VI split"] > 0.4
    assert cut["VI merged"] == pytest.approx(0, abs=1e-12)
    merged = membrane_scores(cells(grid()), cells(grid(10)))
    assert merged["VI merged"] == pytest.approx(0.99, abs=0.02)  # which of two: a bit
    assert merged["VI split"] == pytest.approx(0, abs=1e-12)
    nothing = membrane_scores(np.zeros((20, 30), int), cells(grid(10)))
    assert nothing["VI merged"] == pytest.approx(np.log2(6), abs=0.02)
    assert nothing["adapted Rand error"] > merged["adapted Rand error"] > 0.2


def test_cells_of_one_pixel_each_are_no_pairs() -> None:
    pixels = np.arange(1, 10).reshape(3, 3)
    assert np.isnan(membrane_scores(pixels, pixels)["adapted Rand error"])


def test_what_has_no_cells_or_another_shape_is_refused() -> None:
    with pytest.raises(DataError, match="The reference has no cell"):
        membrane_scores(cells(grid()), np.zeros((20, 30), int))
    with pytest.raises(DataError, match="cannot be scored"):
        membrane_scores(cells(grid())[1:], cells(grid()))
