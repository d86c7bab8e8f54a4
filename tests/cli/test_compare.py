"""``isthmus compare`` with a comparison: one argument, many models."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner, Result

from isthmus.cli import app
from isthmus.recipes import find_comparison
from isthmus.recipes.comparing import _Work

Call = Callable[..., Result]
Refuse = Callable[..., str]
TWO = """
title = "Two models"
description = "To test with."
seeds = [0, 1]

[data]

[shared]
code_size = 2
network = "one_layer"
epochs = 1

[models.plain]
kind = "autoencoder"

[models.sparse]
kind = "sparse_autoencoder"
method = "top_k"
sparsity = 0.5
"""
NAMES = ["plain", "sparse", "PCA", "untrained network"]
ON_TABLE = ("two.toml", "--data", "t.csv")
LABELLED = ("--set", "data.labels=kind")


@pytest.fixture
def two(here: Path) -> Path:
    """``two.toml``."""
    (here / "two.toml").write_text(TWO)
    return here / "two.toml"


def test_a_comparison_is_trained_and_printed(
    call: Call, two: Path, table: Path, here: Path
) -> None:
    shown = call("compare", *ON_TABLE, *LABELLED).stdout.splitlines()
    told = [f"{number} of 4: " for number in (1, 2, 3, 4)]
    for line, start in zip(shown, told, strict=False):
        assert line.startswith(start)
        assert "squared error" in line
        assert line.endswith(" seconds")
    assert shown[0].startswith("1 of 4: plain, seed 0: ")
    header, rows = shown[4], shown[5:9]
    for title in ("squared error, per sample", "linear probe accuracy", "k-means accuracy"):
        assert title in header
    for title in ("active units", "probe accuracy on noisy samples", "parameters", "seconds"):
        assert title in header
    assert [row.partition("  ")[0] for row in rows] == NAMES
    assert all(row.count("[") == 5 for row in rows)
    assert shown[9:] == [
        "8 test samples, 2 seeds; means with 95 % intervals over both",
        "Table: runs/two/comparison.csv",
    ]
    written = list(csv.DictReader((here / "runs/two/comparison.csv").read_text().splitlines()))
    assert [row["model"] for row in written] == NAMES
    assert "probe_accuracy_low" in written[0]
    assert f'source = "{table}"' in (here / "runs/two/comparison.toml").read_text()


def test_it_goes_on_by_its_folder(call: Call, two: Path, table: Path, here: Path) -> None:
    pl.read_csv(table).drop("kind").write_csv("n.csv")
    first = call("compare", "two.toml", "--data", "n.csv", "--out", "there/mine").stdout
    assert "accuracy" not in first
    assert "active units" in first
    (here / "there/mine/sparse-1.npz").unlink()
    again = call("compare", "there/mine").stdout.splitlines()
    assert again[0] == "Of 4 trainings 3 are done"
    assert again[1].startswith("4 of 4: sparse, seed 1: ")
    assert [line.split("  ")[0] for line in again[3:7]] == NAMES
    assert again[-1] == "Table: there/mine/comparison.csv"
    more = call("compare", "there/mine", "--set", "shared.epochs=2").stdout
    assert more.count(", seed ") == 4
    assert not (here / "runs").exists()


def test_ctrl_c_says_what_is_kept(
    call: Call, two: Path, table: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = _Work.train

    def interrupted(self: _Work, name: str, seed: int) -> object:
        if (name, seed) == ("plain", 1):
            raise KeyboardInterrupt
        return train(self, name, seed)

    with monkeypatch.context() as patched:
        patched.setattr(_Work, "train", interrupted)
        result = CliRunner().invoke(app, ["compare", *ON_TABLE, *LABELLED])
    assert result.exit_code == 130
    assert result.stderr == (
        "Stopped after 2 of 4 trainings, which are kept in runs/two; give the same command again"
        " to go on.\n"
    )
    assert "Of 4 trainings 2 are done" in call("compare", *ON_TABLE, *LABELLED).stdout


def test_recipes_shows_and_copies_a_comparison(call: Call, here: Path) -> None:
    listed = call("recipes", "ls").stdout
    assert "\nfamily " in listed
    assert call("recipes", "show", "family").stdout == find_comparison("family")[1]
    assert "isthmus compare my.toml" in call("recipes", "cp", "family", "my.toml").stdout
    assert (here / "my.toml").read_text() == find_comparison("family")[1]


def test_what_is_one_for_the_other(refuse: Refuse, two: Path, digits: Path, table: Path) -> None:
    for name in ("family", "two.toml"):
        assert f"isthmus compare {name}" in refuse("train", name)
    assert "isthmus train digits-2d" in refuse("compare", "digits-2d")
    sentence = refuse("compare", digits)
    assert "two or more runs" in sentence
    assert "family" in sentence
    assert "did you mean 'family'" in refuse("compare", "famly")
    assert "There is no recipe 'famly'" in refuse("recipes", "show", "famly")


def test_bad_comparisons(refuse: Refuse, two: Path, table: Path) -> None:
    assert "--data PATH" in refuse("compare", "two.toml")
    assert "did you mean 'epochs'" in refuse("compare", *ON_TABLE, "--set", "shared.epoch=1")
    assert "a.b=c" in refuse("compare", *ON_TABLE, "--set", "shared")
    two.write_text("this is prose")
    assert "two is not valid TOML" in refuse("compare", *ON_TABLE)
    two.write_text(TWO.replace("models.", "modles."))
    assert "did you mean 'models'" in refuse("compare", *ON_TABLE)


def test_runs_are_compared_as_they_are(refuse: Refuse, digits: Path) -> None:
    for option in (["--data", "t.csv"], ["--set", "shared.epochs=1"]):
        assert "--data and --set belong" in refuse("compare", digits, digits, *option)
    assert "give a .png, not 'there'" in refuse("compare", digits, digits, "--out", "there")
    assert "exists and holds no comparison" in refuse("compare", "family", "--out", digits)
