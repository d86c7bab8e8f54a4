"""A run of an instance segmenter: its data, its fit, and its scores beside baselines."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from isthmus.data import InstanceSet, PairSet, Split, read_instances
from isthmus.inference.borders import BORDERS
from isthmus.inference.instances import Instances
from isthmus.metrics import agreement
from isthmus.metrics.instances import (
    INSTANCE_MEASURES,
    Matches,
    Overlaps,
    match,
    mean_of_classes,
    overlaps_by_class,
    scores_of,
)
from isthmus.models import Ensemble, InstanceSegmenter, Segmenter
from isthmus.models.instance_segmenter import pixel_maps
from isthmus.models.planner import SegmenterPlan
from isthmus.recipes import segmentation
from isthmus.recipes.evaluation import Evaluation
from isthmus.recipes.schema import DataSettings, Recipe
from isthmus.recipes.thresholding import best_distance, otsu_components, otsu_watershed

Array = NDArray[Any]
_OF_PARTS = ("ap_50", "ap_mean")  # given for each class and each kind of images too
_FAILURES = ("split", "joined", "missed", "added")
SUMMED = ()  # facts of folds that add up to that of all


def read_data(settings: DataSettings) -> tuple[InstanceSet, Split]:
    """Read and split the images and instance maps of a recipe."""
    segmentation.refuse_others(settings)
    settings.refuse("measures", purpose="label maps of two classes")
    dataset = read_instances(settings.given_source, **settings.instances())
    return dataset, settings.part(dataset)


def fit(model: Any, dataset: InstanceSet, parts: Split, **options: Any) -> None:
    """Train on the training part; on the validation part the cut is chosen."""
    train, held_out = dataset.subset(parts.train), None
    if len(parts.validation):
        validation = dataset.subset(parts.validation)
        held_out = (validation.images, validation.objects, validation.masks)
    model.fit(
        train.images,
        train.objects,
        classes=train.masks,
        class_names=dataset.class_names,
        validation=held_out,
        **options,
    )


def plan(recipe: Recipe, dataset: InstanceSet, parts: Split) -> SegmenterPlan:
    """Pick what a recipe leaves open by the pixel classes, see `plan_segmenter`.

    Borders are thin, so that images keep their size; the insides say how large pieces are.
    """
    borders = BORDERS.build(recipe.model["borders"])
    names = dataset.class_names
    maps = pixel_maps(borders, dataset.objects, dataset.masks, len(names) - 1)
    pixels = PairSet(
        dataset.name,
        dataset.images,
        tuple(maps),
        dataset.names,
        tuple(borders.pixel_classes(names)),
    )
    own = {one.name for one in fields(InstanceSegmenter)} - {one.name for one in fields(Segmenter)}
    model = {name: value for name, value in recipe.model.items() if name not in own}
    return segmentation.plan(recipe.model_copy(update={"model": model}), pixels, parts)


def describe(model: Any, dataset: InstanceSet, settings: DataSettings) -> None:
    """Keep with the model what its data were."""
    segmentation.keep(model, dataset, settings, settings.instances())


def evaluate_parts(model: Any, dataset: InstanceSet, parts: Split, part: str) -> Evaluation:
    """Score a fitted model on the test part beside its baselines."""
    return evaluate(model, dataset.subset(parts.train), dataset.subset(parts.test), part)


def evaluate_on(model: Any, settings: DataSettings, source: str, **reading: Any) -> Evaluation:
    """Score a model on other data; the baselines are fitted to its own training images."""
    dataset, parts = read_data(settings)
    train = dataset.subset(parts.train)
    given = {"colour": dataset.channels == 3, **reading}
    whole = segmentation.reading_of_other(source, settings, settings.instances(), given)
    other = read_instances(source, **whole)
    segmentation.refuse_other_classes(other, dataset, source)
    return segmentation.beside_known(evaluate(model, train, other, "other"), train, other)


notes = segmentation.notes


class Cases(NamedTuple):
    """The overlaps of one method's objects with the reference, class by class of each image."""

    found: list[list[Overlaps]]

    def columns(self, test: InstanceSet) -> dict[str, NDArray[np.float64]]:
        """The `mean_of_classes` of each image by measure; some measures by class and kind too."""
        cases = [mean_of_classes(one) for one in self.found]
        found = {name: np.array([case[name] for case in cases]) for name in INSTANCE_MEASURES}
        titles = test.class_names[1:] if len(test.class_names) > 2 else ()
        for name in _OF_PARTS:
            for kind in _kinds(test):
                found[f"{name}/{kind}"] = np.where(test.kinds == kind, found[name], np.nan)
            for place, title in enumerate(titles):
                found[f"{name}/{title}"] = np.array(
                    [getattr(scores_of(case[place]), name) for case in self.found]
                )
        return found

    def counts(self) -> tuple[Array, Array]:
        """Predicted and true objects of each image."""
        predicted = [sum(len(one.prediction) for one in classes) for classes in self.found]
        true = [sum(len(one.reference) for one in classes) for classes in self.found]
        return np.array(predicted), np.array(true)

    def pooled(self, chosen: Array) -> float:
        """TP / (TP + FP + FN) at IoU 0.5 of all objects of some images together."""
        matches = [match(one) for place in np.flatnonzero(chosen) for one in self.found[place]]
        return Matches(*np.sum([(one.tp, one.fp, one.fn) for one in matches], 0).tolist()).ap


