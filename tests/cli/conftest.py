"""The command line, called in this process, in a folder of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner, Result

from isthmus.cli import app
from isthmus.data import write_images

Call = Callable[..., Result]


def call_app(*arguments: str | Path) -> Result:
    """Run a command; a programming error is raised."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def make_table(path: Path, rows: int = 40) -> Path:
    """Three columns of numbers and one of classes."""
    values = np.random.default_rng(0).normal(size=(rows, 3))
    frame = pl.DataFrame(dict(zip(("length", "width", "mass"), values.T, strict=True)))
    kinds = pl.Series("kind", [("ash", "oak")[row % 2] for row in range(rows)])
    frame.with_columns(kinds).write_csv(path)
    return path


def make_images(folder: Path, count: int = 20, side: int = 8) -> Path:
    """Small grey images."""
    pixels = np.random.default_rng(0).integers(0, 256, (count, side, side), np.uint8)
    write_images(folder, pixels, [f"{number:02d}" for number in range(count)])
    return folder


@pytest.fixture
def table(here: Path) -> Path:
    """``t.csv``: three columns of numbers and one of classes."""
    return make_table(here / "t.csv")


@pytest.fixture
def photos(here: Path) -> Path:
    """``photos``: images of one size."""
    return make_images(here / "photos")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def call(here: Path) -> Call:
    """Run a command; it must succeed, and say nothing on stderr."""

    def run(*arguments: str | Path) -> Result:
        result = call_app(*arguments)
        assert result.exit_code == 0, result.stderr
        assert not result.stderr
        return result

    return run


def listing(folder: Path) -> dict[Path, tuple[int, int]]:
    """Every file and folder, with size and time of change."""
    states = {path: path.stat() for path in folder.rglob("*")}
    return {
        path: (0, 0) if path.is_dir() else (state.st_size, state.st_mtime_ns)
        for path, state in states.items()
    }


@pytest.fixture
def refuse(here: Path) -> Callable[..., str]:
    """Run a command that must be refused: one sentence, an exit code, and nothing written."""

    def run(*arguments: str | Path, code: int = 1) -> str:
        before = listing(here)
        result = call_app(*arguments)
        assert result.exit_code == code
        sentence = result.stderr
        assert sentence.startswith("Error: ")
        assert sentence.endswith("\n")
        assert sentence.count("\n") == 1
        assert "Traceback" not in sentence + result.stdout
        assert listing(here) == before
        return sentence

    return run


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on digits."""
    folder = tmp_path_factory.mktemp("cli") / "digits"
    result = call_app("train", "digits-2d", "--set", "training.epochs=2", "--out", folder)
    assert result.exit_code == 0, result.stderr
    return folder


@pytest.fixture(scope="session")
def trees(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on a table."""
    folder = tmp_path_factory.mktemp("cli")
    source = make_table(folder / "trees.csv")
    settings = ["--set", "data.labels=kind", "--set", "training.epochs=2"]
    result = call_app("train", "table", "--data", source, *settings, "--out", folder / "trees")
    assert result.exit_code == 0, result.stderr
    return folder / "trees"
