"""Scores of probabilities inside the field of view, as they are used for retinal vessels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.metrics.overlap import check_shapes, overlap_counts


def field_of_view_scores(
    probability: NDArray[Any],
    reference: NDArray[Any],
    field: NDArray[Any] | None = None,
    *,
    threshold: float = 0.5,
) -> dict[str, float]:
    """Scores of one image by name, over the pixels of a field of view.

    ``AUC``, the area under the ROC curve; ``average precision``, Σ_k (R_k - R_{k-1}) P_k over all
    thresholds; ``F1`` (Dice) at one threshold, with the rules of `Overlap`. AUC is NaN where the
    field has no object or nothing else, the average precision where it has no object.

    Parameters
    ----------
    probability
        Of the object, of any shape.
    reference
        Mask of the object, of the same shape.
    field
        Mask of the pixels that count; all by default.
    threshold
        From which probability on a pixel belongs to the object. Not to be chosen on test data.

    Raises
    ------
    DataError
        If the shapes differ.
    """
    from sklearn.metrics import average_precision_score, roc_auc_score

    inside = np.ones(np.shape(reference), bool) if field is None else np.asarray(field, bool)
    for values in (probability, inside):
        check_shapes(values, reference)
    p, r = np.asarray(probability)[inside], np.asarray(reference, bool)[inside]
    return {
        "AUC": float(roc_auc_score(r, p)) if r.any() and not r.all() else np.nan,
        "average precision": float(average_precision_score(r, p)) if r.any() else np.nan,
        "F1": overlap_counts(p >= threshold, r).dice,
    }
