"""From a recipe to a run folder: read, split, train, save, evaluate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from isthmus.core.errors import DataError, SettingError
from isthmus.core.files import write_text
from isthmus.data import DataSet, Split, read, split
from isthmus.models import load
from isthmus.recipes.evaluation import Evaluation, evaluate
from isthmus.recipes.schema import DataSettings, Recipe, parse_recipe
from isthmus.training import (
    Checkpoints,
    MetricsFile,
    Observer,
    Observers,
    Plan,
    State,
    TensorBoardEvents,
)

_RECIPE = "recipe.toml"


@dataclass(frozen=True)
class Run:
    """A finished run: everything that a report shows.

    Attributes
    ----------
    folder
        Holds ``recipe.toml``, ``metrics.jsonl``, TensorBoard events, ``checkpoint/``, ``model/``,
        ``evaluation.json`` and, once written, ``report.html``.
    split
        Parts of `dataset`; ``test`` is what the evaluation is on.
    """

    folder: Path
    recipe: Recipe
    dataset: DataSet
    split: Split
    model: Any
    evaluation: Evaluation

    @property
    def test(self) -> DataSet:
        """The samples that the evaluation is on."""
        return self.dataset.subset(self.split.test)


def start_run(
    recipe: Recipe, folder: Path, *, resume: bool = False, observers: Sequence[Observer] = ()
) -> Run:
    """Train a recipe into a run folder, or go on with the run that the folder holds.

    Raises
    ------
    SettingError
        If the folder holds another run and `resume` is off.
    """
    if has_recipe(folder) and not resume:
        raise SettingError(
            f"{folder} holds a run already; go on with it by --resume, or give another folder by"
            " --out."
        )
    dataset, parts = read_data(recipe.data)
    model = recipe.build_model()
    files: list[Observer] = [
        _RecipeFile(folder / _RECIPE, recipe),
        MetricsFile(folder / "metrics.jsonl"),
        TensorBoardEvents(folder / "tensorboard"),
    ]
    model.fit(
        dataset.samples[parts.train],
        validation=dataset.samples[parts.validation] if len(parts.validation) else None,
        observer=Observers([*files, *observers]),
        checkpoints=Checkpoints(folder / "checkpoint"),
    )
    return _finish(folder, recipe, dataset, parts, model)


class _RecipeFile(Observer):
    """Writes the recipe when training begins: what is refused before leaves no folder behind."""

    def __init__(self, path: Path, recipe: Recipe) -> None:
        self._path, self._recipe = path, recipe

    def started(self, plan: Plan, state: State, steps_per_epoch: int) -> None:
        write_text(self._path, self._recipe.to_toml())


def reopen_run(folder: Path) -> Run:
    """Load a trained run, read its data again and evaluate it anew.

    Raises
    ------
    SettingError
        If the folder is not a run.
    ModelFileError
        If its model cannot be loaded.
    """
    recipe = read_recipe(folder)
    model = load(folder)
    return _finish(folder, recipe, *read_data(recipe.data), model)


def evaluate_on(folder: Path, source: str) -> Evaluation:
    """Score the model of a run on all samples of other data; nothing is written.

    The baselines are fitted to the run's own training samples.
    """
    recipe, model = read_recipe(folder), load(folder)
    dataset, parts = read_data(recipe.data)
    other = read_for(model, source, recipe.data)
    return evaluate(model, dataset.samples[parts.train], other.samples, other.groups)


def read_for(model: Any, source: str, settings: DataSettings) -> DataSet:
    """Read data as the model's own were read, and put a table's columns in the model's order.

    Raises
    ------
    DataError
        If the samples have another shape, or columns are missing.
    """
    dataset = read(
        source,
        labels=settings.labels,
        groups=settings.groups,
        size=settings.size,
        colour=settings.colour,
    )
    wanted = model.data_.get("feature_names")
    if wanted is not None and dataset.feature_names is not None:
        missing = [name for name in wanted if name not in dataset.feature_names]
        if missing:
            raise DataError(f"{source} has no column '{missing[0]}', which this model needs.")
        order = [dataset.feature_names.index(name) for name in wanted]
        columns = dataset.samples[:, order]
        dataset = replace(dataset, samples=columns, feature_names=tuple(wanted))
    if dataset.sample_shape != tuple(model.sample_shape_):
        raise DataError(
            f"A sample of {source} has shape {_shape(dataset.sample_shape)}, but this model was"
            f" trained on {_shape(model.sample_shape_)}."
        )
    return dataset


def has_recipe(folder: Path) -> bool:
    """Whether a folder is that of a run."""
    return (folder / _RECIPE).is_file()


def read_recipe(folder: Path) -> Recipe:
    """The resolved recipe of a run folder."""
    path = folder / _RECIPE
    if not has_recipe(folder):
        raise SettingError(f"{folder} is not a run: it has no {_RECIPE}; give the folder of a run.")
    return parse_recipe(path.read_text(encoding="utf-8"), str(path))


def read_data(settings: DataSettings) -> tuple[DataSet, Split]:
    """Read and split the data of a recipe."""
    if settings.source is None:
        raise SettingError("This recipe needs data of yours: give them with --data PATH.")
    dataset = read(
        settings.source,
        labels=settings.labels,
        groups=settings.groups,
        size=settings.size,
        colour=settings.colour,
    )
    parts = split(
        dataset,
        validation=settings.validation,
        test=settings.test,
        random_state=settings.random_state,
    )
    if settings.limit is not None:
        order = np.random.default_rng(settings.random_state).permutation(parts.train)
        parts = Split(np.sort(order[: settings.limit]), parts.validation, parts.test)
    return dataset, parts


def _finish(folder: Path, recipe: Recipe, dataset: DataSet, parts: Split, model: Any) -> Run:
    """Evaluate on the test part (or, where there is none, on the training part) and save."""
    if not len(parts.test):
        parts = Split(parts.train, parts.validation, parts.train)
    groups = None if dataset.groups is None else np.asarray(dataset.groups)[parts.test]
    evaluation = evaluate(model, dataset.samples[parts.train], dataset.samples[parts.test], groups)
    model.scores_ = evaluation.summary()["table"]["model"]
    model.data_ |= {
        "name": dataset.name,
        "feature_names": dataset.feature_names,
        "class_names": dataset.class_names,
    }
    model.save(folder / "model")
    evaluation.save(folder)
    return Run(folder, recipe, dataset, parts, model, evaluation)


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
