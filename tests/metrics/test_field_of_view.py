"""Scores inside a field of view."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import mannwhitneyu
from sklearn.metrics import f1_score

from isthmus.core.errors import DataError
from isthmus.metrics import field_of_view_scores

RANDOM = np.random.default_rng(0)
REFERENCE = RANDOM.random((30, 30)) < 0.2
PROBABILITY = np.round(np.clip(RANDOM.normal(0.3 + 0.3 * REFERENCE, 0.2), 0, 1), 2)  # with ties
FIELD = np.hypot(*(np.indices((30, 30)) - 14.5)) < 14


def test_agrees_with_other_ways_to_find_them() -> None:
    scores = field_of_view_scores(PROBABILITY, REFERENCE, FIELD)
    p, r = PROBABILITY[FIELD], REFERENCE[FIELD]
    statistic = mannwhitneyu(p[r], p[~r]).statistic
    assert scores["AUC"] == pytest.approx(statistic / r.sum() / (~r).sum())
    assert scores["F1"] == pytest.approx(f1_score(r, p >= 0.5))
    area, recall = 0.0, 0.0
    for threshold in np.unique(p)[::-1]:
        found = p >= threshold
        now = r[found].sum() / r.sum()
        area, recall = area + (now - recall) * r[found].mean(), now
    assert scores["average precision"] == pytest.approx(area)


def test_pixels_outside_do_not_count() -> None:
    inside = field_of_view_scores(PROBABILITY, REFERENCE, FIELD)
    changed = np.where(FIELD, PROBABILITY, 1 - PROBABILITY), np.where(FIELD, REFERENCE, True)
    assert field_of_view_scores(*changed, FIELD) == inside
    assert field_of_view_scores(PROBABILITY[FIELD], REFERENCE[FIELD]) == inside
    assert field_of_view_scores(PROBABILITY, REFERENCE) != inside


def test_perfect_and_chosen_threshold() -> None:
    assert set(field_of_view_scores(REFERENCE * 0.3, REFERENCE, threshold=0.2).values()) == {1.0}
    assert field_of_view_scores(REFERENCE * 0.3, REFERENCE)["F1"] == 0


def test_a_field_of_one_class_has_no_curve() -> None:
    empty = field_of_view_scores(PROBABILITY, np.zeros_like(REFERENCE))
    assert math.isnan(empty["AUC"])
    assert math.isnan(empty["average precision"])
    assert empty["F1"] == 0
    full = field_of_view_scores(PROBABILITY, np.ones_like(REFERENCE))
    assert math.isnan(full["AUC"])
    assert full["average precision"] == pytest.approx(1)
    assert math.isnan(field_of_view_scores(PROBABILITY * 0, REFERENCE & False)["F1"])


@pytest.mark.parametrize("which", [0, 2])
def test_other_shapes_are_refused(which: int) -> None:
    given = [PROBABILITY, REFERENCE, FIELD]
    given[which] = given[which][:5]
    with pytest.raises(DataError, match=r"\(5, 30\).*\(30, 30\)"):
        field_of_view_scores(*given)
