"""``isthmus recipes``."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="List, show and copy recipes.",
    no_args_is_help=True,
    epilog="Example: `isthmus recipes ls`",
)


@app.command()
def ls() -> None:
    """List the recipes that come with Isthmus.

    Example: `isthmus recipes ls`
    """
    from isthmus.recipes.library import find_recipe, recipe_names

    names = recipe_names()
    width = max(map(len, names))
    for name in names:
        typer.echo(f"{name:<{width}}  {tomllib.loads(find_recipe(name)[1])['title']}")


@app.command()
def show(name: Annotated[str, typer.Argument(help="Name of a recipe, or a TOML file.")]) -> None:
    """Print a recipe.

    Example: `isthmus recipes show mnist-2d`
    """
    from isthmus.recipes.library import find_recipe

    typer.echo(find_recipe(name)[1], nl=False)


@app.command()
def cp(
    name: Annotated[str, typer.Argument(help="Name of a recipe.")],
    to: Annotated[Path, typer.Argument(help="File to write.")],
) -> None:
    """Copy a recipe to a file, to be changed and trained.

    Example: `isthmus recipes cp mnist-2d my.toml`
    """
    from isthmus.core.errors import SettingError
    from isthmus.core.files import write_text
    from isthmus.recipes.library import find_recipe

    text = find_recipe(name)[1]
    if to.is_dir():
        to = to / f"{Path(name).stem}.toml"
    if to.exists():
        raise SettingError(f"{to} exists already; choose another name.")
    write_text(to, text)
    typer.echo(f"Wrote {to}. Train it with: isthmus train {to}")
