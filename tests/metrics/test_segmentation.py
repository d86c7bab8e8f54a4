"""All scores of a case, and their table."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from isthmus.core.errors import DataError
from isthmus.metrics import (
    MEASURES,
    bootstrap_mean,
    overlap_counts,
    segmentation_scores,
    segmentation_table,
    surface_distances,
)

Labels = NDArray[np.int64]
maps = arrays(np.int64, (2, 5, 6), elements=st.integers(0, 3))


@given(maps)
def test_each_class_has_the_scores_of_its_masks(both: Labels) -> None:
    prediction, reference = both
    scores = segmentation_scores(prediction, reference, (2, 1), spacing=(2.0, 1.0), tolerance=1.5)
    assert scores.classes == (2, 1)
    assert scores.values.keys() == MEASURES.keys()
    for place, label in enumerate(scores.classes):
        masks = prediction == label, reference == label
        counts, distances = overlap_counts(*masks), surface_distances(*masks, (2.0, 1.0))
        expected = {
            "dice": counts.dice,
            "specificity": counts.specificity,
            "boundary_f": distances.boundary_f(1.5),
            "hausdorff_95": distances.hausdorff(),
            "surface_distance": distances.average(),
        }
        known = {name: scores.values[name][place] for name in expected}
        assert known == pytest.approx(expected, nan_ok=True)
        kept = scores.missed, scores.false_positives, scores.absent
        some = [mask.any() for mask in masks]
        flags = [some == [False, True], some == [True, False], some == [False, False]]
        assert [flag[place] for flag in kept] == flags
        assert math.isnan(counts.dice) == flags[2]


@given(maps, st.permutations(range(4)))
def test_classes_may_be_renamed(both: Labels, order: list[int]) -> None:
    scores = segmentation_scores(*both, range(4))
    renamed = segmentation_scores(*np.array(order)[both], order)
    for name in MEASURES:
        np.testing.assert_allclose(scores.values[name], renamed.values[name])
        assert scores.mean(name) == pytest.approx(renamed.mean(name), nan_ok=True)


@given(maps)
def test_perfect_prediction(both: Labels) -> None:
    scores = segmentation_scores(both[0], both[0], range(4))
    for name, (_, higher_is_better) in MEASURES.items():
        known = scores.values[name][~np.isnan(scores.values[name])]
        assert (known == (1 if higher_is_better else 0)).all()
    assert not (scores.missed | scores.false_positives).any()


@given(maps, arrays(bool, (5, 6)), st.sampled_from([-1, 255]))
def test_nothing_depends_on_ignored_pixels(
    both: Labels, ignored: NDArray[np.bool_], label: int
) -> None:
    prediction, reference = both
    marked = np.where(ignored, label, reference)
    scores = segmentation_scores(prediction, marked, range(4), ignore=label)
    other = np.where(ignored, (prediction + 1) % 4, prediction)
    same = segmentation_scores(other, marked, range(4), ignore=label)
    left = segmentation_scores(prediction[~ignored][None], reference[~ignored][None], range(4))
    for name in MEASURES:
        np.testing.assert_array_equal(scores.values[name], same.values[name])
        if name in ("dice", "iou", "sensitivity", "precision", "specificity", "mask_squared_error"):
            np.testing.assert_allclose(scores.values[name], left.values[name])


def test_volumes_have_scores() -> None:
    reference = np.zeros((6, 8, 8), np.uint8)
    reference[1:5, 2:6, 2:6] = 1
    scores = segmentation_scores(np.roll(reference, 1, 0), reference, (1,), spacing=(3.0, 1.0, 1.0))
    assert scores.values["dice"] == 0.75
    assert scores.values["hausdorff_95"] == 3


def squares() -> list[tuple[Labels, Labels]]:
    """Pairs of prediction and reference: a hit, a miss, a false positive, nothing."""
    empty, object_ = np.zeros((8, 6), np.int64), np.zeros((8, 6), np.int64)
    object_[2:6, 1:4] = 1
    return [(object_, object_), (empty, object_), (object_, empty), (empty, empty)]


def test_failures_count_in_the_table() -> None:
    cases = [segmentation_scores(*pair, (1, 2)) for pair in squares()]
    table = segmentation_table(cases)
    row = table.classes[1]
    assert (row.cases, row.missed, row.false_positives, row.absent) == (4, 1, 1, 1)
    dice, distance = row.estimates["dice"], row.estimates["hausdorff_95"]
    assert dice == bootstrap_mean(np.array([1.0, 0.0, 0.0]))
    assert (dice.mean, dice.cases) == (pytest.approx(1 / 3), 3)
    assert distance.mean == pytest.approx((0 + 10 + 10) / 3)  # the diagonal of 8 by 6
    assert row.estimates["sensitivity"].cases == 2
    nowhere = table.classes[2]
    assert nowhere.estimates["dice"] is None
    assert (nowhere.missed, nowhere.false_positives, nowhere.absent) == (0, 0, 4)
    assert table.mean.estimates["dice"] == dice  # of the classes that have one
    assert (table.mean.missed, table.mean.false_positives, table.mean.absent) == (1, 1, 5)


def test_the_mean_is_over_the_classes_of_a_case_first() -> None:
    reference = np.repeat([[0, 1, 2, 2]], 4, 0)
    other = np.where(reference == 2, 0, reference)
    alone = np.where(reference == 2, 0, reference)
    cases = [
        segmentation_scores(other, reference, (1, 2)),
        segmentation_scores(alone, alone, (1, 2)),
    ]
    table = segmentation_table(cases)
    assert [case.mean("dice") for case in cases] == [0.5, 1]
    assert table.mean.estimates["dice"].mean == 0.75
    assert table.classes[1].estimates["dice"].mean == 1
    assert table.classes[2].estimates["dice"].mean == 0


def test_groups_are_drawn_together_and_cases_without_a_value_left_out() -> None:
    random, groups = np.random.default_rng(0), np.repeat(np.arange(8), 5)
    cases, dice = [], []
    for group in groups:
        reference = (random.random((6, 6)) < 0.5).astype(int)
        flips = random.random((6, 6)) < 0.05 * group
        reference[:] *= random.random() < 0.8
        prediction = np.where(flips & (reference.any()), 1 - reference, reference)
        cases.append(segmentation_scores(prediction, reference, (1,)))
        dice.append(cases[-1].values["dice"][0])
    known = ~np.isnan(dice)
    assert 0 < known.sum() < 40
    estimate = segmentation_table(cases, groups).classes[1].estimates["dice"]
    assert estimate == bootstrap_mean(np.array(dice)[known], groups[known])
    alone = segmentation_table(cases).classes[1].estimates["dice"]
    assert estimate.high - estimate.low > 1.3 * (alone.high - alone.low)


def test_what_makes_no_table_is_refused() -> None:
    first, second = (segmentation_scores(*squares()[0], classes) for classes in ((1,), (1, 2)))
    for cases in ([], [first, second]):
        with pytest.raises(DataError, match="scored for the same classes"):
            segmentation_table(cases)


def test_what_is_no_pair_of_label_maps_is_refused() -> None:
    prediction, reference = squares()[0]
    with pytest.raises(DataError, match="take the most probable class"):
        segmentation_scores(prediction / 2, reference, (1,))
    with pytest.raises(DataError, match="cannot be scored"):
        segmentation_scores(prediction[1:], reference, (1,))
    with pytest.raises(DataError, match="need 2 positive spacings"):
        segmentation_scores(prediction, reference, (1,), spacing=(1.0, 1.0, 1.0))
