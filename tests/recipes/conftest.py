"""Runs and images that several tests look at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from isthmus.recipes import Recipe, find_recipe, parse_recipe
from isthmus.recipes.comparing import Table, run_comparison
from isthmus.recipes.runner import Run, start_run
from support import comparisons
from support.pictures import ALBUM, save


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


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Images of mixed sizes, types and colours, and a file that is none."""
    for name, image in ALBUM.items():
        save(tmp_path / "album" / name, image)
    (tmp_path / "album" / "notes.txt").touch()
    return tmp_path / "album"


@pytest.fixture(scope="session")
def compared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Table]:
    """A whole comparison."""
    folder = tmp_path_factory.mktemp("comparison") / "two"
    return folder, run_comparison(comparisons.parse(), folder)
