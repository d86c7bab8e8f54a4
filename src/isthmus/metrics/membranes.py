"""How well cells are told apart by the membranes between them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError
from isthmus.metrics.overlap import check_shapes


def cells(inside: NDArray[Any]) -> NDArray[np.int64]:
    """Label map of the cells, 1 to n: connected parts of the mask of what is no membrane.

    Pixels are connected by their sides, so that a diagonal membrane of one pixel parts two cells.
    Membranes are 0.
    """
    from skimage.measure import label

    return np.asarray(label(np.asarray(inside, bool), connectivity=1), np.int64)


def membrane_scores(prediction: NDArray[Any], reference: NDArray[Any]) -> dict[str, float]:
    """Scores of predicted cells against those of the reference, by name, of one image.

    ``adapted Rand error``, 1 - the F score of pairs of pixels that are in one cell, and
    ``VI``, the variation of information in bits, with its parts ``VI split`` (a cell cut in many)
    and ``VI merged`` (many cells made one); 0 is best. Only pixels inside the reference's cells
    count; the predicted cells are first grown over the predicted membranes to the nearest cell, so
    that the thickness of those does not matter.

    Parameters
    ----------
    prediction
        Predicted label map of cells, 0 for membranes, see `cells`.
    reference
        That of the reference.

    Raises
    ------
    DataError
        If the shapes differ, or the reference has no cell.

    Notes
    -----
    Source: Arganda-Carreras et al. 2015 (ISBI 2012 challenge), as scikit-image computes it.
    """
    from skimage.metrics import adapted_rand_error, variation_of_information
    from skimage.segmentation import expand_labels

    check_shapes(prediction, reference)
    reference = np.asarray(reference)
    if not reference.any():
        raise DataError("The reference has no cell; give a label map with cells from 1 on.")
    grown = expand_labels(np.asarray(prediction), distance=sum(reference.shape))
    with np.errstate(invalid="ignore"):  # 0/0 where every cell is a single pixel
        error, _, _ = adapted_rand_error(reference, grown, ignore_labels=(0,))
    split, merged = variation_of_information(reference, grown, ignore_labels=(0,))
    return {
        "adapted Rand error": float(error),
        "VI": float(split + merged),
        "VI split": float(split),
        "VI merged": float(merged),
    }
