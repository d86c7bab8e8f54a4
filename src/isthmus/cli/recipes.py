"""``isthmus recipes``."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

import typer

from isthmus.cli.train import changes

app = typer.Typer(
    help="List, show and copy recipes and comparisons.",
    no_args_is_help=True,
    epilog="Example: `isthmus recipes ls`",
)


@app.command()
def ls() -> None:
    """List the recipes that come with Isthmus; then its comparisons, for `isthmus compare`.

    Example: `isthmus recipes ls`
    """
    from isthmus.recipes.library import (
        comparison_names,
        find_comparison,
        find_recipe,
        recipe_names,
    )

    found = [find_recipe(name) for name in recipe_names()]
    found += [find_comparison(name) for name in comparison_names()]
    width = max(len(name) for name, _ in found)
    for name, text in found:
        typer.echo(f"{name:<{width}}  {tomllib.loads(text)['title']}")


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="Name of a recipe or comparison, or a TOML file.")],
) -> None:
    """Print a recipe or a comparison.

    Example: `isthmus recipes show mnist-2d`
    """
    from isthmus.recipes.library import find_either, find_recipe

    typer.echo((find_either(name) or find_recipe(name))[1], nl=False)


@app.command()
def augmented(
    name: Annotated[str, typer.Argument(help="Name of a recipe, a TOML file, or a run.")],
    out: Annotated[Path, typer.Argument(help="Picture to write (.png).")],
    data: Annotated[
        str | None, typer.Option(help="Folder or name of the data; replaces the recipe's source.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change a setting: a.b=c. May be given several times."),
    ] = None,
) -> None:
    """Draw how a segmenter's recipe augments images and label maps; nothing is trained.

    Example: `isthmus recipes augmented lungs augmented.png`
    """
    from isthmus.recipes import find_recipe, parse_recipe
    from isthmus.reports import write_augmented

    found, text = find_recipe(name)
    write_augmented(parse_recipe(text, found, changes(settings, data)), out)
    typer.echo(f"Picture: {out}")


@app.command()
def cp(
    name: Annotated[str, typer.Argument(help="Name of a recipe or comparison.")],
    to: Annotated[Path, typer.Argument(help="File to write.")],
) -> None:
    """Copy a recipe or a comparison to a file, to be changed and trained.

    Example: `isthmus recipes cp mnist-2d my.toml`
    """
    from isthmus.core.errors import SettingError
    from isthmus.core.files import write_text
    from isthmus.recipes.library import find_either, find_recipe, is_comparison

    text = (find_either(name) or find_recipe(name))[1]
    if to.is_dir():
        to = to / f"{Path(name).stem}.toml"
    if to.exists():
        raise SettingError(f"{to} exists already; choose another name.")
    write_text(to, text)
    verb = "compare" if is_comparison(text) else "train"
    typer.echo(f"Wrote {to}. Train it with: isthmus {verb} {to}")
