"""Runs that several tests look at."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from isthmus.recipes import Recipe, find_recipe, parse_recipe
from isthmus.recipes.runner import Run, start_run


@pytest.fixture(scope="session")
def digits_recipe() -> Callable[..., Recipe]:
    """The demo's recipe, with changes."""

    def parse(*changes: str) -> Recipe:
        return parse_recipe(find_recipe("digits-2d")[1], "digits-2d", changes)

    return parse


@pytest.fixture(scope="session")
def digits_run(
    tmp_path_factory: pytest.TempPathFactory, digits_recipe: Callable[..., Recipe]
) -> Run:
    """The demo's recipe, trained for a short time."""
    folder = tmp_path_factory.mktemp("runs") / "digits"
    return start_run(digits_recipe("training.epochs=25", "model.code_size=8"), folder)
