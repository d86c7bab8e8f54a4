"""``isthmus segment`` and ``isthmus score``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from isthmus.cli.data import class_values
from isthmus.cli.tables import show_table


class Format(StrEnum):
    """Of label maps."""

    PNG = "png"
    TIF = "tif"


Spacing = Annotated[
    str | None,
    typer.Option(help="Size of a pixel in mm: one number, or height,width."),
]


def segment(
    run: Annotated[Path, typer.Argument(help="Folder of a run, of a model, or of folds.")],
    source: Annotated[
        str, typer.Argument(help="Image, TIFF of several pages, folder, or name of a data set.")
    ],
    out: Annotated[Path, typer.Argument(help="New folder for the label maps and areas.csv.")],
    others: Annotated[
        list[Path] | None,
        typer.Option(
            "--with", help="Another run: probabilities are averaged. May be given several times."
        ),
    ] = None,
    format: Annotated[Format, typer.Option(help="Of the label maps.")] = Format.PNG,
    overlay: Annotated[
        bool, typer.Option("--overlay", help="Write NAME.overlay.png: classes over the image.")
    ] = False,
    probabilities: Annotated[
        bool,
        typer.Option("--probabilities", help="Write NAME.probability-K.png, in 16 bits."),
    ] = False,
    uncertainty: Annotated[
        bool,
        typer.Option(
            "--uncertainty",
            help="Write NAME.uncertainty.png, and review.csv: what to look at first.",
        ),
    ] = False,
    masked: Annotated[
        str | None,
        typer.Option(help="Class: write NAME.masked.png, the image with all else black."),
    ] = None,
    flips: Annotated[
        bool, typer.Option("--flips", help="Average over the mirror images that training had.")
    ] = False,
    spacing: Spacing = None,
) -> None:
    """Write a label map for each image, in its own size, and the areas of the classes.

    A model of single objects writes instance maps, a table of all objects and one of their counts.

    Example: `isthmus segment runs/lungs scans/ maps/ --overlay --spacing 0.5`

    Of volumes (.nii, .nii.gz, folders of DICOM series) NAME.nii.gz and volumes.csv are written;
    probabilities and uncertainty are volumes too.

    Example: `isthmus segment runs/hippocampus volumes/ labels/ --overlay`
    """
    from isthmus.cli.progress import counting
    from isthmus.core.errors import DataError
    from isthmus.data.volumes import holds_volumes
    from isthmus.recipes.segment import REVIEW, TABLES, segment_files
    from isthmus.recipes.segmented import Wanted
    from isthmus.recipes.volume_files import segment_volumes

    volumes = holds_volumes(Path(source))
    if volumes:
        given = {"--format": format != Format.PNG, "--masked": masked, "--spacing": spacing}
        _refuse([name for name in given if given[name]])
    wanted = Wanted(
        suffix=f".{format}",
        overlay=overlay,
        probabilities=probabilities,
        uncertainty=uncertainty,
        masked=masked,
        flips=flips,
        spacing=_spacing(spacing),
    )
    runs, what = [run, *(others or [])], "volumes" if volumes else "images"
    with counting(what) as progress:
        if volumes:
            count, problems = segment_volumes(runs, Path(source), out, wanted, progress=progress)
        else:
            count, problems = segment_files(runs, source, out, wanted, progress=progress)
    for problem in problems:
        typer.echo(f"left out: {problem.sentence}", err=True)
    if count:
        listed = "; ".join(
            f"{table}: {out / name}" for table, name in TABLES.items() if (out / name).exists()
        )
        typer.echo(f"Wrote {count} label {'volumes' if volumes else 'maps'} to {out}; {listed}")
        if uncertainty:
            typer.echo(f"The least certain first: {out / REVIEW}")
    if problems:
        total = count + len(problems)
        raise DataError(f"{len(problems)} of {total} {what} could not be segmented; see above.")


def _refuse(options: list[str]) -> None:
    """Refuse options that mean nothing for volumes."""
    from isthmus.core.errors import SettingError

    if options:
        raise SettingError(f"{options[0]} is for images, and these are volumes; leave it out.")


def _spacing(text: str | None) -> tuple[float, float] | None:
    """``0.5`` or ``0.5,0.8`` as height and width of a pixel."""
    from isthmus.core.errors import SettingError

    if text is None:
        return None
    try:
        height, width = map(float, text.split(",")) if "," in text else [float(text)] * 2
        if not (0 < height < float("inf") and 0 < width < float("inf")):
            raise ValueError
    except ValueError:
        raise SettingError(
            f"--spacing is a number of mm above 0, such as 0.5, or height,width, not '{text}'."
        ) from None
    return height, width


def score(
    predictions: Annotated[Path, typer.Argument(help="Folder of predicted label maps.")],
    references: Annotated[Path, typer.Argument(help="Folder of reference label maps.")],
    value: Annotated[
        list[str] | None,
        typer.Option(
            help="CLASS=VALUE, or CLASS=VALUE,VALUE, in the files of both folders, background"
            " first; once for each class."
        ),
    ] = None,
    labels: Annotated[
        int | None,
        typer.Option(help="Instead: number of classes, whose values are 0, 1 and so on."),
    ] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option(help="Value of reference pixels that do not count. May be given repeatedly."),
    ] = None,
    names: Annotated[
        list[str] | None,
        typer.Option(help="Pattern of the names to score; all by default. May be repeated."),
    ] = None,
    groups: Annotated[
        str | None,
        typer.Option(
            help="What belongs together, as a patient: FILE.csv:COLUMN (its column file holds the"
            " names), or a pattern of names with the group in brackets."
        ),
    ] = None,
    spacing: Spacing = None,
    instances: Annotated[
        bool,
        typer.Option(
            "--instances",
            help="The files are instance maps: 0 is the background, each other number an object.",
        ),
    ] = False,
    classes: Annotated[
        Path | None,
        typer.Option(
            help="Label maps of the reference objects' classes, by --value; those of predicted"
            " objects stand in objects.csv beside their maps."
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option(help="File (.csv, .parquet) of the scores of each case and class.")
    ] = Path("scores.csv"),
) -> None:
    """Score label maps, made by whatever program or person, against references of the same names.

    Example: `isthmus score maps/ masks/ --value background=0 --value lung=1,255`

    NIfTI label volumes are scored in mm, by their own spacing.

    Example: `isthmus score counted/ masks/ --instances`
    """
    from isthmus.core.errors import SettingError
    from isthmus.data.volumes import holds_volumes
    from isthmus.metrics import MEASURES
    from isthmus.recipes.score import numbered, score_folders
    from isthmus.recipes.volume_files import score_volumes

    if instances:
        if labels is not None or spacing or (classes is None and (value or ignore)):
            raise SettingError(
                "--value, --labels, --ignore and --spacing are for label maps; with --instances"
                " leave them out, but for --value and --ignore of those that --classes gives."
            )
        reading = {"classes": classes, "values": class_values(value or []), "ignore": ignore or ()}
        _score_instances(
            predictions, references, out, names=names, groups=groups, **reading if classes else {}
        )
        return
    if classes is not None:
        raise SettingError("--classes are those of single objects; give --instances too.")
    volumes = holds_volumes(references)
    _refuse(["--spacing"] if volumes and spacing else [])
    of_images = {} if volumes else {"spacing": _spacing(spacing)}
    scored = (score_volumes if volumes else score_folders)(
        predictions,
        references,
        numbered(labels) if labels is not None else class_values(value or []),
        ignore=ignore or (),
        names=names,
        groups=groups,
        out=out,
        **of_images,
    )
    table = scored.table
    rows = list(zip(scored.class_names[1:], table.classes.values(), strict=True))
    if len(rows) > 1:
        rows.append(("mean of the classes", table.mean))
    show_table(
        ["", *(measure.title for measure in MEASURES.values())],
        [
            [name, *(str(row.estimates[kind] or "–") for kind in MEASURES)]  # NaN has no estimate
            for name, row in rows
        ],
    )
    show_table(
        ["", "cases", "missed", "seen where there is none", "in neither"],
        [
            [name, *map(str, (row.cases, row.missed, row.false_positives, row.absent))]
            for name, row in rows
        ],
    )
    typer.echo(
        f"{len(scored.names)} cases, means with 95 % intervals"
        f"{' by group' if groups else ''}; distances in {'mm' if spacing or volumes else 'pixels'}"
    )
    _tell_unpaired(scored.missing, scored.extra)
    typer.echo(f"Scores of each case: {out}")


def _score_instances(predictions: Path, references: Path, out: Path, **given: Any) -> None:
    from isthmus.metrics import INSTANCE_MEASURES
    from isthmus.recipes.score_objects import score_object_folders

    scored = score_object_folders(predictions, references, out=out, **given)
    groups, several = given["groups"], len(scored.by_class) > 1
    columns = scored.by_class | ({"all classes": scored.estimates} if several else {})
    columns = columns or {"mean over the images": scored.estimates}
    show_table(
        ["", *columns],
        [
            [measure.title, *(str(column[name] or "–") for column in columns.values())]
            for name, measure in INSTANCE_MEASURES.items()
        ],
    )
    typer.echo(
        f"{len(scored.names)} images, means with 95 % intervals{' by group' if groups else ''};"
        f" TP/(TP+FP+FN) at IoU 0.5 of all objects together: {scored.pooled.ap:.4g}"
    )
    if counts := scored.counts:
        typer.echo(
            f"Counts, predicted - true: bias {counts.bias}, limits of agreement"
            f" {counts.lower.mean:.4g} to {counts.upper.mean:.4g}; concordance {counts.concordance}"
        )
    _tell_unpaired(scored.missing, scored.extra)
    typer.echo(f"Scores of each image: {out}")


def _tell_unpaired(missing: list[str], extra: list[str]) -> None:
    for what, found in (
        ("no prediction, counted as empty", missing),
        ("no reference, not scored", extra),
    ):
        if found:
            typer.echo(f"{len(found)} with {what}: {', '.join(found)}")
