"""``isthmus train``."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from isthmus.cli.tables import show_scores

if TYPE_CHECKING:
    from isthmus.recipes import Recipe

RUNS = Path("runs")


def train(
    recipe: Annotated[
        str, typer.Argument(help="Name of a recipe, a TOML file, or the folder of a run.")
    ],
    data: Annotated[
        str | None,
        typer.Option(help="File, folder or name of the data; replaces the recipe's source."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change a setting: a.b=c. May be given several times."),
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Stop training after so many minutes.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the newest run of this recipe.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run; runs/RECIPE by default.")
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option(
            help="Train a segmenter so many times, each with another part held out; score them"
            " together. Go on by: isthmus train FOLDER --resume."
        ),
    ] = None,
) -> None:
    """Train a recipe; write its run folder and report.

    Example: `isthmus train mnist-2d --data ~/mnist --set training.epochs=20`
    """
    from isthmus.recipes.folds import fold_folders

    given = changes(settings, data)
    if minutes is not None:
        given.append(f"training.minutes={minutes}")
    if folds is not None or fold_folders(Path(recipe)):
        _train_folds(recipe, given, folds, resume, out)
        return
    train_recipe(recipe, given, resume=resume, out=out)


def changes(settings: list[str] | None, data: str | None) -> list[str]:
    """What ``--set`` and ``--data`` change in a recipe or a comparison, as settings ``a.b=c``."""
    source = [] if data is None else [f"data.source={json.dumps(data, ensure_ascii=False)}"]
    return [*(settings or []), *source]


def train_recipe(
    name_or_path: str,
    settings: list[str] | None = None,
    *,
    resume: bool = False,
    out: Path | None = None,
) -> None:
    """Train, report, and say what came of it."""
    from isthmus.core.errors import StorageError, TrainingStopped
    from isthmus.recipes import find_recipe, parse_recipe

    name, text = find_recipe(name_or_path)
    folder = out or (_newest_run(name_or_path, name) if resume else None) or _free_folder(name)
    resume = resume and (folder / "recipe.toml").exists()
    if resume:
        name, text = find_recipe(str(folder))
    recipe = parse_recipe(text, name, settings or [])
    if resume:
        typer.echo(f"Going on with {folder}")
    on = f"go on with: isthmus train {shlex.quote(str(folder))} --resume"
    try:
        _train_and_report(recipe, folder, resume)
    except TrainingStopped as stop:
        raise TrainingStopped(f"{str(stop).partition(';')[0]}; {on}") from None
    except KeyboardInterrupt:
        if not _can_go_on(folder):
            raise
        raise TrainingStopped(f"Stopped after the training; {on}") from None
    except StorageError as error:
        if not _can_go_on(folder):
            raise
        raise StorageError(f"{error} Then {on}") from error


def _train_and_report(recipe: Recipe, folder: Path, resume: bool) -> None:
    from isthmus.cli.progress import progress
    from isthmus.recipes.runner import start_run
    from isthmus.reports import write_report

    run = start_run(recipe, folder, resume=resume, observers=[progress()])
    report = write_report(run)
    show_scores(run.evaluation)
    typer.echo(f"Run:    {folder}")
    typer.echo(f"Report: {report}")


def _train_folds(
    name_or_path: str, settings: list[str], count: int | None, resume: bool, out: Path | None
) -> None:
    """Train the folds of a recipe, or go on with a folder of folds."""
    from isthmus.cli.progress import progress
    from isthmus.core.errors import TrainingStopped
    from isthmus.recipes import find_recipe, parse_recipe
    from isthmus.recipes.folds import fold_folders, of_fold, train_folds
    from isthmus.reports import write_report

    begun = fold_folders(Path(name_or_path))
    name, text = find_recipe(str(begun[0]) if begun else name_or_path)
    recipe = parse_recipe(text, name, settings)
    if count is None:
        count = recipe.data.fold[1] if recipe.data.fold else 0
    folder = out or (Path(name_or_path) if begun else _free_folder(name))
    try:
        evaluation = train_folds(
            of_fold(recipe, None),
            folder,
            count,
            resume=resume,
            observers=[progress()],
            tell=typer.echo,
            finished=write_report,
        )
    except TrainingStopped as stop:
        raise TrainingStopped(
            f"{str(stop).partition(';')[0]}; go on with: isthmus train"
            f" {shlex.quote(str(folder))} --resume"
        ) from None
    show_scores(evaluation)
    typer.echo(f"Folds:   {folder}")
    typer.echo(f"Reports: {folder / 'fold-*' / 'report.html'}")


def _can_go_on(folder: Path) -> bool:
    return any((folder / "checkpoint").rglob("state.sha256"))


def _newest_run(name_or_path: str, name: str) -> Path | None:
    """The run named by its folder, or the one of this recipe that was written to last."""
    if (Path(name_or_path) / "recipe.toml").is_file():
        return Path(name_or_path)
    numbered = [path for path in RUNS.glob(f"{name}-*") if path.name.rpartition("-")[2].isdigit()]
    runs = [path for path in [RUNS / name, *numbered] if (path / "recipe.toml").is_file()]
    return max(runs, key=lambda path: (path / "recipe.toml").stat().st_mtime, default=None)


def _free_folder(name: str) -> Path:
    """``runs/NAME``, or ``runs/NAME-2`` and so on if that is taken."""
    folder, number = RUNS / name, 1
    while folder.exists():
        number += 1
        folder = RUNS / f"{name}-{number}"
    return folder
