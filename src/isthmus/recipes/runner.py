"""From a recipe to a run folder: read, split, train, save, evaluate."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import SettingError, StorageError
from isthmus.core.files import write_text
from isthmus.data import DataSet, Split, read, split
from isthmus.data.reading import form_of
from isthmus.models import load
from isthmus.recipes.evaluation import Evaluation
from isthmus.recipes.inputs import read_for
from isthmus.recipes.library import read_text
from isthmus.recipes.schema import DataSettings, Recipe, parse_recipe, resolve_source
from isthmus.recipes.scoring import evaluate, evaluate_files, facts_of_fitting
from isthmus.training import (
    Checkpoints,
    MetricsFile,
    Observer,
    Observers,
    Plan,
    Rows,
    State,
    TensorBoardEvents,
)

_RECIPE = "recipe.toml"
_BASELINE_VALUES = 2**28  # numbers, 1 GiB of float32


@dataclass(frozen=True)
class Run:
    """A finished run: everything that a report shows.

    Attributes
    ----------
    folder
        Holds ``recipe.toml``, ``metrics.jsonl``, TensorBoard events, ``checkpoint/``, ``model/``,
        ``evaluation.json`` and, once written, ``report.html``.
    split
        Parts of `dataset`; ``test`` is what the evaluation is on, the training part where nothing
        was held out.
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

    Paths in the recipe are kept as absolute ones. What is refused, and what fails before a first
    checkpoint, leaves no folder behind.

    Raises
    ------
    SettingError
        If the folder holds another run and `resume` is off, or holds something else.
    StorageError
        If the disk refuses.
    """
    _refuse_taken(folder, resume)
    recipe = _with_whole_path(recipe)
    dataset, parts = read_data(recipe.data)
    model = recipe.build_model()
    checkpoints = Checkpoints(folder / "checkpoint")
    files: list[Observer] = [
        _RecipeFile(folder / _RECIPE, recipe),
        MetricsFile(folder / "metrics.jsonl"),
        TensorBoardEvents(folder / "tensorboard"),
    ]
    with _leaving_nothing_useless(folder, checkpoints):
        model.fit(
            *_given(model, dataset, parts.train),
            validation=_given(model, dataset, parts.validation) if len(parts.validation) else None,
            observer=Observers([*files, *observers]),
            checkpoints=checkpoints,
        )
        return _finish(folder, recipe, dataset, parts, model)


def _given(model: Any, dataset: DataSet, part: NDArray[np.int64]) -> tuple[Rows, Any]:
    """Samples of a part, and their labels where there are any and the model uses them."""
    labels = dataset.labels if model.uses_labels else None
    return Rows(dataset.samples, part), None if labels is None else labels[part]


def _refuse_taken(folder: Path, resume: bool) -> None:
    if has_recipe(folder):
        if not resume:
            raise SettingError(
                f"{folder} holds a run already; go on with it by --resume, or give another folder"
                " by --out."
            )
    elif folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise SettingError(
            f"{folder} exists and is not a run; give a new or empty folder by --out."
        )


def _with_whole_path(recipe: Recipe) -> Recipe:
    if recipe.data.source is None:
        return recipe
    data = recipe.data.model_copy(update={"source": resolve_source(recipe.data.source)})
    return recipe.model_copy(update={"data": data})


@contextmanager
def _leaving_nothing_useless(folder: Path, checkpoints: Checkpoints) -> Iterator[None]:
    """Remove the folder of a new run that fails before there is a state to go on from."""
    new = not has_recipe(folder)
    absent = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        yield
    except BaseException as error:
        if new and not checkpoints.any_saved():
            shutil.rmtree(folder, ignore_errors=True)
            if not absent:  # an empty folder was given
                folder.mkdir()
            with suppress(OSError):  # what is not empty by now holds another run
                for path in absent[1:]:
                    path.rmdir()
        if isinstance(error, OSError):
            reason = error.strerror or str(error)
            raise StorageError(f"Cannot write into {folder}: {reason}.") from error
        raise


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
    if model.restores and model.network_.any_size and form_of(source) == "images":
        return evaluate_files(model, source)
    dataset, parts = read_data(recipe.data)
    train = dataset.subset(_some(parts.train, dataset))
    return evaluate(model, train, read_for(model, source), "other")


def has_recipe(folder: Path) -> bool:
    """Whether a folder is that of a run."""
    return (folder / _RECIPE).is_file()


def read_recipe(folder: Path) -> Recipe:
    """The resolved recipe of a run folder."""
    path = folder / _RECIPE
    if not has_recipe(folder):
        raise SettingError(f"{folder} is not a run: it has no {_RECIPE}; give the folder of a run.")
    return parse_recipe(read_text(path), str(path))


def read_data(settings: DataSettings) -> tuple[DataSet, Split]:
    """Read and split the data of a recipe."""
    if settings.source is None:
        raise SettingError("This recipe needs data of yours: give them with --data PATH.")
    dataset = read(settings.source, **settings.reading())
    if settings.classes is not None:
        dataset = dataset.of_classes(settings.classes)
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


def _some(indices: NDArray[np.int64], dataset: DataSet) -> NDArray[np.int64]:
    """As many training samples as the baselines can be fitted to in memory, evenly chosen."""
    most = max(1, _BASELINE_VALUES // math.prod(dataset.sample_shape))
    return indices[:: math.ceil(len(indices) / most)]


def _finish(folder: Path, recipe: Recipe, dataset: DataSet, parts: Split, model: Any) -> Run:
    """Evaluate on the test part (or, where there is none, on the training part) and save."""
    part = "test"
    if not len(parts.test):
        parts, part = Split(parts.train, parts.validation, parts.train), "training"
    train, validation, test = (
        dataset.subset(indices)
        for indices in (_some(parts.train, dataset), parts.validation, parts.test)
    )
    model.data_ |= {
        "name": dataset.name,
        "feature_names": dataset.feature_names,
        "class_names": dataset.class_names,
        "reading": recipe.data.reading(),
        "medians": dict(dataset.medians),
    }
    evaluation = evaluate(model, train, test, part)
    evaluation.facts.update(facts_of_fitting(model, train, validation))
    if dataset.filled:
        evaluation.facts["gaps filled with the median of the column"] = float(dataset.filled)
    model.scores_ = evaluation.summary()["table"]["model"]
    model.save(folder / "model")
    evaluation.save(folder)
    return Run(folder, recipe, dataset, parts, model, evaluation)
