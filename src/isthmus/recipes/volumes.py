"""A run of a segmenter of volumes: its data, its fit, and its scores in mm beside baselines."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from inspect import signature
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from skimage.filters import threshold_otsu

from isthmus.data import CATALOGUE, Split
from isthmus.data.volumes import VolumeSet, read_volumes
from isthmus.metrics import SegmentationScores, agreement, pixel_entropy, segmentation_scores
from isthmus.metrics.agreement import Agreement
from isthmus.models import VolumeEnsemble
from isthmus.recipes import segmentation
from isthmus.recipes.evaluation import Evaluation
from isthmus.recipes.schema import DataSettings
from isthmus.recipes.shares import (
    ShareOf,
    measure_shares,
    share_details,
    share_errors,
    share_facts,
    shares_of,
)

Array = NDArray[Any]
Labels = NDArray[np.int16]
_COMMON = (64, 64, 64)  # size in which label volumes are averaged

notes = segmentation.notes
SUMMED = segmentation.SUMMED


def read_data(settings: DataSettings) -> tuple[VolumeSet, Split]:
    """Read and split the volumes and label volumes of a recipe."""
    settings.refuse("labels", "categories", "missing", purpose="tables, not for volumes")
    settings.refuse("classes", purpose="samples of one class each, not for volumes")
    settings.refuse("size", purpose="autoencoders; pixels of slices are model.spacing, in mm")
    settings.refuse("label_maps", purpose="autoencoders of label maps")
    settings.refuse("colour", "field_of_view", "measures", purpose="images, not for volumes")
    dataset = read_volumes(settings.given_source, **_reading(settings))
    for one in settings.shares.values():
        one.labels(dataset.class_names)  # refuses unknown classes
    return dataset, settings.part(dataset)


def _reading(settings: DataSettings) -> dict[str, Any]:
    """Those of the settings that `read_volumes` takes."""
    own = set(signature(read_volumes).parameters) - {"source"}
    return settings.model_dump(include=own)


def fit(model: Any, dataset: VolumeSet, parts: Split, **options: Any) -> None:
    """Train on the training part; the validation part is measured after each epoch."""
    train, held_out = dataset.subset(parts.train), None
    if len(parts.validation):
        other = dataset.subset(parts.validation)
        held_out = (other.images, other.masks, other.spacings)
    model.fit(
        train.images,
        train.masks,
        train.spacings,
        class_names=dataset.class_names,
        validation=held_out,
        **options,
    )


def describe(model: Any, dataset: VolumeSet, settings: DataSettings) -> None:
    """Keep with the model what its data were."""
    segmentation.keep(model, dataset, settings, _reading(settings))


def evaluate_parts(model: Any, dataset: VolumeSet, parts: Split, part: str) -> Evaluation:
    """Score a fitted segmenter on the test part beside its baselines."""
    return evaluate(model, dataset.subset(parts.train), dataset.subset(parts.test), part)


def evaluate_on(model: Any, settings: DataSettings, source: str, **reading: Any) -> Evaluation:
    """Score a model on other data; the baselines are fitted to its own training volumes."""
    dataset, parts = read_data(settings)
    train, other = dataset.subset(parts.train), _read_other(source, settings, dataset, reading)
    return segmentation.beside_known(evaluate(model, train, other, "other"), train, other)


def _read_other(
    source: str, settings: DataSettings, own: VolumeSet, given: Mapping[str, Any]
) -> VolumeSet:
    reading = segmentation.reading_of_other(source, settings, _reading(settings), given)
    if source not in CATALOGUE and not (Path(source) / reading["masks"]).is_dir():
        reading["masks"] = None
    other = read_volumes(source, **reading)
    segmentation.refuse_other_classes(other, own, source)
    return other


def evaluate(model: Any, train: VolumeSet, test: VolumeSet, part: str = "test") -> Evaluation:
    """Score a fitted segmenter on volumes with labels beside its baselines.

    The baselines are the same network untrained; the most frequent class of each place in the
    training labels, all brought to one size; and, of two classes, Otsu's threshold of each volume.
    Scores are those of `isthmus.metrics.segmentation_scores`, distances in mm, each the mean over
    the classes but the background; of each class also Dice and the absolute error of its volume in
    ml, and the errors of the shares that the data name. The facts give the agreement of the volumes
    of each class, see `volume_agreement`, and of the shares.
    """
    shares = shares_of(model.data_)
    own = score(model, test, shares)
    baselines = {
        "untrained network": model.untrained().predict(test.images, test.spacings),
        "most frequent class": _by_place(train, test),
    }
    if len(test.class_names) == 2:
        baselines["Otsu threshold"] = _by_threshold(train, test)
    values = {
        method: _columns(_scores(maps, test), maps, test)
        | share_errors(measure_shares(maps, test, shares))
        for method, maps in baselines.items()
    }
    return replace(own, values=own.values | values, part=part)


class Shown(NamedTuple):
    """The slice ``(h, w)`` of a volume that holds most of the structures, for a report.

    Attributes
    ----------
    place
        Of the slice, across the model's axis.
    prediction
        Its label map.
    uncertainty
        Its `isthmus.metrics.pixel_entropy` as a share of the most that it can be.
    """

    place: int
    prediction: Labels
    uncertainty: NDArray[np.float32]


def score(model: Any, test: VolumeSet, shares: Mapping[str, ShareOf]) -> Evaluation:
    """Scores of a model alone; what is predicted for a report is a `Shown` of each volume.

    Probabilities of one slice are held at a time.
    """
    maps: list[Labels] = []
    shown: list[Shown] = []
    began = time.perf_counter()
    for image, mask, spacing in zip(test.images, test.masks, test.spacings, strict=True):
        most = int((np.moveaxis(mask, model.axis_, 0) > 0).sum((1, 2)).argmax())
        labels = np.empty(mask.shape, np.int16)
        across = np.moveaxis(labels, model.axis_, 0)
        for place, p in enumerate(model.by_slice(image, spacing)):
            across[place] = p.argmax(0)
            if place == most:
                entropy = pixel_entropy(p) / np.float32(np.log2(len(p)))
                shown.append(Shown(place, across[place].copy(), entropy))
        maps.append(labels)
    seconds = (time.perf_counter() - began) / len(test)
    cases, found = _scores(maps, test), measure_shares(maps, test, shares)
    values = _columns(cases, maps, test) | share_errors(found)
    details = _case_columns(cases, maps, test, share_details(found))
    facts = {
        **segmentation.failures(cases),
        **_agreement_facts(details, test),
        **share_facts(found, test.groups),
        "seconds per volume": seconds,
    }
    groups, data = test.groups, test.fingerprint()
    return Evaluation({"model": values}, groups, data, facts, "test", details, shown)


def score_together(members: Sequence[Any], test: VolumeSet, settings: DataSettings) -> Evaluation:
    """Scores of the ensemble of several models."""
    return score(VolumeEnsemble(members), test, settings.shares)


def volume_agreement(details: dict[str, Array], name: str) -> Agreement | None:
    """Agreement of the volumes of a class in ml, by the details of an evaluation.

    None for a single case.
    """
    measured, true = details[f"predicted_ml/{name}"], details[f"ml/{name}"]
    return agreement(measured, true, details.get("group")) if len(true) > 1 else None


def _agreement_facts(details: dict[str, Array], test: VolumeSet) -> dict[str, float]:
    facts: dict[str, float] = {}
    for name in test.class_names[1:]:
        found = volume_agreement(details, name)
        if found is not None:
            facts |= {
                f"bias of the volume of {name}, ml": found.bias.mean,
                f"lower limit of agreement of {name}, ml": found.lower.mean,
                f"upper limit of agreement of {name}, ml": found.upper.mean,
                f"concordance of the volume of {name}": found.concordance.mean,
            }
    return {name: value for name, value in facts.items() if not np.isnan(value)}


def _scores(maps: Sequence[Labels], test: VolumeSet) -> list[SegmentationScores]:
    """Scores of predicted label volumes, class by class but for the background, in mm."""
    classes = range(1, len(test.class_names))
    return [
        segmentation_scores(map_, mask, classes, spacing=spacing)
        for map_, mask, spacing in zip(maps, test.masks, test.spacings, strict=True)
    ]


def _columns(
    cases: list[SegmentationScores], maps: list[Labels], test: VolumeSet
) -> dict[str, NDArray[np.float64]]:
    """By measure the mean over the classes of each case, and what there is of each class."""
    found = segmentation.columns(cases, maps, test)
    for label, name in enumerate(test.class_names[1:], 1):
        measured, true = _volumes(maps, test, label)
        found[f"volume_error/{name}"] = np.abs(measured - true)
    return found


def _volumes(
    maps: Sequence[Labels], test: VolumeSet, label: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Predicted and true volumes of a class in ml, of the voxels that count."""
    voxels = np.prod(test.spacings, axis=1) / 1000
    pairs = list(zip(maps, test.masks, strict=True))
    measured = [((map_ == label) & (mask >= 0)).sum() for map_, mask in pairs]
    return voxels * measured, voxels * [(mask == label).sum() for _, mask in pairs]


