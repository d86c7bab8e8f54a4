"""How well single objects are found: matched, counted, split and joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array

from isthmus.core.errors import DataError, SettingError
from isthmus.metrics.overlap import label_maps, nan_mean
from isthmus.metrics.segmentation import Measure

IOU_THRESHOLDS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
INSTANCE_MEASURES = {
    "ap_50": Measure("TP/(TP+FP+FN), IoU 0.5", True),
    "ap_75": Measure("TP/(TP+FP+FN), IoU 0.75", True),
    "ap_mean": Measure("TP/(TP+FP+FN), mean of IoU 0.5 to 0.95", True),
    "f1_50": Measure("F1 of objects, IoU 0.5", True),
    "f1_mean": Measure("F1 of objects, mean of IoU 0.5 to 0.95", True),
    "aggregated_jaccard": Measure("aggregated Jaccard index", True),
    "panoptic_quality": Measure("panoptic quality", True),
    "count_error": Measure("count error, predicted - true", False),
    "absolute_count_error": Measure("absolute count error", False),
    "relative_count_error": Measure("absolute count error by true count", False),
    "split": Measure("objects split", False),
    "joined": Measure("objects joined", False),
    "missed": Measure("objects missed", False),
    "added": Measure("objects added", False),
}
_SUMMED = {"count_error", "absolute_count_error", "split", "joined", "missed", "added"}


@dataclass(frozen=True, eq=False)
class Overlaps:
    """The pairs of a reference and a predicted object that share pixels.

    Attributes
    ----------
    reference, prediction : ndarray of int64
        ``(n,)``: areas in pixels of the objects, in the order of their numbers.
    rows, columns, shared : ndarray of int64
        ``(P,)``: of each pair the place of its reference, that of its prediction, and the pixels
        of both.
    """

    reference: NDArray[np.int64]
    prediction: NDArray[np.int64]
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    shared: NDArray[np.int64]

    @cached_property
    def union(self) -> NDArray[np.int64]:
        """|P ∪ R| of each pair."""
        return self.reference[self.rows] + self.prediction[self.columns] - self.shared

    @cached_property
    def iou(self) -> NDArray[np.float64]:
        """|P ∩ R| / |P ∪ R| of each pair."""
        return self.shared / self.union


def overlaps(prediction: NDArray[Any], reference: NDArray[Any]) -> Overlaps:
    """Which objects of two instance maps share pixels, and how many.

    Time grows with the pixels and with the pairs that touch, not with the product of the counts.

    Parameters
    ----------
    prediction, reference
        ``(H, W)`` or ``(D, H, W)`` whole numbers: 0 for the background, any other for an object.
        Pixels of the reference below 0 do not count.

    Raises
    ------
    DataError
        If these are no labels, or differ in shape.
    """
    prediction, reference = label_maps(prediction, reference)
    counted = reference >= 0
    rows, columns = (_places(labels[counted]) for labels in (reference, prediction))
    if columns.size and prediction.min() < 0:
        raise DataError("A predicted instance map holds numbers below 0; give 0 to what is none.")
    shape = (int(rows.max(initial=0)) + 1, int(columns.max(initial=0)) + 1)
    table = coo_array((np.ones(rows.size, np.int64), (rows, columns)), shape).tocsr().tocoo()
    both = (table.row > 0) & (table.col > 0)
    return Overlaps(
        np.bincount(rows, minlength=1)[1:],
        np.bincount(columns, minlength=1)[1:],
        table.row[both].astype(np.int64) - 1,
        table.col[both].astype(np.int64) - 1,
        table.data[both],
    )


def _places(labels: NDArray[Any]) -> NDArray[np.int64]:
    """Objects 1, 2, ... in the order of their numbers; 0 stays 0."""
    numbers, places = np.unique(labels, return_inverse=True)
    return np.asarray(places.ravel() + (not (numbers == 0).any()), np.int64)


@dataclass(frozen=True)
class Matches:
    """Objects matched at one IoU.

    Quotients of no objects at all, on either side, have no value: NaN.
    """

    tp: int
    fp: int
    fn: int

    @property
    def ap(self) -> float:
        """TP / (TP + FP + FN), the average precision of the 2018 Data Science Bowl."""
        return _ratio(self.tp, self.tp + self.fp + self.fn)

    @property
    def f1(self) -> float:
        """2 TP / (2 TP + FP + FN)."""
        return _ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)


def match(found: Overlaps, iou: float = 0.5) -> Matches:
    """Count the objects that have a partner with which their IoU is above a threshold.

    From 0.5 on an object has one such partner at most, so that there is nothing to choose.

    Raises
    ------
    SettingError
        For a threshold below 0.5 or from 1 on.
    """
    if not 0.5 <= iou < 1:
        raise SettingError(f"Objects are matched at an IoU from 0.5 and below 1, not at {iou:g}.")
    tp = int((found.iou > iou).sum())
    return Matches(tp, len(found.prediction) - tp, len(found.reference) - tp)


@dataclass(frozen=True)
class InstanceScores:
    """Scores of one instance map; the fields are those of `INSTANCE_MEASURES`.

    Attributes
    ----------
    ap_50, ap_75, ap_mean
        TP / (TP + FP + FN) at IoU 0.5 and 0.75, and its mean over 0.5, 0.55, ..., 0.95.
    f1_50, f1_mean
        2 TP / (2 TP + FP + FN), likewise.
    aggregated_jaccard
        Σ |P ∩ R| / Σ |P ∪ R| over the references, each with the predicted object of the greatest
        IoU; references and predicted objects without a partner add to the union (Kumar et al.
        2017).
    panoptic_quality
        Σ IoU of the matched pairs / (TP + FP / 2 + FN / 2), at IoU 0.5 (Kirillov et al. 2019).
    count_error, absolute_count_error, relative_count_error
        n = predicted - true objects, |n|, and |n| / true objects.
    split, joined, missed, added
        Two objects are linked if they share more than half of the smaller one. A reference with
        several links is split, a predicted object with several links has joined; a reference
        without is missed, a predicted object without is added.

    Notes
    -----
    Where there are no objects but some are predicted, or the other way round, the scores are 0.
    Where there are none in either they have no value, NaN, nor has the relative error of a true
    count of 0.
    """

    ap_50: float
    ap_75: float
    ap_mean: float
    f1_50: float
    f1_mean: float
    aggregated_jaccard: float
    panoptic_quality: float
    count_error: float
    absolute_count_error: float
    relative_count_error: float
    split: float
    joined: float
    missed: float
    added: float


def instance_scores(prediction: NDArray[Any], reference: NDArray[Any]) -> InstanceScores:
    """All scores of a predicted instance map against its reference; see `overlaps` for both."""
    return scores_of(overlaps(prediction, reference))


def scores_of(found: Overlaps) -> InstanceScores:
    """All scores of two instance maps whose overlaps are known."""
    matches = {iou: match(found, iou) for iou in IOU_THRESHOLDS}
    half = matches[0.5]
    true, predicted = len(found.reference), len(found.prediction)
    linked = 2 * found.shared > np.minimum(
        found.reference[found.rows], found.prediction[found.columns]
    )
    of_reference = np.bincount(found.rows[linked], minlength=true)
    of_prediction = np.bincount(found.columns[linked], minlength=predicted)
    return InstanceScores(
        ap_50=half.ap,
        ap_75=matches[0.75].ap,
        ap_mean=float(np.mean([one.ap for one in matches.values()])),
        f1_50=half.f1,
        f1_mean=float(np.mean([one.f1 for one in matches.values()])),
        aggregated_jaccard=_aggregated_jaccard(found),
        panoptic_quality=_ratio(
            float(found.iou[found.iou > 0.5].sum()), half.tp + (half.fp + half.fn) / 2
        ),
        count_error=float(predicted - true),
        absolute_count_error=float(abs(predicted - true)),
        relative_count_error=_ratio(abs(predicted - true), true),
        split=float((of_reference > 1).sum()),
        joined=float((of_prediction > 1).sum()),
        missed=float((of_reference == 0).sum()),
        added=float((of_prediction == 0).sum()),
    )


def _aggregated_jaccard(found: Overlaps) -> float:
    order = np.lexsort((found.columns, -found.iou, found.rows))
    _, first = np.unique(found.rows[order], return_index=True)
    best = order[first]  # of each reference that touches any, its pair of the greatest IoU
    alone = np.delete(found.reference, found.rows[best])
    unused = np.delete(found.prediction, found.columns[best])
    union = int(found.union[best].sum() + alone.sum() + unused.sum())
    return _ratio(int(found.shared[best].sum()), union)


def overlaps_by_class(
    prediction: NDArray[Any],
    predicted_classes: NDArray[Any],
    reference: NDArray[Any],
    classes: NDArray[Any],
    count: int,
) -> list[Overlaps]:
    """The `overlaps` of each class from 1 to `count`: objects meet those of their own class.

    Parameters
    ----------
    prediction, reference
        Instance maps, see `overlaps`.
    predicted_classes, classes
        Of the same shapes: the class of the object of each pixel; where `classes` are below 0,
        pixels do not count.
    """
    return [
        overlaps(
            np.where(predicted_classes == label, prediction, 0),
            np.where(classes < 0, -1, np.where(classes == label, reference, 0)),
        )
        for label in range(1, count + 1)
    ]


def values_of(scores: InstanceScores) -> dict[str, float]:
    """Scores by the name of the measure."""
    return {field.name: getattr(scores, field.name) for field in fields(scores)}


def mean_of_classes(found: Sequence[Overlaps]) -> dict[str, float]:
    """By the name of the measure the mean over the classes that have a score.

    Objects that are split, joined, missed or added, and errors of counts, are those of all classes
    together.
    """
    cases = [values_of(scores_of(one)) for one in found]
    columns = {name: np.array([one[name] for one in cases]) for name in INSTANCE_MEASURES}
    return {
        name: float(values.sum() if name in _SUMMED else nan_mean(values))
        for name, values in columns.items()
    }


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else np.nan
