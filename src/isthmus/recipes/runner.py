"""From a recipe to a run folder: read, split, train, save, evaluate."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isthmus.core.errors import SettingError, StorageError
from isthmus.core.files import write_text
from isthmus.data import Split
from isthmus.models import load
from isthmus.recipes import autoencoding, instances, segmentation, volumes
from isthmus.recipes.apply import TABLES, refuse_target
from isthmus.recipes.evaluation import Evaluation
from isthmus.recipes.library import read_text
from isthmus.recipes.schema import Recipe, parse_recipe, resolve_source
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
TASKS: dict[str, Any] = {
    "autoencoding": autoencoding,
    "segmentation": segmentation,
    "volumes": volumes,
    "instances": instances,
}


@dataclass(frozen=True)
class Run:
    """A finished run: everything that a report shows.

    Attributes
    ----------
    folder
        Holds ``recipe.toml``, ``metrics.jsonl``, TensorBoard events, ``checkpoint/``, ``model/``,
        ``evaluation.json`` and, once written, ``report.html``.
    dataset, split
        A `DataSet`, or a `PairSet` or `InstanceSet` of a segmenter, and its parts; ``test`` is what
        the evaluation is on, the training part where nothing was held out.
    """

    folder: Path
    recipe: Recipe
    dataset: Any
    split: Split
    model: Any
    evaluation: Evaluation

    @property
    def test(self) -> Any:
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
    recipe = with_whole_paths(recipe)
    model = recipe.build_model()
    task = TASKS[model.task]
    dataset, parts = task.read_data(recipe.data)
    for sentence in task.notes(dataset, parts):
        Observers(observers).told(f"Note: {sentence}")
    if recipe.plan:
        plan = task.plan(recipe, dataset, parts)
        recipe = recipe.planned(plan)
        model = recipe.build_model()
        Observers(observers).told(f"{plan}\n{_end(plan.seconds)}")
    checkpoints = Checkpoints(folder / "checkpoint")
    files: list[Observer] = [
        _RecipeFile(folder / _RECIPE, recipe),
        MetricsFile(folder / "metrics.jsonl"),
        TensorBoardEvents(folder / "tensorboard"),
    ]
    with _leaving_nothing_useless(folder, checkpoints):
        observer = Observers([*files, *observers])
        task.fit(model, dataset, parts, observer=observer, checkpoints=checkpoints)
        return _finish(folder, recipe, dataset, parts, model)


def _end(seconds: float) -> str:
    """When something ends that takes so long."""
    clock = time.strftime("%H:%M", time.localtime(time.time() + seconds))
    return f"Training should end at {clock}, after {seconds / 60:.1f} minutes."


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


def with_whole_paths(recipe: Recipe) -> Recipe:
    """The recipe with its paths as absolute ones."""
    data, model = recipe.data, recipe.model
    if data.source is not None:
        data = data.model_copy(update={"source": resolve_source(data.source)})
    for name in ("start", "first", "second"):  # where these are settings, they are no text
        if isinstance(model.get(name), str):
            model = {**model, name: str(Path(model[name]).expanduser().resolve())}
    return recipe.model_copy(update={"data": data, "model": model})


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
    dataset, parts = TASKS[model.task].read_data(recipe.data)
    return _finish(folder, recipe, dataset, parts, model)


def evaluate_on(folder: Path, source: str, cases: Path | None = None, **reading: Any) -> Evaluation:
    """Score the model of a run on all samples of other data.

    The baselines are fitted to the run's own training samples.

    Parameters
    ----------
    cases
        ``.csv`` or ``.parquet`` file for a table of the samples; without it nothing is written.
    reading
        How images with label maps are read, where not as the run's own: settings of
        `isthmus.data.read_pairs`.

    Raises
    ------
    SettingError
        If `cases` cannot hold a table or is what is read, or the data have no label maps to read.
    """
    if cases is not None:
        refuse_target(cases, Path(source))
        if cases.suffix.lower() not in TABLES:
            raise SettingError(f"Cases are written to .csv or .parquet, not to '{cases}'.")
    recipe, model = read_recipe(folder), load(folder)
    found: Evaluation = TASKS[model.task].evaluate_on(model, recipe.data, source, **reading)
    if cases is not None:
        found.write_cases(cases)
    return found


def has_recipe(folder: Path) -> bool:
    """Whether a folder is that of a run."""
    return (folder / _RECIPE).is_file()


def read_recipe(folder: Path) -> Recipe:
    """The resolved recipe of a run folder."""
    path = folder / _RECIPE
    if not has_recipe(folder):
        raise SettingError(f"{folder} is not a run: it has no {_RECIPE}; give the folder of a run.")
    return parse_recipe(read_text(path), str(path))


def _finish(folder: Path, recipe: Recipe, dataset: Any, parts: Split, model: Any) -> Run:
    """Evaluate on the test part (or, where there is none, on the training part) and save."""
    part = "test"
    if not len(parts.test):
        parts, part = Split(parts.train, parts.validation, parts.train), "training"
    task = TASKS[model.task]
    task.describe(model, dataset, recipe.data)
    evaluation = task.evaluate_parts(model, dataset, parts, part)
    model.scores_ = evaluation.summary()["table"]["model"]
    model.save(folder / "model")
    evaluation.save(folder)
    return Run(folder, recipe, dataset, parts, model, evaluation)
