"""The application and its verbs."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from isthmus import __version__
from isthmus.cli import codes, data, demo, recipes, runs, train
from isthmus.core.errors import IsthmusError, StorageError, TrainingStopped


class _OneSentence(TyperGroup):
    """Turns our errors into one sentence on stderr and a non-zero exit."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except TrainingStopped as stop:
            typer.echo(str(stop), err=True)
            raise typer.Exit(130) from None
        except IsthmusError as error:
            typer.echo(f"Error: {error}", err=True)
            raise typer.Exit(1) from None
        except OSError as error:
            sentence = StorageError(f"{error.filename or 'A file'}: {error.strerror or error}.")
            typer.echo(f"Error: {sentence}", err=True)
            raise typer.Exit(1) from None


app = typer.Typer(
    name="isthmus",
    cls=_OneSentence,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Autoencoders and encoder-decoder segmentation, from one equation.",
    epilog="Start with: `isthmus demo`",
)


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", is_eager=True)
    ] = False,
) -> None:
    if version:
        typer.echo(f"isthmus {__version__}")
        raise typer.Exit


app.command()(demo.demo)
app.add_typer(recipes.app, name="recipes")
app.command()(train.train)
app.command()(runs.evaluate)
app.command()(runs.compare)
app.command()(codes.encode)
app.command()(codes.decode)
app.command()(codes.reconstruct)
app.add_typer(data.app, name="data")
