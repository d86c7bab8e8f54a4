"""How far two masks, or two label maps, overlap: counts of pixels and what follows from them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError
from isthmus.core.labels import IGNORED


class Overlap(NamedTuple):
    """True and false positives and negatives of a predicted mask, in pixels (or voxels).

    A structure that is wholly missed has Dice, IoU, sensitivity and precision 0. False positives on
    an empty reference have Dice, IoU and precision 0. A quotient 0/0 has no value, NaN: the
    sensitivity for an empty reference; Dice, IoU and precision too if nothing is predicted either.
    """

    tp: int
    fp: int
    fn: int
    tn: int

    @property
    def dice(self) -> float:
        """S = 2 |P ∩ R| / (|P| + |R|), also called F1 and DSC. Source: lecture notes 000, 004."""
        return _ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    @property
    def iou(self) -> float:
        """|P ∩ R| / |P ∪ R|, the Jaccard index."""
        return _ratio(self.tp, self.tp + self.fp + self.fn)

    @property
    def sensitivity(self) -> float:
        """TP / (TP + FN), also called recall; NaN for an empty reference."""
        return _ratio(self.tp, self.tp + self.fn)

    @property
    def precision(self) -> float:
        """TP / (TP + FP); 0 where nothing is predicted of a structure that is there."""
        return _ratio(self.tp, self.tp + self.fp or self.fn)

    @property
    def specificity(self) -> float:
        """TN / (TN + FP); NaN where the reference fills the image."""
        return _ratio(self.tn, self.tn + self.fp)

    @property
    def squared_error(self) -> float:
        """Mean of (p - r)² over the pixels, of masks: the share of pixels that are wrong."""
        return _ratio(self.fp + self.fn, sum(self))


def overlap_counts(
    prediction: NDArray[Any], reference: NDArray[Any], counted: NDArray[np.bool_] | None = None
) -> Overlap:
    """Counts for two masks of one shape, over the pixels that are `counted` (default: all).

    Raises
    ------
    DataError
        If the shapes differ.
    """
    p, r = np.asarray(prediction, bool), np.asarray(reference, bool)
    check_shapes(p, r)
    inside = np.ones(p.shape, bool) if counted is None else counted
    return Overlap(*(int((part & inside).sum()) for part in (p & r, p & ~r, ~p & r, ~p & ~r)))


def mean_iou(
    prediction: NDArray[Any],
    reference: NDArray[Any],
    classes: Iterable[int],
    *,
    ignore: int = IGNORED,
) -> float:
    """IoU of each class of two label maps, averaged over the classes that occur in either.

    The background counts if it is among the `classes`. It is the figure of one image, of which the
    mean over images is then taken. Classes that occur in neither have no IoU; NaN if none occurs.
    Source: lecture note 001.
    """
    prediction, reference = label_maps(prediction, reference)
    counted = reference != ignore
    values = [overlap_counts(prediction == c, reference == c, counted).iou for c in classes]
    return nan_mean(np.array(values))


def mask_squared_error(
    probability: NDArray[Any], reference: NDArray[Any], *, ignore: int = IGNORED
) -> float:
    """(1/n) Σ_i (p_i - r_i)² over the n labelled pixels of an image; its mean over images is mMse.

    `probability` is that of the object, or a mask, and `reference` holds 1 for the object, 0 for
    the background. The name is of lecture note 001, which does not define it.
    """
    check_shapes(probability, reference)
    p, r = np.asarray(probability, np.float64), np.asarray(reference)
    errors = (p - r)[r != ignore]
    return nan_mean(np.square(errors))


def label_maps(
    prediction: NDArray[Any], reference: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Both as arrays; refused if they are no labels, or differ in shape."""
    maps = np.asarray(prediction), np.asarray(reference)
    for labels in maps:
        if labels.dtype.kind not in "biu":
            raise DataError(
                f"A label map holds integers, but this one has dtype {labels.dtype}; take the most"
                " probable class of each pixel, or a threshold, first."
            )
    check_shapes(*maps)
    return maps


def check_shapes(prediction: NDArray[Any], reference: NDArray[Any]) -> None:
    """Refuse a prediction that has not the shape of its reference."""
    if np.shape(prediction) != np.shape(reference):
        raise DataError(
            f"A prediction of shape {np.shape(prediction)} cannot be scored against a reference of"
            f" shape {np.shape(reference)}; they have to be the same."
        )


def nan_mean(values: NDArray[Any]) -> float:
    """Mean of the values that are numbers; NaN if there is none."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else np.nan


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else np.nan
