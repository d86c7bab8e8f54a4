"""Experiments as TOML files: their schema, the library that comes with Isthmus, and the runner."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from isthmus.recipes.library import (
    comparison_names,
    find_comparison,
    find_recipe,
    recipe_names,
)

if TYPE_CHECKING:
    from isthmus.recipes.schema import Recipe, override, parse_recipe

__all__ = [
    "Recipe",
    "comparison_names",
    "find_comparison",
    "find_recipe",
    "override",
    "parse_recipe",
    "recipe_names",
]


def __getattr__(name: str) -> Any:
    """The schema knows all estimators, so it waits for torch; a list of recipes need not."""
    if name not in __all__:
        raise AttributeError(f"module 'isthmus.recipes' has no attribute '{name}'")
    return getattr(import_module("isthmus.recipes.schema"), name)
