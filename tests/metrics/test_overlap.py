"""Overlap of masks and label maps."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from monai.metrics import compute_dice, compute_iou
from numpy.typing import NDArray
from sklearn.metrics import f1_score, jaccard_score, precision_score, recall_score

from isthmus.core.errors import DataError
from isthmus.metrics import METRICS, Overlap, mask_squared_error, mean_iou, overlap_counts

Mask = NDArray[np.bool_]
pairs = array_shapes(min_dims=2, max_dims=3, max_side=5).flatmap(
    lambda shape: st.tuples(arrays(bool, shape), arrays(bool, shape), arrays(bool, shape))
)
RATIOS = ("dice", "iou", "sensitivity", "precision", "specificity", "squared_error")


def same(a: float, b: float) -> bool:
    return a == pytest.approx(b, nan_ok=True)


@given(pairs)
def test_agrees_with_scikit_learn(masks: tuple[Mask, Mask, Mask]) -> None:
    p, r, _ = masks
    counts, flat = overlap_counts(p, r), (r.ravel(), p.ravel())
    if (p | r).any():
        assert same(counts.dice, f1_score(*flat))
        assert same(counts.iou, jaccard_score(*flat))
        assert same(counts.precision, precision_score(*flat, zero_division=0))
    if r.any():
        assert same(counts.sensitivity, recall_score(*flat))
    if not r.all():
        assert same(counts.specificity, recall_score(~flat[0], ~flat[1]))
    assert same(counts.squared_error, np.mean(p != r))


def test_agrees_with_monai() -> None:
    p, r = np.random.default_rng(0).random((2, 20, 30)) < 0.4
    given_masks = [torch.from_numpy(mask)[None, None] for mask in (p, r)]
    assert same(overlap_counts(p, r).dice, compute_dice(*given_masks).item())
    assert same(overlap_counts(p, r).iou, compute_iou(*given_masks).item())


@given(pairs)
def test_bounds_and_symmetry(masks: tuple[Mask, Mask, Mask]) -> None:
    p, r, _ = masks
    counts, back = overlap_counts(p, r), overlap_counts(r, p)
    assert sum(counts) == p.size
    values = {name: getattr(counts, name) for name in RATIOS}
    assert all(0 <= value <= 1 or math.isnan(value) for value in values.values())
    for name in ("dice", "iou", "squared_error"):
        assert same(values[name], getattr(back, name))
    if p.any() and r.any():
        assert same(counts.precision, back.sensitivity)
        assert counts.iou <= counts.dice
    perfect = overlap_counts(r, r)
    assert {perfect.dice, perfect.iou, perfect.precision, perfect.sensitivity} == {1.0} or (
        not r.any() and math.isnan(perfect.dice)
    )


@given(pairs)
def test_pixels_that_are_not_counted_might_not_be_there(masks: tuple[Mask, Mask, Mask]) -> None:
    p, r, counted = masks
    counts = overlap_counts(p, r, counted)
    assert counts == overlap_counts(p[counted], r[counted])
    assert counts == overlap_counts(p ^ ~counted, r, counted)


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        (Overlap(0, 0, 7, 3), (0, 0, 0, 0, 1)),  # wholly missed
        (Overlap(0, 7, 0, 3), (0, 0, math.nan, 0, 0.3)),  # false positives, empty reference
        (Overlap(0, 0, 0, 3), (math.nan, math.nan, math.nan, math.nan, 1)),  # in neither
        (Overlap(5, 0, 0, 0), (1, 1, 1, 1, math.nan)),  # the whole image
        (Overlap(0, 0, 0, 0), (math.nan,) * 5),  # no pixel that counts
    ],
)
def test_the_rule_for_empty_masks(counts: Overlap, expected: tuple[float, ...]) -> None:
    values = [getattr(counts, name) for name in RATIOS[:5]]
    assert values == pytest.approx(expected, nan_ok=True)


# -- label maps ----------------------------------------------------------------------------------

maps = arrays(np.int64, (2, 4, 5), elements=st.integers(0, 3))


@given(maps, st.permutations(range(4)))
def test_mean_iou(both: NDArray[np.int64], order: list[int]) -> None:
    prediction, reference = both
    value = mean_iou(prediction, reference, range(4))
    occurring = np.unique(both)
    flat = reference.ravel(), prediction.ravel()
    assert same(value, jaccard_score(*flat, labels=occurring, average="macro"))
    assert same(value, mean_iou(reference, prediction, range(4)))
    renamed = np.array(order)[both]
    assert same(value, mean_iou(*renamed, range(4)))
    assert mean_iou(reference, reference, range(4)) == 1


@given(maps, arrays(bool, (4, 5)))
def test_ignored_pixels_might_not_be_there(both: NDArray[np.int64], ignored: Mask) -> None:
    prediction, reference = both
    expected = mean_iou(prediction[~ignored], reference[~ignored], range(4))
    for label in (-1, 255):
        marked = np.where(ignored, label, reference)
        assert same(mean_iou(prediction, marked, range(4), ignore=label), expected)
    p = (prediction / 3).astype(np.float32)
    known = mask_squared_error(p, np.where(ignored, -1, reference > 1))
    assert same(known, mask_squared_error(p[~ignored], (reference > 1)[~ignored]))


def test_squared_error_of_probabilities() -> None:
    p, r = np.random.default_rng(0).random((2, 6, 10, 12))
    values = [mask_squared_error(*pair) for pair in zip(p, r > 0.5, strict=True)]
    np.testing.assert_allclose(values, METRICS.build("mean_squared_error")(r > 0.5, p))


def test_no_class_no_mean() -> None:
    nothing = np.zeros((2, 2), int)
    assert math.isnan(mean_iou(nothing, nothing, (1, 2)))
    assert math.isnan(mask_squared_error(nothing, nothing - 1))


def test_what_is_no_pair_of_label_maps_is_refused() -> None:
    labels = np.zeros((4, 4), int)
    with pytest.raises(DataError, match=r"shape \(4, 3\) cannot be scored .* shape \(4, 4\)"):
        mean_iou(labels[:, :3], labels, (0, 1))
    with pytest.raises(DataError, match=r"cannot be scored"):
        overlap_counts(labels[0], labels)
    with pytest.raises(DataError, match=r"integers, but this one has dtype float64; take the most"):
        mean_iou(labels / 2, labels, (0, 1))
