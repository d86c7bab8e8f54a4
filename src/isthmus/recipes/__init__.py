"""Experiments as TOML files: their schema, the library that comes with Isthmus, and the runner."""

from isthmus.recipes.library import find_recipe, recipe_names
from isthmus.recipes.schema import Recipe, override, parse_recipe

__all__ = ["Recipe", "find_recipe", "override", "parse_recipe", "recipe_names"]
