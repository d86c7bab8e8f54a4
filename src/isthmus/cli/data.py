"""``isthmus data``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from isthmus.data import Entry, PairCheck

app = typer.Typer(
    help="List, fetch and check data.",
    no_args_is_help=True,
    epilog="Example: `isthmus data ls`",
)


Masks = Annotated[str | None, typer.Option(help="Folder of label maps beside that of the images.")]
ClassValues = Annotated[
    list[str] | None,
    typer.Option(help="CLASS=VALUE in label maps, background first; once for each class."),
]
Ignored = Annotated[
    list[str] | None, typer.Option(help="Value in label maps that will be ignored.")
]


@app.command()
def ls() -> None:
    """List the named data sets and where they were found.

    Example: `isthmus data ls`
    """
    from isthmus.cli.tables import text_table
    from isthmus.data import listing

    rows = [
        [
            entry.name,
            f"{entry.count:,}",
            " x ".join(map(str, entry.sample_shape)) or "any size",
            ", ".join(entry.pairs.values) if entry.pairs else "–",
            entry.licence,
            str(folder or _how_to_get(entry)),
        ]
        for entry, folder in listing()
    ]
    typer.echo(text_table(["name", "samples", "shape", "label maps", "licence", "found in"], rows))


@app.command()
def get(name: Annotated[str, typer.Argument(help="Name of a data set.")]) -> None:
    """Download a named data set into the cache, checked against known checksums.

    Example: `isthmus data get mnist`
    """
    from isthmus.data import get as download

    typer.echo(f"{name} is in {download(name)}")


@app.command()
def make(
    name: Annotated[str, typer.Argument(help="Name of a made set, such as made-lungs.")],
    folder: Annotated[Path, typer.Argument(help="New or empty folder for the files.")],
    count: Annotated[int | None, typer.Option(help="Number of images, or volumes.")] = None,
    seed: Annotated[int, typer.Option(help="Another seed makes other images.")] = 0,
    size: Annotated[int | None, typer.Option(help="Pixels of each side.")] = None,
) -> None:
    """Write images that are made, with their label maps, for trials of every command on files.

    Example: `isthmus data make made-lungs xrays/ --count 50 --seed 1`
    """
    from isthmus.data import write_pairs
    from isthmus.data.volumes import is_made_volumes, write_made_volumes

    sides = None if size is None else (size, size)
    write = write_made_volumes if is_made_volumes(name) else write_pairs
    values = write(name, folder, count, seed=seed, size=sides)
    options = " ".join(f"--value '{key}={value}'" for key, value in values.items())
    typer.echo(f"{name} is in {folder}; look at it with: isthmus data check {folder} {options}")


@app.command()
def acdc(
    source: Annotated[Path, typer.Argument(help="Folder of patient001/Info.cfg and so on.")],
    folder: Annotated[Path, typer.Argument(help="New or empty folder for the files.")],
) -> None:
    """Write hearts in the folders of the ACDC challenge as images with label maps.

    Example: `isthmus data acdc ACDC/training hearts/`
    """
    from isthmus.data.acdc import convert_acdc
    from isthmus.data.made.hearts import VALUES

    count = convert_acdc(source, folder)
    options = " ".join(f"--value '{key}={value}'" for key, value in VALUES.items())
    typer.echo(f"Wrote {count} slices; look at them with: isthmus data check {folder} {options}")


@app.command()
def check(
    source: Annotated[str, typer.Argument(help="File, folder or name of the data.")],
    labels: Annotated[str | None, typer.Option(help="Column of classes in a table.")] = None,
    groups: Annotated[
        str | None, typer.Option(help="Column of groups in a table, or in the index of images.")
    ] = None,
    size: Annotated[
        int | None, typer.Option(help="Side to which images will be brought (data.size).")
    ] = None,
    colour: Annotated[
        bool | None,
        typer.Option("--colour/--grey", help="How images will be read (data.colour)."),
    ] = None,
    masks: Masks = None,
    value: ClassValues = None,
    ignore: Ignored = None,
    objects: Annotated[
        str | None,
        typer.Option(
            help="Folder of instance maps, or that of the masks, if these number objects."
        ),
    ] = None,
) -> None:
    """Look at every file or column and list all problems, not only the first.

    Example: `isthmus data check photos/`

    Example: `isthmus data check scans/ --value background=0 --value lung=255`
    """
    from isthmus.core.errors import DataError, SettingError
    from isthmus.data import CATALOGUE, PairCheck, check_pairs
    from isthmus.data import check as find_problems
    from isthmus.data.volumes import check_volumes, is_volume_set

    known = CATALOGUE.get(source)
    if masks or value or ignore or objects or (known and known.pairs):
        if labels is not None or size is not None:
            raise SettingError(
                "--labels and --size are not for images with label maps; remove them."
            )
        settings = {
            "values": class_values(value) if value else None,
            "masks": masks,
            "ignore": ignore,
            "groups": groups,
        }
        if colour is None and objects is None and is_volume_set(source):
            checked = check_volumes(source, **settings)
        else:
            checked = check_pairs(source, objects=objects, **settings, colour=colour)
    else:
        checked = PairCheck(
            find_problems(source, labels=labels, groups=groups, size=size, colour=colour)
        )
    problems = checked.problems
    for problem in problems:
        typer.echo(f"{'problem' if problem.fatal else 'note'}: {problem.sentence}")
    if checked.pixels:
        typer.echo(_shares(checked))
    fatal = sum(problem.fatal for problem in problems)
    if fatal:
        raise DataError(f"{source} has {fatal} problem{'s' if fatal > 1 else ''} to mend.")
    typer.echo(f"{source} can be used.")


def _how_to_get(entry: Entry) -> str:
    from isthmus.data.entry import MadeEntry

    if isinstance(entry, MadeEntry):
        return "made when asked for"
    return f"not here; run: isthmus data get {entry.name}" if entry.files else "not here"


def class_values(given: list[str]) -> dict[str, list[str]]:
    """``CLASS=VALUE`` or ``CLASS=VALUE,VALUE`` as the values of each class."""
    from isthmus.core.errors import SettingError

    classes: dict[str, list[str]] = {}
    for text in given:
        name, equals, values = text.partition("=")
        if not name or not equals:
            raise SettingError(f"--value is written CLASS=VALUE, such as lung=255, not '{text}'.")
        classes.setdefault(name, []).extend(values.split(","))
    return classes


def _shares(checked: PairCheck) -> str:
    """A table of the shares that the classes have in the pixels."""
    from isthmus.cli.tables import text_table

    names = ("(ignored)", *checked.class_names)
    shares = [counts / max(1, counts.sum()) for counts in checked.pixels.values()]
    rows = [
        [name, str(masks), *(f"{share:.2%}" for share in line)]
        for name, masks, *line in zip(names, checked.masks, *shares, strict=True)
    ]
    first = 0 if checked.masks[0] else 1
    return text_table(["share of pixels", "masks", *checked.pixels], rows[first:])
