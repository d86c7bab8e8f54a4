"""``isthmus evaluate`` and ``isthmus compare``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from isthmus.cli.tables import show_scores, show_table

if TYPE_CHECKING:
    from isthmus.recipes.evaluation import Evaluation


_BASELINES = ("PCA", "linear ridge", "corrupted sample")


def evaluate(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    data: Annotated[
        str | None, typer.Option(help="Score on all of these data instead of the test part.")
    ] = None,
) -> None:
    """Score a run beside its baselines, and write its evaluation and report anew.

    With other data nothing is written. Example: `isthmus evaluate runs/digits-2d`
    """
    from isthmus.recipes.runner import evaluate_on, reopen_run
    from isthmus.reports import write_report

    if data is not None:
        show_scores(evaluate_on(run, data))
        return
    reopened = reopen_run(run)
    show_scores(reopened.evaluation)
    typer.echo(f"Report: {write_report(reopened)}")


def compare(
    runs: Annotated[list[Path], typer.Argument(help="Folders of two or more runs.")],
) -> None:
    """Put the scores of runs side by side; test the difference where the test samples are the same.

    Example: `isthmus compare runs/mnist-2d runs/mnist-linear`
    """
    from isthmus.core.errors import SettingError
    from isthmus.metrics import METRICS
    from isthmus.recipes.evaluation import Evaluation

    if len(runs) < 2:
        raise SettingError("Give two or more runs to compare.")
    evaluations = [Evaluation.load(run) for run in runs]
    common = [
        metric
        for metric in evaluations[0].values["model"]
        if all(metric in other.values["model"] for other in evaluations)
    ]
    rows = []
    for run, evaluation in zip(runs, evaluations, strict=True):
        table = evaluation.table()
        rows.append([str(run), *(str(table["model"][metric]) for metric in common)])
        baseline = next(method for method in _BASELINES if method in table)
        cells = (str(table[baseline].get(metric, "–")) for metric in common)
        rows.append([f"  its {baseline}", *cells])
    show_table(["", *(METRICS[metric].title for metric in common)], rows)
    for run, other in zip(runs[1:], evaluations[1:], strict=True):
        _compare_pair(runs[0], evaluations[0], run, other, common)


def _compare_pair(
    first: Path, its: Evaluation, second: Path, other: Evaluation, common: list[str]
) -> None:
    """Print the mean differences, sample by sample, of two runs."""
    from isthmus.metrics import METRICS, bootstrap_mean

    if other.data != its.data:
        typer.echo(
            f"{second} was scored on other samples than {first}, or in other units (scaling): no"
            " paired difference."
        )
        return
    for metric in common:
        difference = other.values["model"][metric] - its.values["model"][metric]
        estimate = bootstrap_mean(difference, its.groups)
        typer.echo(
            f"{METRICS[metric].title}: {second} minus {first} is {estimate}"
            f" over {estimate.cases} paired samples"
        )
