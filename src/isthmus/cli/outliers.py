"""``isthmus outliers``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def outliers(
    model: Annotated[
        Path, typer.Argument(help="Folder of a run, of a saved detector, or of a model.")
    ],
    source: Annotated[str, typer.Argument(help="File, folder or name of the data to look at.")],
    out: Annotated[Path, typer.Argument(help="File (.csv, .parquet) to write.")],
    false_alarms: Annotated[
        float | None,
        typer.Option(
            help="Share of usual samples that may be taken for outliers; 0.01 by default."
        ),
    ] = None,
    normal: Annotated[
        str | None,
        typer.Option(help="Data that tell what is usual, instead of those of the run."),
    ] = None,
) -> None:
    """Write how strange samples are to an autoencoder, and why; of images draw the strangest.

    Example: `isthmus outliers runs/table-outliers customers.csv strange.csv`
    """
    from isthmus.recipes.outliers import find_outliers

    found = find_outliers(model, source, out, false_alarms=false_alarms, normal=normal)
    typer.echo(f"Wrote {len(found.scores)} scores to {out}; {found.flags.sum()} are of outliers")
    detector = found.detector
    typer.echo(
        f"{detector.expected_false_alarms_:.2%} false alarms expected, by"
        f" {len(detector.calibration_scores_)} held-out samples"
    )
    if found.dataset.samples.ndim > 2:
        from isthmus.reports.outliers import write_outlier_sheet

        sheet = out.with_name(f"{out.stem}-strangest.png")
        write_outlier_sheet(sheet, found)
        typer.echo(f"Strangest images: {sheet}")
