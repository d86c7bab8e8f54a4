"""``isthmus data``."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(
    help="List, fetch and check data.",
    no_args_is_help=True,
    epilog="Example: `isthmus data ls`",
)


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
            " x ".join(map(str, entry.sample_shape)),
            entry.licence,
            str(folder or f"not here; run: isthmus data get {entry.name}"),
        ]
        for entry, folder in listing()
    ]
    typer.echo(text_table(["name", "samples", "shape", "licence", "found in"], rows))


@app.command()
def get(name: Annotated[str, typer.Argument(help="Name of a data set.")]) -> None:
    """Download a named data set into the cache, checked against known checksums.

    Example: `isthmus data get mnist`
    """
    from isthmus.data import get as download

    typer.echo(f"{name} is in {download(name)}")


@app.command()
def check(
    source: Annotated[str, typer.Argument(help="File, folder or name of the data.")],
    labels: Annotated[str | None, typer.Option(help="Column of classes in a table.")] = None,
    groups: Annotated[str | None, typer.Option(help="Column of groups in a table.")] = None,
    size: Annotated[
        int | None, typer.Option(help="Side to which images will be brought (data.size).")
    ] = None,
    colour: Annotated[
        bool | None,
        typer.Option("--colour/--grey", help="How images will be read (data.colour)."),
    ] = None,
) -> None:
    """Look at every file or column and list all problems, not only the first.

    Example: `isthmus data check photos/`
    """
    from isthmus.core.errors import DataError
    from isthmus.data import check as find_problems

    problems = find_problems(source, labels=labels, groups=groups, size=size, colour=colour)
    for problem in problems:
        typer.echo(f"{'problem' if problem.fatal else 'note'}: {problem.sentence}")
    fatal = sum(problem.fatal for problem in problems)
    if fatal:
        raise DataError(f"{source} has {fatal} problem{'s' if fatal > 1 else ''} to mend.")
    typer.echo(f"{source} can be used.")
