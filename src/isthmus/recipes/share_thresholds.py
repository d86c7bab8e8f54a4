"""Shares by grey thresholds, as baselines of those by label maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.filters import threshold_otsu

from isthmus.data import PairSet
from isthmus.inference.thresholds import best_threshold, learn_deviations, threshold_at
from isthmus.metrics import overlap_counts
from isthmus.recipes.shares import ShareOf

Array = NDArray[Any]
ORACLE = "best threshold of each image"
LEARNT = "threshold at learnt deviations"
OTSU = "Otsu threshold"


def threshold_methods(
    train: PairSet, test: PairSet, shares: Mapping[str, ShareOf]
) -> dict[str, dict[str, Array]]:
    """Dice of the part, and the error of the share, by grey thresholds in the reference's whole.

    `ORACLE` is the threshold that suits the reference of the very image best: what an expert
    reaches who sets one for each image by hand. `LEARNT` is μ + k σ of the grey values of the
    whole, k learnt from the training images; `OTSU` is that of the values of the whole. All know
    where the whole is, which a model has to find.
    """
    values: dict[str, dict[str, Array]] = {ORACLE: {}, LEARNT: {}, OTSU: {}}
    for name, one in shares.items():
        part, whole = one.labels(test.class_names)
        cases = [
            grey_of(*pair, part, whole) for pair in zip(train.images, train.masks, strict=True)
        ]
        deviations = learn_deviations([case for case in cases if case[1].any()])
        scores: dict[str, list[tuple[float, float]]] = {method: [] for method in values}
        for image, mask in zip(test.images, test.masks, strict=True):
            grey, bright = grey_of(image, mask, part, whole)
            for method, threshold in thresholds(grey, bright, deviations).items():
                found = grey > threshold
                dice = overlap_counts(found, bright).dice if grey.size else np.nan
                error = 100 * abs(found.mean() - bright.mean()) if grey.size else np.nan
                scores[method].append((dice, float(error)))
        for method, columns in values.items():
            dices, errors = np.array(scores[method]).T
            if len(part) == 1 and len(test.class_names) > 2:
                columns[f"dice/{test.class_names[part[0]]}"] = dices
            columns[f"share_error/{name}"] = errors
    return values if shares else {}


def grey_of(
    image: Array, mask: Array, part: Sequence[int], whole: Sequence[int]
) -> tuple[Array, NDArray[np.bool_]]:
    """Grey values of the pixels of the whole, and which of them are of the part."""
    grey = image if image.ndim == 2 else image.mean(0)
    inside = np.isin(mask, whole)
    return grey[inside], np.isin(mask[inside], part)


def thresholds(grey: Array, bright: NDArray[np.bool_], deviations: float) -> dict[str, float]:
    """The threshold of each method of `threshold_methods`, of the values of one image."""
    spread = grey.size and grey.min() < grey.max()
    return {
        ORACLE: best_threshold(grey, bright),
        LEARNT: threshold_at(grey, deviations),
        OTSU: float(threshold_otsu(grey)) if spread else 0.0,
    }
