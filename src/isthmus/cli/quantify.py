"""``isthmus quantify``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Scale(StrEnum):
    """Of severity."""

    PAN = "pan"
    BERNHEIM = "bernheim"
    LIZZI = "lizzi"


def quantify(
    run: Annotated[Path, typer.Argument(help="Folder of a run or model of a segmenter.")],
    source: Annotated[
        str, typer.Argument(help="Image, TIFF of several pages, volume, folder, or name of a set.")
    ],
    out: Annotated[Path, typer.Argument(help="File (.csv, .parquet) for the table.")],
    part: Annotated[
        list[str] | None,
        typer.Option(help="Class of the part, such as a lesion; replaces the run's shares."),
    ] = None,
    whole: Annotated[
        list[str] | None,
        typer.Option(help="Class of the whole beside the part, such as an organ. Repeatable."),
    ] = None,
    scale: Annotated[
        Scale | None, typer.Option(help="Scale by which --part of --whole is graded.")
    ] = None,
) -> None:
    """Measure what share of an organ is diseased in each image, by the classes of a segmenter.

    Of volumes (.nii, .nii.gz, folders of DICOM series) the sizes are written in ml.

    Example: `isthmus quantify runs/lung-involvement scans/ involvement.csv`
    """
    from isthmus.cli.progress import counting
    from isthmus.core.errors import DataError, SettingError
    from isthmus.data.volumes import holds_volumes
    from isthmus.recipes.quantify import NOT_FOUND, quantify_files
    from isthmus.recipes.shares import ShareOf

    if bool(part) != bool(whole) or (scale is not None and not part):
        raise SettingError("--part and --whole go together, and --scale with them; give both.")
    shares = None
    if part and whole:
        both = tuple(dict.fromkeys([*whole, *part]))
        shares = {"share": ShareOf(part=tuple(part), whole=both, severity=scale and scale.value)}
    what = "volumes" if holds_volumes(Path(source)) else "images"
    with counting(what) as progress:
        count, lost, problems = quantify_files(run, source, out, shares, progress=progress)
    for problem in problems:
        typer.echo(f"left out: {problem.sentence}", err=True)
    if count:
        typer.echo(f"Measured {count} {what}, {lost} with '{NOT_FOUND}': {out}")
    if problems:
        total = count + len(problems)
        raise DataError(f"{len(problems)} of {total} {what} could not be measured; see above.")
