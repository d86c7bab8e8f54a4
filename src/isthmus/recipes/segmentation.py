"""A run of a segmenter: its data, its fit, and its scores beside baselines."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.filters import threshold_otsu

from isthmus.core.errors import SettingError
from isthmus.data import CATALOGUE, PairSet, Split, read_pairs, split
from isthmus.data.fingerprint import fingerprint
from isthmus.inference.segmentation import resized, resized_labels
from isthmus.metrics import MEASURES, SegmentationScores, mean_iou, segmentation_scores
from isthmus.models.planner import SegmenterPlan, plan_segmenter
from isthmus.recipes.evaluation import Evaluation
from isthmus.recipes.schema import DataSettings, Recipe

Array = NDArray[Any]
Labels = NDArray[np.int16]
_COMMON = (128, 128)  # size in which label maps are averaged


def read_data(settings: DataSettings) -> tuple[PairSet, Split]:
    """Read and split the images and label maps of a recipe."""
    if settings.source is None:
        raise SettingError("This recipe needs data of yours: give them with --data PATH.")
    dataset = read_pairs(settings.source, **settings.pairs())
    parts = split(
        dataset,
        validation=settings.validation,
        test=settings.test,
        random_state=settings.random_state,
    )
    return dataset, settings.limited(parts)


def fit(model: Any, dataset: PairSet, parts: Split, **options: Any) -> None:
    """Train on the training part; the validation part is measured after each epoch."""
    train, held_out = dataset.subset(parts.train), None
    if len(parts.validation):
        validation = dataset.subset(parts.validation)
        held_out = (validation.images, validation.masks)
    names = dataset.class_names
    model.fit(train.images, train.masks, class_names=names, validation=held_out, **options)


def plan(recipe: Recipe, dataset: PairSet, parts: Split) -> SegmenterPlan:
    """Pick what a recipe leaves open, see `plan_segmenter`."""
    train, held_out = dataset.subset(parts.train), [dataset.images[i] for i in parts.validation]
    given = {**recipe.model, **recipe.training}
    del given["kind"]
    names = dataset.class_names
    return plan_segmenter(
        train.images, train.masks, class_names=names, validation=held_out, **given
    )


def describe(model: Any, dataset: PairSet, settings: DataSettings) -> None:
    """Keep with the model what its data were."""
    model.data_ |= {
        "name": dataset.name,
        "class_names": list(dataset.class_names),
        "reading": settings.pairs(),
    }


def evaluate_parts(model: Any, dataset: PairSet, parts: Split, part: str) -> Evaluation:
    """Score a fitted segmenter on the test part beside its baselines."""
    return evaluate(model, dataset.subset(parts.train), dataset.subset(parts.test), part)


def evaluate_on(model: Any, settings: DataSettings, source: str) -> Evaluation:
    """Score a model on other data; the baselines are fitted to its own training images."""
    dataset, parts = read_data(settings)
    own = settings.pairs() if source not in CATALOGUE else {}
    return evaluate(model, dataset.subset(parts.train), read_pairs(source, **own), "other")


def evaluate(model: Any, train: PairSet, test: PairSet, part: str = "test") -> Evaluation:
    """Score a fitted segmenter on images with label maps beside its baselines.

    The baselines are the same network untrained; the most frequent class of each place in the
    training label maps; and, of two classes, Otsu's threshold of each image. Scores are those of
    `isthmus.metrics.segmentation_scores`, each the mean over the classes but the background, and of
    several classes Dice for each. A class that an image has not, and that is not predicted either,
    has no score there; the facts count what was missed and what was seen where there is nothing.
    """
    began = time.perf_counter()
    predicted = {"model": model.predict(test.images)}
    seconds = (time.perf_counter() - began) / len(test)
    predicted["untrained network"] = model.untrained().predict(test.images)
    predicted["most frequent class"] = _by_place(train, test)
    if len(test.class_names) == 2:
        predicted["Otsu threshold"] = _by_threshold(train, test)
    scores = {method: score_maps(maps, test) for method, maps in predicted.items()}
    values = {method: columns(scores[method], maps, test) for method, maps in predicted.items()}
    whole = np.concatenate([image.ravel() for image in test.images])
    facts = {**failures(scores["model"]), "seconds per image": seconds}
    return Evaluation(values, test.groups, fingerprint(whole), facts, part)


def score_maps(maps: list[Labels], test: PairSet) -> list[SegmentationScores]:
    """Scores of predicted label maps, class by class but for the background."""
    classes = range(1, len(test.class_names))
    return [
        segmentation_scores(map_, mask, classes)
        for map_, mask in zip(maps, test.masks, strict=True)
    ]


def columns(
    cases: list[SegmentationScores], maps: list[Labels], test: PairSet
) -> dict[str, NDArray[np.float64]]:
    """By measure the mean over the classes of each case; mIoU; Dice of each of several classes."""
    found = {name: np.array([case.mean(name) for case in cases]) for name in MEASURES}
    count = len(test.class_names)
    found["mean_iou"] = np.array(
        [mean_iou(map_, mask, range(count)) for map_, mask in zip(maps, test.masks, strict=True)]
    )
    if count > 2:
        for place, name in enumerate(test.class_names[1:]):
            found[f"dice/{name}"] = np.array([case.values["dice"][place] for case in cases])
    return found


def failures(cases: list[SegmentationScores]) -> dict[str, float]:
    """How many structures were missed as a whole, and seen where there are none."""
    return {
        "structures missed as a whole": float(sum(case.missed.sum() for case in cases)),
        "structures seen where there are none": float(
            sum(case.false_positives.sum() for case in cases)
        ),
    }


def _by_place(train: PairSet, test: PairSet) -> list[Labels]:
    """The most frequent class of each place of the training label maps."""
    shares = np.zeros((len(train.class_names), *_COMMON), np.float32)
    for mask in train.masks:
        shares += resized_labels(mask, _COMMON) == np.arange(len(shares))[:, None, None]
    shares /= len(train)
    return [resized(shares, mask.shape).argmax(0).astype(np.int16) for mask in test.masks]


def _by_threshold(train: PairSet, test: PairSet) -> list[Labels]:
    """Brighter, or darker, than Otsu's threshold of the image: as it is in the training images."""
    bright, dark = (
        float(np.mean([case.mean("dice") for case in score_maps(maps, train)]))
        for maps in ([_thresholded(image, side) for image in train.images] for side in (1, -1))
    )
    side = 1 if bright >= dark else -1
    return [_thresholded(image, side) for image in test.images]


def _thresholded(image: Array, side: int) -> Labels:
    grey = image if image.ndim == 2 else image.mean(0)
    threshold = threshold_otsu(grey) if grey.min() < grey.max() else grey.max()
    return np.asarray(grey > threshold if side > 0 else grey < threshold, np.int16)
