"""One recipe trained once for each fold of its data, and what the folds are worth together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import SettingError
from isthmus.data.fingerprint import fingerprint
from isthmus.metrics.overlap import nan_mean
from isthmus.models import MODELS, load
from isthmus.recipes.evaluation import Evaluation
from isthmus.recipes.runner import (
    TASKS,
    Run,
    has_recipe,
    read_recipe,
    start_run,
    with_whole_paths,
)
from isthmus.recipes.schema import Recipe
from isthmus.training import Observer

Array = NDArray[Any]
_SINGLE = "single folds, mean"


def train_folds(
    recipe: Recipe,
    folder: Path,
    count: int,
    *,
    resume: bool = False,
    observers: Sequence[Observer] = (),
    tell: Callable[[str], None] = lambda line: None,
    finished: Callable[[Run], object] = lambda run: None,
) -> Evaluation:
    """Train a segmenter once for each fold, and score what the folds are together.

    All samples but the test part are cut into folds, by group. Each is the validation part of one
    training, in ``fold-1``, ``fold-2`` and so on; then the ensemble of all is scored on the test
    part, beside the mean of the single folds' scores. Without a test part each fold is the test
    part of its own training, and the scores of all cases are taken together. Finished folds are
    not trained again.

    Parameters
    ----------
    recipe
        Of a segmenter.
    folder
        Of all folds; the evaluation is written there.
    count
        Number of folds, 2 or more.
    resume
        Go on with the folds that the folder holds.
    observers, tell
        Told of each training, and of each fold in words.
    finished
        Given the run of each fold that is trained, such as to `isthmus.reports.write_report`.

    Raises
    ------
    SettingError
        If the recipe is none of a segmenter, or the folder holds something else.
    DataError
        If there are fewer samples, or groups, than folds.
    """
    task = TASKS[MODELS[recipe.model["kind"]].task]
    if not hasattr(task, "score_together"):
        raise SettingError("Folds are for segmenters; train this recipe without --folds.")
    if count < 2:
        raise SettingError(f"--folds takes 2 or more, not {count}.")
    recipe = with_whole_paths(recipe)
    _refuse_other(recipe, folder, count, resume)
    places = [folder / f"fold-{number}" for number in range(1, count + 1)]
    for number, place in enumerate(places, 1):
        tell(f"Fold {number} of {count}")
        if not (place / "evaluation.json").is_file():
            own = of_fold(recipe, (number, count))
            finished(start_run(own, place, resume=has_recipe(place), observers=observers))
    dataset, parts = task.read_data(recipe.data)
    single = [Evaluation.load(place) for place in places]
    if len(parts.test):
        members = [load(place) for place in places]
        together = task.score_together(members, dataset.subset(parts.test), recipe.data)
        evaluation = _beside_single(together, single)
    else:
        evaluation = _pooled(single, task.SUMMED)
    evaluation.save(folder)
    return evaluation


def of_fold(recipe: Recipe, fold: tuple[int, int] | None) -> Recipe:
    """The recipe of one fold, or without it that of all."""
    return recipe.model_copy(update={"data": recipe.data.model_copy(update={"fold": fold})})


def fold_folders(folder: Path) -> list[Path]:
    """Runs of the folds that a folder holds, in order; none if it is none of folds."""
    numbered = {
        path.parent.name.removeprefix("fold-"): path.parent
        for path in folder.glob("fold-*/recipe.toml")
    }
    return [numbered[number] for number in sorted(filter(str.isdecimal, numbered), key=int)]


def _refuse_other(recipe: Recipe, folder: Path, count: int, resume: bool) -> None:
    """Refuse a folder that holds anything but begun folds of this recipe."""
    begun = fold_folders(folder)
    if not begun and folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise SettingError(f"{folder} exists and holds no folds; give a new folder by --out.")
    if begun and not resume:
        raise SettingError(
            f"{folder} holds folds already; go on with them by --resume, or give another folder by"
            " --out."
        )
    for place in begun:
        number = int(place.name.removeprefix("fold-"))
        if read_recipe(place) != of_fold(recipe, (number, count)):
            raise SettingError(
                f"{place} is of another recipe, or one of another number of folds; give another"
                " folder by --out."
            )


def _beside_single(together: Evaluation, single: Sequence[Evaluation]) -> Evaluation:
    """Scores of all folds together on the test part, beside the mean of the folds by case."""
    means = {
        method: {
            measure: np.apply_along_axis(
                nan_mean, 0, np.stack([one.values[method][measure] for one in single])
            )
            for measure in columns
        }
        for method, columns in single[0].values.items()
    }
    values = together.values | {_SINGLE: means.pop("model"), **means}
    return replace(together, values=values, data=single[0].data)


def _pooled(single: Sequence[Evaluation], summed: Sequence[str]) -> Evaluation:
    """Scores of all cases, each by the training that had not seen it; some facts are sums."""
    values = {
        method: {
            measure: np.concatenate([_column(one, method, measure) for one in single])
            for measure in dict.fromkeys(name for one in single for name in one.values[method])
        }
        for method in single[0].values
    }
    groups = [one.groups for one in single if one.groups is not None]
    parts = "".join(one.data for one in single).encode()
    return Evaluation(
        values,
        np.concatenate(groups) if groups else None,
        fingerprint(np.frombuffer(parts, np.uint8)),
        {name: sum(one.facts[name] for one in single) for name in summed},
        "held-out",
    )


def _column(evaluation: Evaluation, method: str, measure: str) -> Array:
    """A measure of all cases, NaN where the fold has none: of a kind of images, say."""
    return evaluation.values[method].get(measure, np.full(evaluation.cases, np.nan))
