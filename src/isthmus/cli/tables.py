"""Tables of scores as plain text, readable in any terminal and log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from isthmus.recipes.evaluation import Evaluation


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns aligned: the first to the left, the others to the right."""
    widths = [max(len(row[place]) for row in [header, *rows]) for place in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        first = f"{cells[0]:<{widths[0]}}"
        others = (f"{cell:>{width}}" for cell, width in zip(cells[1:], widths[1:], strict=True))
        return "  ".join([first, *others]).rstrip()

    return "\n".join([line(header), *map(line, rows)])


def score_table(evaluation: Evaluation) -> str:
    """Means with 95 % intervals of a model and its baselines."""
    from isthmus.metrics import METRICS

    table = evaluation.table()
    header = ["", *(METRICS[metric].title for metric in table["model"])]
    rows = [[method, *map(str, columns.values())] for method, columns in table.items()]
    facts = [f"{name}: {value:.4g}" for name, value in evaluation.facts.items()]
    cases = f"{evaluation.cases} test samples, means with 95 % intervals"
    return "\n".join([text_table(header, rows), "; ".join([cases, *facts])])
