"""The application and its verbs."""

from __future__ import annotations

from typing import Annotated

import typer

from isthmus import __version__
from isthmus.cli import (
    codes,
    compress,
    data,
    demo,
    export,
    outliers,
    plausibility,
    quantify,
    recipes,
    restore,
    runs,
    search,
    segment,
    serve,
    studio,
    train,
    walks,
)
from isthmus.cli.errors import OneSentence

app = typer.Typer(
    name="isthmus",
    cls=OneSentence,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Autoencoders and encoder-decoder segmentation, from one equation.",
    epilog="Start with: `isthmus demo`",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"isthmus {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Show the version and exit.", is_eager=True, callback=_show_version
        ),
    ] = False,
) -> None:
    pass


app.command()(demo.demo)
app.add_typer(recipes.app, name="recipes")
app.command()(train.train)
app.command()(runs.evaluate)
app.command()(runs.compare)
app.command()(segment.segment)
app.command()(segment.score)
app.command()(quantify.quantify)
app.command()(codes.encode)
app.command()(codes.decode)
app.command()(codes.reconstruct)
app.command()(export.export)
app.command()(walks.sample)
app.command()(walks.interpolate)
app.command()(walks.traverse)
app.command()(walks.augment)
app.command()(walks.few_labels)
app.command()(compress.compress)
app.command()(compress.decompress)
app.command()(compress.rate_distortion)
app.command()(restore.denoise)
app.command()(restore.corrupt)
app.command()(search.index)
app.command()(search.search)
app.command()(search.cluster)
app.command()(outliers.outliers)
app.command()(plausibility.plausibility)
app.command()(studio.explore)
app.command()(studio.studio)
app.command()(serve.serve)
app.add_typer(data.app, name="data")
