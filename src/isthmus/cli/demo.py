"""``isthmus demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from isthmus.cli.train import train_recipe


def demo(
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run; runs/digits-2d by default.")
    ] = None,
) -> None:
    """Learn handwritten digits in under a minute, offline, and write a report.

    Example: `isthmus demo`
    """
    train_recipe("digits-2d", out=out)
    typer.echo("Next, on data of your own:")
    typer.echo("  isthmus train table  --data FILE.csv")
    typer.echo("  isthmus train images --data FOLDER")
