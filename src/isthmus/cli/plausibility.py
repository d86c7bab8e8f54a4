"""``isthmus plausibility``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def plausibility(
    run: Annotated[Path, typer.Argument(help="Folder of a run on label maps.")],
    maps: Annotated[Path, typer.Argument(help="Label map, or folder of label maps.")],
    out: Annotated[
        Path, typer.Argument(help="New folder for plausibility.csv and the corrected maps.")
    ],
) -> None:
    """Write how plausible label maps are, what is wrong with each, and a corrected map.

    Example: `isthmus plausibility runs/hearts-vae maps/ checked/`
    """
    from isthmus.cli.progress import counting
    from isthmus.recipes.plausibility import TABLE, check_files

    with counting("label maps") as progress:
        checked = check_files(run, maps, out, progress=progress)
    typer.echo(
        f"Wrote {checked.maps} rows to {out / TABLE}, the least plausible first, and corrected maps"
        f" to {out / 'corrected'}"
    )
    typer.echo(
        f"{checked.with_findings} maps have findings; {checked.strange} are stranger than 99 % of"
        " the maps that the run held out"
    )
