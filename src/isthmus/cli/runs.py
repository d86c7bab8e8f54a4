"""``isthmus evaluate`` and ``isthmus compare``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from isthmus.cli.data import ClassValues, Ignored, Masks, class_values
from isthmus.cli.tables import show_scores, show_table
from isthmus.cli.train import RUNS, changes

if TYPE_CHECKING:
    from isthmus.recipes.evaluation import Evaluation


def evaluate(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    data: Annotated[
        str | None, typer.Option(help="Score on all of these data instead of the test part.")
    ] = None,
    cases: Annotated[
        Path | None,
        typer.Option(help="File (.csv, .parquet) for a table of each sample of the other data."),
    ] = None,
    masks: Masks = None,
    value: ClassValues = None,
    ignore: Ignored = None,
    groups: Annotated[
        str | None, typer.Option(help="Column of groups in the index of the other images.")
    ] = None,
) -> None:
    """Score a run beside its baselines, and write its evaluation and report anew.

    With other data nothing is written but what `--cases` asks for. Their masks are read as the
    run's own, unless other values are given.

    Example: `isthmus evaluate runs/digits-2d`

    Example: `isthmus evaluate runs/lungs --data other/ --value background=0 --value lung=1`
    """
    from isthmus.core.errors import SettingError
    from isthmus.recipes.runner import evaluate_on, reopen_run
    from isthmus.reports import write_report

    values = class_values(value) if value else None
    options = {"masks": masks, "values": values, "ignore": ignore, "groups": groups}
    reading = {name: option for name, option in options.items() if option}
    if data is not None:
        show_scores(evaluate_on(run, data, cases, **reading))
        if cases is not None:
            typer.echo(f"Cases: {cases}")
        return
    if cases is not None or reading:
        raise SettingError(
            "--cases, --masks, --value, --ignore and --groups are for other data, which are given"
            " by --data; the cases of a segmenter's run are in its cases.csv."
        )
    reopened = reopen_run(run)
    show_scores(reopened.evaluation)
    typer.echo(f"Report: {write_report(reopened)}")


def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(help="Folders of two or more runs; or one name or file of a comparison."),
    ],
    data: Annotated[
        str | None,
        typer.Option(help="File, folder or name of the data; replaces the comparison's source."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="Change a setting of the comparison: a.b=c. May be given several times."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the comparison, runs/NAME by default; for runs a picture (.png) of"
            " their codes side by side."
        ),
    ] = None,
) -> None:
    """Put the scores of runs side by side; test the difference where the test samples are the same.

    With the one name of a comparison: train its models on one data set, each by several seeds, and
    put their scores into one table. What was trained before is not trained again.

    Example: `isthmus compare runs/mnist-2d runs/mnist-linear`, or `isthmus compare family`
    """
    from isthmus.core.errors import SettingError

    if len(runs) == 1:
        _compare_family(str(runs[0]), changes(settings, data), out)
        return
    if data is not None or settings:
        raise SettingError(
            "--data and --set belong to a comparison, which is given alone; remove them to compare"
            " runs."
        )
    if out is not None:
        from isthmus.recipes.inputs import load_autoencoder

        if out.suffix.lower() != ".png":
            raise SettingError(
                f"The codes of runs are drawn as a picture: give a .png, not '{out}'."
            )
        for run in runs:
            load_autoencoder(run)  # before anything is printed
    _compare_runs(runs)
    if out is not None:
        from isthmus.reports.spaces import write_spaces

        write_spaces(runs, out)
        typer.echo(f"Picture: {out}")


def _compare_family(name_or_path: str, settings: list[str], out: Path | None) -> None:
    """Train a comparison, or go on with it, and print its table."""
    from isthmus.recipes import find_comparison
    from isthmus.recipes.benchmark import COLUMNS
    from isthmus.recipes.comparing import COMPARISON, TABLE, run_comparison
    from isthmus.recipes.comparison import parse_comparison

    name, text = find_comparison(name_or_path)
    comparison = parse_comparison(text, name, settings)
    if out is None:
        path = Path(name_or_path)
        out = path if (path / COMPARISON).is_file() else RUNS / name
    table = run_comparison(comparison, out, typer.echo)
    rows = []
    for title, row in table.rows.items():
        measured = (str(row.columns.get(column, "–")) for column in table.columns)
        rows.append([title, *measured, f"{row.parameters:,}", f"{row.seconds.mean:.1f}"])
    header = ["", *(COLUMNS[column] for column in table.columns), "parameters", "seconds"]
    show_table(header, rows)
    typer.echo(
        f"{table.samples} test samples, {len(comparison.seeds)} seeds; means with 95 % intervals"
        " over both"
    )
    typer.echo(f"Table: {out / TABLE}")


def _compare_runs(runs: list[Path]) -> None:
    """Print the scores of runs, and their differences."""
    from isthmus.core.errors import SettingError
    from isthmus.metrics import measure_of
    from isthmus.recipes.evaluation import Evaluation, baseline_of

    evaluations = [Evaluation.load(run) for run in runs]
    common = [
        metric
        for metric in evaluations[0].values["model"]
        if all(metric in other.values["model"] for other in evaluations)
    ]
    if not common:
        raise SettingError(f"{' and '.join(map(str, runs))} have no score in common.")
    rows = []
    for run, evaluation in zip(runs, evaluations, strict=True):
        table = evaluation.table()
        rows.append([str(run), *(str(table["model"].get(metric, "–")) for metric in common)])
        baseline = baseline_of(table)
        if baseline is not None:
            cells = (str(table[baseline].get(metric, "–")) for metric in common)
            rows.append([f"  its {baseline}", *cells])
    show_table(["", *(measure_of(metric).title for metric in common)], rows)
    for run, other in zip(runs[1:], evaluations[1:], strict=True):
        _compare_pair(runs[0], evaluations[0], run, other, common)


def _compare_pair(
    first: Path, its: Evaluation, second: Path, other: Evaluation, common: list[str]
) -> None:
    """Print the mean differences, sample by sample, of two runs."""
    from isthmus.metrics import measure_of

    differences = other.minus(its)
    if differences is None:
        typer.echo(
            f"{second} was scored on other samples than {first}, or in other units (scaling): no"
            " paired difference."
        )
        return
    for metric in common:
        if metric in differences:
            estimate = differences[metric]
            typer.echo(
                f"{measure_of(metric).title}: {second} minus {first} is {estimate}"
                f" over {estimate.cases} paired samples"
            )
