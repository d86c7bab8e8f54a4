"""What a segmenter makes of images whose label maps are known."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from isthmus.core.labels import IGNORED
from isthmus.data import PairSet
from isthmus.metrics import (
    SegmentationScores,
    field_of_view_scores,
    pixel_entropy,
    segmentation_scores,
)

Labels = NDArray[np.int16]
SHOWN = 4  # images of a kind in a report
# What is asked for, by its name in `isthmus.metrics`.
_OF_PROBABILITIES = {"auc": "AUC", "average_precision": "average precision"}


class Predicted(NamedTuple):
    """What a model made of images.

    Attributes
    ----------
    maps, scores
        Label maps, and their scores.
    columns
        Measures of the probabilities, by name.
    uncertain
        The `isthmus.metrics.pixel_entropy` of the `SHOWN` images with the least Dice, by place.
    seconds
        That the segmentation took.
    """

    maps: list[Labels]
    scores: list[SegmentationScores]
    columns: dict[str, NDArray[np.float64]]
    uncertain: dict[int, NDArray[np.float32]]
    seconds: float


def predict(model: Any, test: PairSet, measures: Sequence[str] = ()) -> Predicted:
    """Segment and score images one after another; probabilities of one are held at a time."""
    maps: list[Labels] = []
    cases: list[SegmentationScores] = []
    worst: list[tuple[float, int]] = []
    uncertain: dict[int, NDArray[np.float32]] = {}
    found: dict[str, list[float]] = {name: [] for name in _OF_PROBABILITIES if name in measures}
    classes, seconds = range(1, len(test.class_names)), 0.0
    for place, (image, mask) in enumerate(zip(test.images, test.masks, strict=True)):
        began = time.perf_counter()
        (p,) = model.predict_proba([image])
        maps.append(p.argmax(0).astype(np.int16))
        seconds += time.perf_counter() - began
        cases.append(segmentation_scores(maps[-1], mask, classes))
        if not np.isnan(dice := cases[-1].mean("dice")):
            worst = sorted([*worst, (dice, place)])[:SHOWN]
            if (dice, place) in worst:
                uncertain[place] = pixel_entropy(p)
                uncertain = {one: uncertain[one] for _, one in worst}
        if found:
            scores = field_of_view_scores(p[1], mask == 1, mask != IGNORED)
            for name, values in found.items():
                values.append(scores[_OF_PROBABILITIES[name]])
    of_probabilities = {name: np.array(values) for name, values in found.items()}
    return Predicted(maps, cases, of_probabilities, uncertain, seconds)


def score_maps(maps: list[Labels], test: PairSet) -> list[SegmentationScores]:
    """Scores of predicted label maps, class by class but for the background."""
    classes = range(1, len(test.class_names))
    return [
        segmentation_scores(map_, mask, classes)
        for map_, mask in zip(maps, test.masks, strict=True)
    ]
