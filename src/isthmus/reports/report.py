"""``report.html``: one self-contained page about a run, and its pictures as PNG files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from isthmus.core.files import atomic_file, write_text
from isthmus.metrics import measure_of
from isthmus.networks import count_parameters
from isthmus.recipes.runner import Run
from isthmus.reports import autoencoding, instances, segmentation, volumes
from isthmus.reports.page import Cell, Fact, Picture, Table, render
from isthmus.reports.style import look

_TASKS: dict[str, Any] = {
    "autoencoding": autoencoding,
    "segmentation": segmentation,
    "volumes": volumes,
    "instances": instances,
}
_LONG = 10  # seconds from which on decimals say nothing


def write_report(run: Run) -> Path:
    """Write ``report.html`` and ``pictures/*.png`` into the run's folder; return the page's path.

    Raises
    ------
    StorageError
        If the disk refuses.
    """
    task = _TASKS[run.model.task]
    with look():
        shown = [Picture.of(*drawing) for drawing in task.draw(run)]
    page = render(
        "report.html",
        run=run,
        facts=[*task.facts(run), *_facts(run)],
        scores=_table(run),
        note=task.NOTE,
        pictures=shown,
        sections=task.sections(run),
    )
    for picture in shown:
        with atomic_file(run.folder / "pictures" / f"{picture.name}.png") as temporary:
            temporary.write_bytes(picture.png)
    path = run.folder / "report.html"
    write_text(path, page)
    return path


def _facts(run: Run) -> list[Fact]:
    """Sizes of the parts and the network, length of the training, what the evaluation found."""
    tested = run.evaluation.cases if run.evaluation.part == "test" else 0
    parts = (len(run.split.train), len(run.split.validation), tested)
    facts = [
        (" / ".join(f"{part:,}" for part in parts), "training / validation / test samples"),
        (f"{count_parameters(run.model.network_):,}", "parameters"),
    ]
    if run.model.history_:
        last = run.model.history_[-1]
        epochs = f"{last['epoch']:,.0f} epoch{'s' if last['epoch'] != 1 else ''}"
        seconds = last["seconds"]
        facts.append((f"{seconds:.{int(seconds < _LONG)}f} s", f"training, {epochs}"))
    return facts + [(f"{value:.4g}", name) for name, value in run.evaluation.facts.items()]


def _table(run: Run) -> Table:
    """Scores of each method, and those that are quoted."""
    kinds, quoted = run.evaluation.metrics, run.recipe.quoted
    rows: list[list[Cell]] = [
        [method, *(scores.get(kind, "") for kind in kinds)]
        for method, scores in run.evaluation.table().items()
    ]
    if quoted:
        rows.append(["quoted", *(quoted.get(kind, "") for kind in kinds)])
    return Table(["", *(measure_of(kind).title for kind in kinds)], rows, ours="model")
