"""The recipes that come with Isthmus, and those in files."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from isthmus.core.errors import SettingError
from isthmus.core.registry import nearest

_FOLDER = files("isthmus.recipes") / "toml"


def recipe_names() -> list[str]:
    """Names of the recipes that come with Isthmus."""
    names = (entry.name for entry in _FOLDER.iterdir())
    return sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))


def find_recipe(name_or_path: str) -> tuple[str, str]:
    """Name and text of a recipe: one of Isthmus, a TOML file, or the folder of a run.

    Raises
    ------
    SettingError
        If there is none (the nearest name is named), or the file is not text.
    """
    if name_or_path in recipe_names():
        return name_or_path, (_FOLDER / f"{name_or_path}.toml").read_text(encoding="utf-8")
    path = Path(name_or_path)
    if path.is_dir() and (path / "recipe.toml").is_file():
        return path.resolve().name, read_text(path / "recipe.toml")
    if path.is_file():
        return path.stem, read_text(path)
    raise SettingError(
        f"There is no recipe '{name_or_path}'{nearest(name_or_path, recipe_names())}; give a name"
        " from `isthmus recipes ls`, a TOML file, or the folder of a run."
    )


def read_text(path: Path) -> str:
    """Text of a TOML file.

    Raises
    ------
    SettingError
        If it is not UTF-8 text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise SettingError(f"{path} is not text in UTF-8; give a recipe, a TOML file.") from None
