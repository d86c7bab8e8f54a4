"""Data for a trained model: read as its own were, and with a table's columns in its order."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from isthmus.core.errors import DataError, ModelFileError, SettingError
from isthmus.core.registry import explain, nearest
from isthmus.data import CATALOGUE, DataSet, read
from isthmus.data.csv_files import load_csv
from isthmus.data.images import ImageSettings
from isthmus.data.label_maps import INDEX
from isthmus.data.reading import Reading, form_of
from isthmus.data.tables import TableSettings
from isthmus.models import load


def load_autoencoder(folder: Path) -> Any:
    """The model of a run or model folder, which must have codes.

    Raises
    ------
    SettingError
        If it is a segmenter.
    ModelFileError
        If it cannot be loaded.
    """
    model = load(folder)
    if model.task != "autoencoding":
        raise SettingError(
            f"{folder} holds a segmenter, which gives label maps but no codes; use `isthmus segment"
            f" {folder}`."
        )
    return model


def load_segmenter(folder: Path) -> Any:
    """The model of a run or model folder, which must give label maps.

    Raises
    ------
    SettingError
        If it is an autoencoder, or a segmenter of volumes.
    ModelFileError
        If it cannot be loaded.
    """
    return _that_takes(folder, "images")


def load_volume_segmenter(folder: Path) -> Any:
    """The model of a run or model folder, which must give label volumes.

    Raises
    ------
    SettingError
        If it is another one.
    ModelFileError
        If it cannot be loaded.
    """
    return _that_takes(folder, "volumes")


_TAKES = {"segmentation": "images", "instances": "images", "volumes": "volumes"}
_EXAMPLES = {"images": "lungs", "volumes": "hippocampus"}


def _that_takes(folder: Path, wanted: str) -> Any:
    """A model that gives labels of one kind of data."""
    model = load(folder)
    own = _TAKES.get(model.task)
    if own == wanted:
        return model
    example = f"such as that of `isthmus train {_EXAMPLES[wanted]}`"
    if own is None:
        raise SettingError(
            f"{folder} holds an autoencoder ('{model.kind}'), which gives no label maps; give a run"
            f" of a segmenter of {wanted}, {example}."
        )
    raise SettingError(
        f"{folder} holds a model of {own}, which cannot take {wanted}; give one of {wanted},"
        f" {example}."
    )


def read_for(model: Any, source: str) -> DataSet:
    """Read data as the model's own were read; columns of classes and groups may be missing.

    Raises
    ------
    DataError
        If the samples have another shape, or columns are missing.
    """
    dataset = _in_order(model, read(source, **_reading(model, source)), source)
    if dataset.sample_shape != tuple(model.sample_shape_):
        raise DataError(
            f"A sample of {source} has shape {_shape(dataset.sample_shape)}, but this model was"
            f" trained on {_shape(model.sample_shape_)}."
        )
    return dataset


def told(model: Any, dataset: DataSet) -> tuple[Any, ...]:
    """What a model is given to rebuild samples: these, and of a conditional one their classes.

    Raises
    ------
    DataError
        If a conditional model's samples have no classes, or one that it was not trained on.
    """
    if not model.conditional:
        return (dataset.samples,)
    if dataset.labels is None:
        raise DataError(
            f"{dataset.name} has no classes, but this model's decoder must be told the class of"
            " each sample; give a folder for each class, or the column of classes that it was"
            " trained with."
        )
    if dataset.class_names is None or not model.data_.get("class_names"):
        return dataset.samples, dataset.labels
    used = np.unique(dataset.labels)
    numbers = {place: _class_number(model, dataset.class_names[place]) for place in used}
    return dataset.samples, np.array([numbers[label] for label in dataset.labels])


def given_class(model: Any, name: str | None) -> Any:
    """A conditional model told that all it decodes is of one class; any other model as it is.

    Raises
    ------
    DataError, SettingError
        If a conditional model is not told a class, or an unknown one, or another model is told one.
    """
    if name is not None and not model.conditional:
        raise SettingError("This model's decoder is not told classes; leave out --class.")
    if name is None and model.conditional:
        raise SettingError(
            "This model's decoder must be told a class: give --class, one of"
            f" {', '.join(class_names(model))}."
        )
    return model if name is None else model.given(_class_number(model, name))


def class_names(model: Any) -> list[str]:
    """Names of the classes of a conditional model."""
    return list(map(str, model.data_.get("class_names") or model.classes_))


def _class_number(model: Any, name: str) -> Any:
    """What the model calls a class of such a name."""
    names = class_names(model)
    if name not in names:
        raise DataError(
            f"This model knows no class '{name}'{nearest(name, names)}; its classes are"
            f" {', '.join(names)}."
        )
    place = names.index(name)
    return place if model.data_.get("class_names") else model.classes_[place]


def column_names(path: Path) -> list[str]:
    """Names of the columns of a CSV or Parquet file; none for other files."""
    import polars

    if path.suffix.lower() in (".csv", ".tsv"):
        return load_csv(path)[0].columns
    try:
        return list(polars.read_parquet_schema(path)) if path.suffix.lower() == ".parquet" else []
    except (polars.exceptions.PolarsError, OSError):
        return []  # `read` explains what is wrong


def _reading(model: Any, source: str) -> dict[str, Any]:
    """The settings of `isthmus.data.read` that the model's own data had and that suit these."""
    try:
        own = Reading.model_validate(model.data_.get("reading", {}))
    except ValidationError as error:
        raise ModelFileError(explain(error, Reading, "model.json: reading")) from None
    if own.label_maps:
        return _of_label_maps(model, own, source)
    if form_of(source) != "table":
        return own.model_dump(include=set(ImageSettings.model_fields))
    there = column_names(Path(source))
    given = own.model_dump(include=set(TableSettings.model_fields))
    absent = {key: None for key in ("labels", "groups") if given[key] not in there}
    filled = own.missing != "refuse" and "medians" in model.data_
    return given | absent | ({"missing": model.data_["medians"]} if filled else {})


def _of_label_maps(model: Any, own: Reading, source: str) -> dict[str, Any]:
    """As `_reading`: values by the model's own, where the source does not bring them."""
    columns = column_names(Path(source) / INDEX)
    known = source in CATALOGUE
    absent = {
        name: None
        for name in ("labels", "groups")
        if not known and getattr(own, name) not in columns
    }
    values = None if known else model.data_["structures"]
    size = tuple(model.sample_shape_[-2:])
    return own.model_dump() | absent | {"values": values, "size": size}


def _in_order(model: Any, dataset: DataSet, source: str) -> DataSet:
    """The columns that the model was trained on; values of categories that are not there are 0."""
    wanted = model.data_.get("feature_names")
    if wanted is None or dataset.feature_names is None:
        return dataset
    names = dataset.feature_names
    categories = tuple(f"{name}=" for name in model.data_.get("reading", {}).get("categories", ()))
    for name in names:
        if name.startswith(categories) and name not in wanted:
            column, value = name.split("=", 1)
            raise DataError(
                f"{source}: the column '{column}' holds '{value}', which no row had that this model"
                " was trained on; remove such rows, or train it anew."
            )
    missing = [name for name in wanted if name not in names and not name.startswith(categories)]
    if missing:
        raise DataError(
            f"{source} has no column '{missing[0]}', which this model needs; its columns are"
            f" {', '.join(wanted)}."
        )
    absent = np.zeros(len(dataset))
    columns = dict(zip(names, dataset.samples.T, strict=True))
    samples = np.column_stack([columns.get(name, absent) for name in wanted])
    return replace(dataset, samples=samples, feature_names=tuple(wanted))


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