def _case_columns(
    cases: list[SegmentationScores],
    maps: list[Labels],
    test: VolumeSet,
    more: Mapping[str, Array],
) -> dict[str, Array]:
    """A table of the cases, worst first: scores and volumes of each class, more, and failures."""
    found: dict[str, Any] = {"name": np.array(test.names)}
    if test.groups is not None:
        found["group"] = test.groups
    names = np.array(test.class_names[1:])
    dice = np.array([case.mean("dice") for case in cases])
    if len(names) > 1:
        found["dice"] = dice
    for place, name in enumerate(names):
        for measure in ("dice", "hausdorff_95", "surface_distance"):
            found[f"{measure}/{name}"] = np.array([case.values[measure][place] for case in cases])
        found[f"predicted_ml/{name}"], found[f"ml/{name}"] = _volumes(maps, test, place + 1)
    found |= more
    for failure in ("missed", "false_positives"):
        found[failure] = np.array([", ".join(names[getattr(case, failure)]) for case in cases])
    order = np.argsort(dice, kind="stable")
    return {key: values[order] for key, values in found.items()}


def _by_place(train: VolumeSet, test: VolumeSet) -> list[Labels]:
    """The most frequent class of each place of the training labels."""
    counts = np.zeros((len(train.class_names), *_COMMON), np.int32)
    for mask in train.masks:
        counts += _brought_to(mask, _COMMON) == np.arange(len(counts))[:, None, None, None]
    usual = counts.argmax(0).astype(np.int16)
    return [_brought_to(usual, mask.shape) for mask in test.masks]


def _brought_to(labels: Labels, shape: tuple[int, ...]) -> Labels:
    """Each voxel that of the nearest place."""
    places = [
        ((np.arange(side) + 0.5) * own / side).astype(np.intp)
        for own, side in zip(labels.shape, shape, strict=True)
    ]
    return labels[np.ix_(*places)]


def _by_threshold(train: VolumeSet, test: VolumeSet) -> list[Labels]:
    """Brighter, or darker, than Otsu's threshold of the volume: as in the training volumes."""
    bright, dark = (
        np.mean([case.mean("dice") for case in _scores(maps, train)])
        for maps in ([_thresholded(volume, side) for volume in train.images] for side in (1, -1))
    )
    return [_thresholded(volume, 1 if bright >= dark else -1) for volume in test.images]


def _thresholded(volume: Array, side: int) -> Labels:
    threshold = threshold_otsu(volume) if volume.min() < volume.max() else volume.max()
    return np.asarray(volume > threshold if side > 0 else volume < threshold, np.int16)
