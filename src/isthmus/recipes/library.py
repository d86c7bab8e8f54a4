"""The recipes and comparisons that come with Isthmus, and those in files."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from isthmus.core.errors import SettingError
from isthmus.core.registry import nearest

_RECIPES = files("isthmus.recipes") / "toml"
_COMPARISONS = _RECIPES / "compare"
_IN_FOLDERS = ("recipe.toml", "comparison.toml")  # of runs, and of comparisons


def recipe_names() -> list[str]:
    """Names of the recipes that come with Isthmus."""
    return _names(_RECIPES)


def comparison_names() -> list[str]:
    """Names of the comparisons that come with Isthmus."""
    return _names(_COMPARISONS)


def find_recipe(name_or_path: str) -> tuple[str, str]:
    """Name and text of a recipe: one of Isthmus, a TOML file, or the folder of a run.

    Raises
    ------
    SettingError
        If there is none (the nearest name is named), it is a comparison, or the file is not text.
    """
    found = find_either(name_or_path)
    if found is None:
        raise SettingError(
            f"There is no recipe '{name_or_path}'{nearest(name_or_path, recipe_names())}; give a"
            " name from `isthmus recipes ls`, a TOML file, or the folder of a run."
        )
    if is_comparison(found[1]):
        raise SettingError(
            f"{name_or_path} is a comparison of several models; run it with: isthmus compare"
            f" {name_or_path}"
        )
    return found


def find_comparison(name_or_path: str) -> tuple[str, str]:
    """Name and text of a comparison: one of Isthmus, a TOML file, or the folder of one.

    Raises
    ------
    SettingError
        If there is none (the nearest name is named), it is a recipe, or the file is not text.
    """
    found = find_either(name_or_path)
    if found is None:
        raise SettingError(
            f"There is no comparison '{name_or_path}'{nearest(name_or_path, comparison_names())};"
            " give a name from `isthmus recipes ls`, a TOML file, or the folders of two or more"
            " runs."
        )
    if Path(name_or_path, _IN_FOLDERS[0]).is_file():
        raise SettingError(
            f"{name_or_path} is a single run; give two or more runs to compare, or the name or file"
            f" of a comparison, such as {comparison_names()[0]}."
        )
    if _has(found[1], "model", but_not="models"):
        raise SettingError(
            f"{name_or_path} is a recipe of one model; train it with: isthmus train {name_or_path}"
        )
    return found


def find_either(name_or_path: str) -> tuple[str, str] | None:
    """Name and text of a recipe or of a comparison, if there is one."""
    for folder in (_RECIPES, _COMPARISONS):
        if name_or_path in _names(folder):
            return name_or_path, (folder / f"{name_or_path}.toml").read_text(encoding="utf-8")
    path = Path(name_or_path)
    for name in _IN_FOLDERS:
        if (path / name).is_file():
            return path.resolve().name, read_text(path / name)
    return (path.stem, read_text(path)) if path.is_file() else None


def is_comparison(text: str) -> bool:
    """Whether a TOML text is a comparison."""
    return _has(text, "models", but_not="model")


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


def _names(folder: Traversable) -> list[str]:
    names = (entry.name for entry in folder.iterdir())
    return sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))


def _has(text: str, key: str, *, but_not: str) -> bool:
    """Whether a TOML text has one key and not the other; what is no TOML has none."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return key in table and but_not not in table
