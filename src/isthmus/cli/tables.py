"""Tables as plain text, readable in any terminal and log."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from isthmus.recipes.evaluation import Evaluation

Rows = Sequence[Sequence[str]]


def text_table(header: Sequence[str], rows: Rows) -> str:
    """Columns aligned: the first to the left, the others to the right."""
    widths = _widths(header, rows)

    def line(cells: Sequence[str]) -> str:
        first = f"{cells[0]:<{widths[0]}}"
        others = (f"{cell:>{width}}" for cell, width in zip(cells[1:], widths[1:], strict=True))
        return "  ".join([first, *others]).rstrip()

    return "\n".join([line(header), *map(line, rows)])


def show_table(header: Sequence[str], rows: Rows) -> None:
    """Print a table; in a narrow terminal in several parts, each with the first column."""
    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else sys.maxsize
    widths = _widths(header, rows)
    parts: list[list[int]] = [[0]]
    for place in range(1, len(header)):
        used = sum(widths[other] + 2 for other in parts[-1])
        if used + widths[place] > room and len(parts[-1]) > 1:
            parts.append([0])
        parts[-1].append(place)
    for part in parts:
        chosen = [[row[place] for place in part] for row in [header, *rows]]
        typer.echo(text_table(chosen[0], chosen[1:]))


def show_scores(evaluation: Evaluation) -> None:
    """Print means with 95 % intervals of a model and its baselines."""
    from isthmus.metrics import measure_of

    table = evaluation.table()
    metrics = evaluation.metrics
    header = ["", *(measure_of(metric).title for metric in metrics)]
    rows = [
        [method, *(str(row.get(metric, "–")) for metric in metrics)]
        for method, row in table.items()
    ]
    show_table(header, rows)
    facts = [f"{name}: {value:.4g}" for name, value in evaluation.facts.items()]
    cases = f"{evaluation.cases} {evaluation.part} samples, means with 95 % intervals"
    typer.echo("; ".join([cases, *facts]))


def _widths(header: Sequence[str], rows: Rows) -> list[int]:
    return [max(len(row[place]) for row in [header, *rows]) for place in range(len(header))]
