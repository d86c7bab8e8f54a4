"""All scores of one segmented image, class by class, and their table over many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError
from isthmus.core.labels import IGNORED
from isthmus.metrics.bootstrap import Estimate, bootstrap_mean
from isthmus.metrics.overlap import Overlap, label_maps, nan_mean, overlap_counts
from isthmus.metrics.surface import SurfaceDistances, surface_distances


class Measure(NamedTuple):
    """Name of a measure in tables, and its direction."""

    title: str
    higher_is_better: bool


MEASURES = {
    "dice": Measure("Dice", True),
    "iou": Measure("IoU", True),
    "sensitivity": Measure("sensitivity", True),
    "precision": Measure("precision", True),
    "specificity": Measure("specificity", True),
    "mask_squared_error": Measure("squared error, per pixel", False),
    "boundary_f": Measure("boundary F", True),
    "hausdorff_95": Measure("HD95", False),
    "surface_distance": Measure("average symmetric surface distance", False),
}


@dataclass(frozen=True)
class SegmentationScores:
    """Scores of one case, each ``(K,)`` for K classes.

    Attributes
    ----------
    classes
        Their labels.
    values
        By the name of the measure, see `MEASURES`; NaN where a class has no value.
    in_reference
        Whether the class occurs in the reference.
    in_prediction
        Whether it occurs in the prediction.
    """

    classes: tuple[int, ...]
    values: dict[str, NDArray[np.float64]]
    in_reference: NDArray[np.bool_]
    in_prediction: NDArray[np.bool_]

    @property
    def missed(self) -> NDArray[np.bool_]:
        """Classes of the reference of which nothing is predicted."""
        return self.in_reference & ~self.in_prediction

    @property
    def false_positives(self) -> NDArray[np.bool_]:
        """Classes that are predicted although the reference has none."""
        return self.in_prediction & ~self.in_reference

    @property
    def absent(self) -> NDArray[np.bool_]:
        """Classes that occur in neither and have no value."""
        return ~(self.in_reference | self.in_prediction)

    def only(self, place: int) -> SegmentationScores:
        """The scores of the class at one place alone."""
        chosen = slice(place, place + 1)
        return SegmentationScores(
            self.classes[chosen],
            {name: values[chosen] for name, values in self.values.items()},
            self.in_reference[chosen],
            self.in_prediction[chosen],
        )

    def mean(self, measure: str) -> float:
        """Mean over the classes that have a value; NaN if none has."""
        return nan_mean(self.values[measure])


def segmentation_scores(
    prediction: NDArray[Any],
    reference: NDArray[Any],
    classes: Sequence[int],
    *,
    spacing: Sequence[float] | None = None,
    tolerance: float = 2.0,
    ignore: int = IGNORED,
) -> SegmentationScores:
    """Every measure of every class of one predicted label map ``(H, W)`` or ``(D, H, W)``.

    A structure that is wholly missed has Dice 0, a surface distance of the image's diagonal and so
    on (the rules are those of `Overlap` and `SurfaceDistances`); so has a false positive on an
    empty reference. A class that occurs in neither has no Dice and no distance: NaN.

    Parameters
    ----------
    prediction, reference
        Label maps of integers, of one shape.
    classes
        The labels that are scored; the background, 0, only if it is among them.
    spacing
        Size of a pixel along each axis, (row, column) for images; 1 by default.
    tolerance
        Of the boundary F, in units of the spacing.
    ignore
        Label of the reference's pixels that do not count, whatever is predicted there. For the
        surfaces they belong to no structure.

    Raises
    ------
    DataError
        If the maps hold no integers or differ in shape, or there is not a spacing for each axis.
    """
    prediction, reference = label_maps(prediction, reference)
    counted = reference != ignore
    rows, present = [], []
    for label in classes:
        p, r = (prediction == label) & counted, (reference == label) & counted
        distances = surface_distances(p, r, spacing)
        rows.append(_measured(overlap_counts(p, r, counted), distances, tolerance))
        present.append((r.any(), p.any()))
    return SegmentationScores(
        tuple(classes),
        {name: np.array([row[name] for row in rows], np.float64) for name in MEASURES},
        *np.array(present, bool).reshape(-1, 2).T,
    )


def _measured(overlap: Overlap, distances: SurfaceDistances, tolerance: float) -> dict[str, float]:
    return {
        "dice": overlap.dice,
        "iou": overlap.iou,
        "sensitivity": overlap.sensitivity,
        "precision": overlap.precision,
        "specificity": overlap.specificity,
        "mask_squared_error": overlap.squared_error,
        "boundary_f": distances.boundary_f(tolerance),
        "hausdorff_95": distances.hausdorff(95),
        "surface_distance": distances.average(),
    }


@dataclass(frozen=True)
class ScoreRow:
    """A row of a table of scores: one class, or the mean over the classes.

    Attributes
    ----------
    estimates
        By the name of the measure: the mean over the cases that have a value, and its interval;
        ``None`` if no case has one.
    cases
        Number of cases.
    missed
        Structures of which nothing was found; each counts in the means, with Dice 0.
    false_positives
        Structures found where the reference has none; each counts, with Dice 0.
    absent
        Structures in neither; they have no value.
    """

    estimates: dict[str, Estimate | None]
    cases: int
    missed: int
    false_positives: int
    absent: int


@dataclass(frozen=True)
class SegmentationTable:
    """Scores over many cases.

    Attributes
    ----------
    classes
        The row of each class.
    mean
        The mean over the classes of each case, then over the cases; its counts are the sums.
    """

    classes: dict[int, ScoreRow]
    mean: ScoreRow


def segmentation_table(
    cases: Sequence[SegmentationScores], groups: NDArray[Any] | None = None
) -> SegmentationTable:
    """Means over the cases with 95 % bootstrap intervals, and the counts of failures.

    Parameters
    ----------
    groups
        Patient, stack or scene of each case ``(N,)``: the intervals draw whole groups.

    Raises
    ------
    DataError
        If there is no case, or the cases do not score the same classes.
    """
    if len({case.classes for case in cases}) != 1:
        raise DataError("A table needs cases, at least one, that are scored for the same classes.")
    return SegmentationTable(
        {
            label: _row([case.only(k) for case in cases], groups)
            for k, label in enumerate(cases[0].classes)
        },
        _row(cases, groups),
    )


def _row(cases: Sequence[SegmentationScores], groups: NDArray[Any] | None) -> ScoreRow:
    return ScoreRow(
        {name: _estimate([case.mean(name) for case in cases], groups) for name in MEASURES},
        len(cases),
        sum(int(case.missed.sum()) for case in cases),
        sum(int(case.false_positives.sum()) for case in cases),
        sum(int(case.absent.sum()) for case in cases),
    )


def _estimate(scores: Sequence[float], groups: NDArray[Any] | None) -> Estimate | None:
    values = np.array(scores)
    known = ~np.isnan(values)
    if not known.any():
        return None
    return bootstrap_mean(values[known], None if groups is None else np.asarray(groups)[known])
