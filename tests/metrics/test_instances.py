"""Scores of single objects, beside slow ones written from their definitions."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import linear_sum_assignment
from skimage.metrics import contingency_table

from isthmus.core.errors import DataError, SettingError
from isthmus.metrics import INSTANCE_MEASURES, InstanceScores, instance_scores
from isthmus.metrics.instances import IOU_THRESHOLDS, match, overlaps, values_of

MAPS = arrays(np.int64, (5, 6), elements=st.integers(0, 4).map(lambda n: 7 * n))


def slow_iou(prediction, reference):
    """IoU of every pair, references by predictions, and shared pixels."""
    r, p = ([m == n for n in np.unique(m) if n] for m in (reference, prediction))
    shared = np.array([[(a & b).sum() for b in p] for a in r]).reshape(len(r), len(p))
    union = np.array([[(a | b).sum() for b in p] for a in r]).reshape(len(r), len(p))
    return shared / np.maximum(union, 1), shared, [a.sum() for a in r], [b.sum() for b in p]


@given(MAPS, MAPS)
def test_matches_are_those_of_the_best_assignment(prediction, reference):
    iou = slow_iou(prediction, reference)[0]
    found = overlaps(prediction, reference)
    for threshold in IOU_THRESHOLDS:
        good = (iou > threshold).astype(float)
        tp = int(good[linear_sum_assignment(good, maximize=True)].sum())
        own = match(found, threshold)
        assert (own.tp, own.fp, own.fn) == (tp, iou.shape[1] - tp, iou.shape[0] - tp)


@given(MAPS, MAPS)
def test_scores_are_those_of_their_definitions(prediction, reference):
    iou, shared, true, predicted = slow_iou(prediction, reference)
    scores = instance_scores(prediction, reference)
    if not true and not predicted:
        assert all(np.isnan(getattr(scores, name)) for name in ("ap_50", "ap_mean", "f1_mean"))
        assert np.isnan(scores.aggregated_jaccard)
        assert np.isnan(scores.panoptic_quality)
        return
    both, either, used = 0, 0, set()
    for i, area in enumerate(true):  # Kumar et al. 2017, algorithm 1
        if predicted and iou[i].max() > 0:
            j = int(iou[i].argmax())
            both, either = both + shared[i, j], either + area + predicted[j] - shared[i, j]
            used.add(j)
        else:
            either += area
    either += sum(area for j, area in enumerate(predicted) if j not in used)
    assert scores.aggregated_jaccard == pytest.approx(both / either)
    tp = int((iou > 0.5).sum())
    others = (len(true) + len(predicted) - 2 * tp) / 2
    assert scores.panoptic_quality == pytest.approx(iou[iou > 0.5].sum() / (tp + others))
    assert scores.f1_50 == pytest.approx(tp / (tp + others))
    links = np.array(
        [
            [2 * shared[i, j] > min(true[i], predicted[j]) for j in range(len(predicted))]
            for i in range(len(true))
        ]
    ).reshape(len(true), len(predicted))
    assert scores.split == (links.sum(1) > 1).sum()
    assert scores.joined == (links.sum(0) > 1).sum()
    assert scores.missed == (links.sum(1) == 0).sum()
    assert scores.added == (links.sum(0) == 0).sum()
    assert scores.count_error == len(predicted) - len(true)


@given(MAPS)
def test_the_reference_itself_is_perfect_whatever_its_numbers(reference):
    renamed = np.where(reference > 0, 100 - reference, 0)
    scores = instance_scores(renamed, reference)
    if reference.any():
        assert scores.ap_mean == scores.f1_mean == scores.aggregated_jaccard == 1
        assert scores.panoptic_quality == 1
    assert scores.split == scores.joined == scores.missed == scores.added == 0


def test_overlaps_are_those_of_scikit_image():
    generator = np.random.default_rng(0)
    reference, prediction = generator.integers(0, 9, (2, 40, 40))
    found = overlaps(prediction, reference)
    table = contingency_table(reference, prediction).toarray()[1:, 1:]
    dense = np.zeros_like(table)
    dense[found.rows, found.columns] = found.shared
    np.testing.assert_array_equal(dense, table)


def test_by_hand():
    reference = np.zeros((8, 8), int)
    reference[:4, :4], reference[:4, 4:], reference[6:, 6:] = 5, 9, 2
    prediction = np.zeros((8, 8), int)
    prediction[:4], prediction[6:, :2] = 1, 7
    scores = instance_scores(prediction, reference)
    assert (scores.joined, scores.split, scores.missed, scores.added) == (1, 0, 1, 1)
    assert scores.aggregated_jaccard == 32 / 72
    assert scores.ap_50 == 0  # an IoU of 0.5 is not above it
    turned = instance_scores(reference, prediction)
    assert (turned.joined, turned.split, turned.count_error) == (0, 1, 1)
    assert turned.relative_count_error == 0.5


def test_empty_cases():
    nothing, something = np.zeros((4, 4), int), np.eye(4, dtype=int)
    seen, missed = instance_scores(something, nothing), instance_scores(nothing, something)
    for scores in (seen, missed):
        assert scores.ap_50 == scores.f1_mean == scores.aggregated_jaccard == 0
        assert scores.panoptic_quality == 0
    assert (seen.added, missed.missed) == (1, 1)
    assert np.isnan(seen.relative_count_error)
    assert missed.relative_count_error == 1


def test_ignored_pixels_count_nowhere():
    reference = np.array([[1, 1, -1, -1], [0, 0, -1, -1]])
    prediction = np.array([[3, 3, 3, 4], [0, 0, 4, 4]])
    assert instance_scores(prediction, reference).ap_mean == 1


def test_thousands_of_objects_take_no_matrix():
    side = 150
    reference = np.kron(np.arange(1, side**2 + 1).reshape(side, side), np.ones((4, 4), int))
    scores = instance_scores(np.roll(reference, 1, 0), reference)
    assert scores.ap_50 == pytest.approx(1 - side / side**2, abs=0.02)  # IoU 0.6, but at the edge


def test_fields_and_names_of_measures_are_the_same():
    assert [field.name for field in fields(InstanceScores)] == list(INSTANCE_MEASURES)
    scores = instance_scores(np.eye(3, dtype=int), np.eye(3, dtype=int))
    assert list(values_of(scores)) == list(INSTANCE_MEASURES)


def test_what_is_no_instance_map_is_refused():
    ones = np.ones((2, 2), int)
    with pytest.raises(DataError, match="holds integers"):
        instance_scores(ones / 2, ones)
    with pytest.raises(DataError, match="they have to be the same"):
        instance_scores(ones[:1], ones)
    with pytest.raises(DataError, match="numbers below 0"):
        instance_scores(-ones, ones)
    with pytest.raises(SettingError, match=r"from 0\.5 and below 1, not at 0\.3"):
        match(overlaps(ones, ones), 0.3)