def evaluate(model: Any, train: InstanceSet, test: InstanceSet, part: str = "test") -> Evaluation:
    """Score a fitted instance segmenter on images with instance maps beside its baselines.

    The baselines are the same network untrained and, of one class of objects, Otsu's threshold:
    its connected parts, and its watershed from the maxima of the distance transform, whose distance
    is chosen on training images. All leave out what is smaller than the model's smallest object.

    Scores are those of `isthmus.metrics.instance_scores`, each the mean over the classes; that of
    matched objects is also given of each class where there are several, and of each kind of images.
    The facts pool all objects, as some publications do, and compare the counts.
    """
    own, facts = _scored(model, model.objects_of, test)
    methods = {
        "model": own,
        "untrained network": _cases(model.untrained().predict_objects(test.images), test),
    }
    if len(test.class_names) == 2:
        methods |= {
            name: _cases([_of_one_class(map_) for map_ in maps], test)
            for name, maps in _by_threshold(train, test, model.cut_.smallest)
        }
    values = {method: cases.columns(test) for method, cases in methods.items()}
    details = case_columns(own, values["model"], test)
    return Evaluation(values, test.groups, test.fingerprint(), facts, part, details)


def score_together(members: Sequence[Any], test: InstanceSet, settings: DataSettings) -> Evaluation:
    """Scores of the ensemble of several models, whose objects are cut as by the first."""
    cases, facts = _scored(Ensemble(members), members[0].objects_of, test)
    return Evaluation({"model": cases.columns(test)}, test.groups, test.fingerprint(), facts)


def _scored(
    model: Any, objects_of: Callable[[NDArray[np.float32]], Instances], test: InstanceSet
) -> tuple[Cases, dict[str, float]]:
    """The objects of what predicts pixel classes, and facts; one image's are held at a time."""
    began = time.perf_counter()
    own = [objects_of(model.predict_proba([image])[0]) for image in test.images]
    seconds = (time.perf_counter() - began) / len(test)
    cases = _cases(own, test)
    return cases, {**_facts(cases, test), "seconds per image": seconds}


def _by_threshold(
    train: InstanceSet, test: InstanceSet, smallest: int
) -> Iterator[tuple[str, list[NDArray[np.int32]]]]:
    apart = best_distance(train.images, train.objects, smallest)
    yield "Otsu + watershed", [otsu_watershed(one, smallest, apart) for one in test.images]
    yield "Otsu + connected parts", [otsu_components(one, smallest) for one in test.images]


def _of_one_class(map_: NDArray[np.int32]) -> Instances:
    return Instances(map_, np.ones(int(map_.max(initial=0)), np.int16))


def _cases(predicted: Sequence[Instances], test: InstanceSet) -> Cases:
    """Objects meet those of their own class; pixels to ignore count nowhere."""
    count = len(test.class_names) - 1
    return Cases(
        [
            overlaps_by_class(one.map, one.class_map, objects, mask, count)
            for one, objects, mask in zip(predicted, test.objects, test.masks, strict=True)
        ]
    )


def _kinds(test: InstanceSet) -> list[str]:
    """Kinds of the images, where these are known."""
    return [] if test.kinds is None else list(np.unique(test.kinds).tolist())


def _facts(cases: Cases, test: InstanceSet) -> dict[str, float]:
    """Scores of all objects together, and how far counts agree; what has no value is left out."""
    title = "TP/(TP+FP+FN) at IoU 0.5 of all objects together"
    found = {title: cases.pooled(np.ones(len(test), bool))}
    for kind in _kinds(test):
        found[f"{title}, {kind}"] = cases.pooled(np.asarray(test.kinds == kind))
    if len(test) > 1:
        agreed = agreement(*cases.counts(), test.groups)
        found |= {
            "count bias": agreed.bias.mean,
            "limits of agreement, lower": agreed.lower.mean,
            "limits of agreement, upper": agreed.upper.mean,
            "concordance of counts": agreed.concordance.mean,
        }
    return {name: value for name, value in found.items() if np.isfinite(value)}


def case_columns(cases: Cases, values: dict[str, Array], test: InstanceSet) -> dict[str, Array]:
    """A table of the images, worst first."""
    predicted, true = cases.counts()
    order = np.argsort(values["ap_50"], kind="stable")
    found: dict[str, Array] = {"name": np.array(test.names)}
    if test.groups is not None:
        found["group"] = test.groups
    if test.kinds is not None:
        found["kind"] = test.kinds
    found |= {"objects": true, "predicted_objects": predicted}
    shown = ("ap_50", "ap_mean", "aggregated_jaccard", *_FAILURES)
    found |= {name: values[name] for name in shown}
    return {name: column[order] for name, column in found.items()}
