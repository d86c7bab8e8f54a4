"""A run of a segmenter: its data, its fit, and its scores beside baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.filters import threshold_otsu

from isthmus.core.errors import DataError, SettingError
from isthmus.data import CATALOGUE, PairSet, Split, read_pairs
from isthmus.data.fingerprint import fingerprint
from isthmus.data.pairs import PARTS, PairReading
from isthmus.inference.segmentation import resized, resized_labels
from isthmus.metrics import (
    MEASURES,
    SegmentationScores,
    cells,
    mean_iou,
    membrane_scores,
)
from isthmus.models import Ensemble
from isthmus.models.planner import SegmenterPlan, plan_segmenter
from isthmus.recipes.evaluation import Evaluation
from isthmus.recipes.inputs import column_names
from isthmus.recipes.predicting import predict, score_maps
from isthmus.recipes.schema import DataSettings, Recipe
from isthmus.recipes.share_thresholds import threshold_methods
from isthmus.recipes.shares import (
    measure_shares,
    share_details,
    share_errors,
    share_facts,
    shares_of,
)

Array = NDArray[Any]
Labels = NDArray[np.int16]
# What is asked for, by its name in `isthmus.metrics`.
_OF_CELLS = {"adapted_rand_error": "adapted Rand error", "variation_of_information": "VI"}
_COMMON = (128, 128)  # size in which label maps are averaged
SUMMED = ("structures missed as a whole", "structures seen where there are none")


def read_data(settings: DataSettings) -> tuple[PairSet, Split]:
    """Read and split the images and label maps of a recipe."""
    refuse_others(settings)
    settings.refuse("objects", "kinds", purpose="single objects, which 'instance_segmenter' learns")
    dataset = read_pairs(settings.given_source, **settings.pairs())
    if settings.measures and len(dataset.class_names) != 2:
        raise SettingError(
            f"data.measures are for two classes, but {dataset.name} has"
            f" {len(dataset.class_names)}; remove them."
        )
    for one in settings.shares.values():
        one.labels(dataset.class_names)  # refuses unknown classes
    return dataset, settings.part(dataset)


def refuse_others(settings: DataSettings) -> None:
    """Refuse the settings that mean nothing for label maps."""
    settings.refuse("labels", "categories", "missing", purpose="tables, not for label maps")
    settings.refuse("classes", purpose="samples of one class each, not for label maps")
    settings.refuse("size", purpose="autoencoders; that of a segmenter is model.size")
    settings.refuse("label_maps", purpose="autoencoders of label maps")


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
    keep(model, dataset, settings, settings.pairs())
    model.data_["measures"] = list(settings.measures)


def keep(model: Any, dataset: PairSet, settings: DataSettings, reading: dict[str, Any]) -> None:
    """Keep with a model of whatever pairs their name, classes and shares, and how they are read."""
    model.data_ |= {
        "name": dataset.name,
        "class_names": list(dataset.class_names),
        "reading": reading,
        "shares": settings.model_dump(mode="json", include={"shares"})["shares"],
    }


def evaluate_parts(model: Any, dataset: PairSet, parts: Split, part: str) -> Evaluation:
    """Score a fitted segmenter on the test part beside its baselines."""
    return evaluate(model, dataset.subset(parts.train), dataset.subset(parts.test), part)


def evaluate_on(model: Any, settings: DataSettings, source: str, **reading: Any) -> Evaluation:
    """Score a model on other data; the baselines are fitted to its own training images.

    A fact says how many of the other images it has learnt from, if there are any.

    Parameters
    ----------
    reading
        How the other data are read, see `isthmus.data.read_pairs`, where that is not known.
    """
    dataset, parts = read_data(settings)
    train, other = dataset.subset(parts.train), _read_other(source, settings, dataset, reading)
    return beside_known(evaluate(model, train, other, "other"), train, other)


def beside_known(evaluation: Evaluation, train: PairSet, other: PairSet) -> Evaluation:
    """The same with a fact: how many of the other images are among those of training, if any."""
    known = {fingerprint(image) for image in train.images}
    if again := sum(fingerprint(image) in known for image in other.images):
        evaluation.facts["images that the model has learnt from"] = float(again)
    return evaluation


def _read_other(
    source: str, settings: DataSettings, own: PairSet, given: Mapping[str, Any]
) -> PairSet:
    given = {"colour": own.channels == 3, **given}
    other = read_pairs(source, **reading_of_other(source, settings, settings.pairs(), given))
    refuse_other_classes(other, own, source)
    return other


def reading_of_other(
    source: str, settings: DataSettings, stated: Mapping[str, Any], given: Mapping[str, Any]
) -> dict[str, Any]:
    """How data of another origin are read: as given, as a known set is, else as the run's own.

    Groups are taken from the column that the run names, where the other data have it.

    Parameters
    ----------
    stated
        Those of the run's settings that say how data are read, None for what they leave open.
    given
        Those that are stated for the other data.
    """
    reading: dict[str, Any] = {"every_class": False, **given}
    if source in CATALOGUE:
        return reading
    known = CATALOGUE.get(settings.source or "")
    like = vars(known.pairs if known and known.pairs else PairReading())
    mine = {key: like[key] if value is None else value for key, value in stated.items()}
    path = Path(source)
    table = path / mine["index"] if path.is_dir() else path
    there = column_names(table) if table.is_file() else []
    absent: dict[str, Any] = {
        key: None for key in ("groups", "kinds") if key in mine and mine[key] not in there
    }
    return {**mine, **absent, **reading}


def refuse_other_classes(other: PairSet, own: PairSet, source: str) -> None:
    """Refuse data whose classes are not those of the run."""
    if other.class_names != own.class_names:
        raise DataError(
            f"{source} has the classes {', '.join(other.class_names)}, but this model was trained"
            f" on {', '.join(own.class_names)}; say which mask values are which of these, such as"
            f" --value {own.class_names[0]}=0."
        )


def notes(dataset: PairSet, parts: Split) -> list[str]:
    """A sentence for each class that no label map of a part holds."""
    outcome = {"train": "cannot be learnt", "validation": "is not validated"}
    sentences = []
    for part in PARTS:
        indices = getattr(parts, part)
        held = {label for i in indices for label in np.unique(dataset.masks[i]).tolist()}
        sentences += [
            f"No mask of the {part} part holds the class '{name}', which"
            f" {outcome.get(part, 'has no score')}."
            for label, name in enumerate(dataset.class_names)
            if len(indices) and label not in held
        ]
    return sentences


def score_together(members: Sequence[Any], test: PairSet, settings: DataSettings) -> Evaluation:
    """Scores of the ensemble of several models, without baselines."""
    found = predict(Ensemble(members), test, settings.measures)
    own = columns(found.scores, found.maps, test, settings.measures) | found.columns
    shares = measure_shares(found.maps, test, settings.shares)
    facts = failures(found.scores) | {"seconds per image": found.seconds / len(test)}
    facts |= share_facts(shares, test.groups)
    values = {"model": own | share_errors(shares)}
    return Evaluation(values, test.groups, test.fingerprint(), facts)


def evaluate(model: Any, train: PairSet, test: PairSet, part: str = "test") -> Evaluation:
    """Score a fitted segmenter on images with label maps beside its baselines.

    The baselines are the same network untrained; the most frequent class of each place in the
    training label maps; and, of two classes, Otsu's threshold of each image. Scores are those of
    `isthmus.metrics.segmentation_scores`, each the mean over the classes but the background, of
    several classes Dice for each, and the errors of the shares that the data name. A class that an
    image has not, and that is not predicted either, has no score there; the facts count what was
    missed and what was seen where there is nothing.

    The run's data may ask for more, of two classes (`DataSettings.measures`): ``auc`` and
    ``average_precision`` of the probabilities, over the pixels that count, of methods that have
    some; ``adapted_rand_error`` and ``variation_of_information`` of the cells, the connected parts
    of the background, which the other class parts as membranes do. Of shares
    (`DataSettings.shares`) the error is measured, of grey thresholds too, and the agreement, see
    `isthmus.recipes.shares`.
    """
    asked, shares = model.data_.get("measures", ()), shares_of(model.data_)
    own = predict(model, test, asked)
    untrained = predict(model.untrained(), test, asked)
    baselines = {"most frequent class": _by_place(train, test)}
    if len(test.class_names) == 2:
        baselines["Otsu threshold"] = _by_threshold(train, test)
    predicted = {"model": own.maps, "untrained network": untrained.maps, **baselines}
    scores = {"model": own.scores, "untrained network": untrained.scores}
    scores |= {method: score_maps(maps, test) for method, maps in baselines.items()}
    values = {
        method: columns(scores[method], maps, test, asked) for method, maps in predicted.items()
    }
    values["model"] |= own.columns
    values["untrained network"] |= untrained.columns
    facts = {**failures(scores["model"]), "seconds per image": own.seconds / len(test)}
    found = {method: measure_shares(maps, test, shares) for method, maps in predicted.items()}
    for method, measured in found.items():
        values[method] |= share_errors(measured)
    for method, by_grey in threshold_methods(train, test, shares).items():
        values[method] = by_grey | values.get(method, {})
    facts |= share_facts(found["model"], test.groups)
    details = case_columns(scores["model"], own.maps, test, share_details(found["model"]))
    return Evaluation(values, test.groups, test.fingerprint(), facts, part, details, own)


def columns(
    cases: list[SegmentationScores],
    maps: list[Labels],
    test: PairSet,
    measures: Sequence[str] = (),
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
    if asked := [name for name in _OF_CELLS if name in measures]:
        parted = [
            membrane_scores(cells(map_ == 0), cells(mask == 0)) if (mask == 0).any() else {}
            for map_, mask in zip(maps, test.masks, strict=True)
        ]
        found |= {
            name: np.array([one.get(_OF_CELLS[name], np.nan) for one in parted]) for name in asked
        }
    return found


def case_columns(
    cases: list[SegmentationScores],
    maps: list[Labels],
    test: PairSet,
    more: Mapping[str, Array],
) -> dict[str, Array]:
    """A table of the cases, worst first: scores and pixels of each class, and failures.

    Sizes are those in pixels that count, of the reference and of the prediction; `more` columns go
    along.
    """
    order = np.argsort([case.mean("dice") for case in cases], kind="stable")
    found: dict[str, Any] = {"name": np.array(test.names)}
    if test.groups is not None:
        found["group"] = test.groups
    names = np.array(test.class_names[1:])
    if len(names) > 1:
        found["dice"] = np.array([case.mean("dice") for case in cases])
    pairs = list(zip(maps, test.masks, strict=True))
    for place, name in enumerate(names):
        for measure in ("dice", "hausdorff_95"):
            found[f"{measure}/{name}"] = np.array([case.values[measure][place] for case in cases])
        label = place + 1
        found[f"pixels/{name}"] = np.array([(mask == label).sum() for _, mask in pairs])
        found[f"predicted_pixels/{name}"] = np.array(
            [((map_ == label) & (mask >= 0)).sum() for map_, mask in pairs]
        )
    found |= more
    for failure in ("missed", "false_positives"):
        found[failure] = np.array([", ".join(names[getattr(case, failure)]) for case in cases])
    return {key: values[order] for key, values in found.items()}


def failures(cases: list[SegmentationScores]) -> dict[str, float]:
    """How many structures were missed as a whole, and seen where there are none."""
    counts = [(case.missed.sum(), case.false_positives.sum()) for case in cases]
    return dict(zip(SUMMED, np.sum(counts, 0, float).tolist(), strict=True))


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
