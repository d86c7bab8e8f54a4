"""A run of an autoencoder: its data, its fit, and its scores beside baselines."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import SettingError
from isthmus.data import DataSet, Split, read
from isthmus.data.reading import form_of
from isthmus.recipes.evaluation import Evaluation
from isthmus.recipes.inputs import read_for
from isthmus.recipes.schema import DataSettings
from isthmus.recipes.scoring import evaluate, evaluate_files, facts_of_fitting
from isthmus.training import Rows

_BASELINE_VALUES = 2**28  # numbers, 1 GiB of float32


def read_data(settings: DataSettings) -> tuple[DataSet, Split]:
    """Read and split the samples of a recipe."""
    of_pairs = ("masks", "images", "index", "ignore", "objects", "kinds", "shares")
    settings.refuse(*of_pairs, purpose="segmenters, which learn from label maps")
    dataset = read(settings.given_source, **settings.reading())
    if settings.classes is not None:
        dataset = dataset.of_classes(settings.classes)
    return dataset, settings.part(dataset)


def notes(dataset: DataSet, parts: Split) -> list[str]:
    """What is odd about the data: readers refuse what is."""
    return []


def fit(model: Any, dataset: DataSet, parts: Split, **options: Any) -> None:
    """Train on the training part; the validation part is measured after each epoch."""
    held_out = _given(model, dataset, parts.validation) if len(parts.validation) else None
    model.fit(*_given(model, dataset, parts.train), validation=held_out, **options)


def _given(model: Any, dataset: DataSet, part: NDArray[np.int64]) -> tuple[Rows, Any]:
    """Samples of a part, and their labels where there are any and the model uses them."""
    labels = dataset.labels if model.uses_labels else None
    return Rows(dataset.samples, part), None if labels is None else labels[part]


def describe(model: Any, dataset: DataSet, settings: DataSettings) -> None:
    """Keep with the model what its data were."""
    model.data_ |= {
        "name": dataset.name,
        "feature_names": dataset.feature_names,
        "class_names": dataset.class_names,
        "reading": settings.reading(),
        "medians": dict(dataset.medians),
        "structures": None if dataset.structures is None else dict(dataset.structures),
    }


def evaluate_parts(model: Any, dataset: DataSet, parts: Split, part: str) -> Evaluation:
    """Score a fitted autoencoder on the test part beside its baselines, see `evaluate`."""
    train, validation, test = (
        dataset.subset(indices)
        for indices in (_some(parts.train, dataset), parts.validation, parts.test)
    )
    evaluation = evaluate(model, train, test, part)
    evaluation.facts.update(facts_of_fitting(model, train, validation))
    if dataset.filled:
        evaluation.facts["gaps filled with the median of the column"] = float(dataset.filled)
    return evaluation


def evaluate_on(model: Any, settings: DataSettings, source: str, **reading: Any) -> Evaluation:
    """Score a model on other data; the baselines are fitted to its own training samples."""
    if reading:
        raise SettingError(
            "Other data of an autoencoder are read as its own were: --masks, --value, --ignore and"
            " --groups are for segmenters; leave them out."
        )
    if model.restores and model.network_.any_size and form_of(source) == "images":
        return evaluate_files(model, source)
    dataset, parts = read_data(settings)
    train = dataset.subset(_some(parts.train, dataset))
    return evaluate(model, train, read_for(model, source), "other")


def _some(indices: NDArray[np.int64], dataset: DataSet) -> NDArray[np.int64]:
    """As many training samples as the baselines can be fitted to in memory, evenly chosen."""
    most = max(1, _BASELINE_VALUES // math.prod(dataset.sample_shape))
    return indices[:: math.ceil(len(indices) / most)]
