"""`isthmus outliers`: what it writes and says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image
from typer.testing import Result

from cli.conftest import make_images
from isthmus.data import write_images

Call = Callable[..., Result]
Refuse = Callable[..., str]


def test_a_table(call: Call, refuse: Refuse, trees: Path, here: Path) -> None:
    source = trees.parent / "trees.csv"
    shown = call("outliers", trees, source, "out.csv", "--false-alarms", "0.25").stdout
    assert "Wrote 40 scores to out.csv; " in shown
    assert "20.00% false alarms expected, by 4 held-out samples" in shown
    table = pl.read_csv("out.csv")
    assert set(table["feature_1"]) <= {"length", "width", "mass"}
    assert set(table["class"]) == {"ash", "oak"}
    assert [path.name for path in here.iterdir()] == ["out.csv"]
    sentence = refuse("outliers", trees, source, "codes.npy")
    assert "written to .csv or .parquet" in sentence
    assert "false_alarms" in refuse("outliers", trees, source, "x.csv", "--false-alarms", "2")
    assert "--normal" in refuse("outliers", trees / "model", source, "x.csv")


@pytest.mark.parametrize("colour", [False, True])
def test_a_folder_of_images(call: Call, here: Path, colour: bool) -> None:
    if colour:
        pixels = np.random.default_rng(0).integers(0, 256, (20, 3, 8, 8), np.uint8)
        write_images(here / "photos", pixels, [f"{number:02d}" for number in range(20)])
    else:
        make_images(here / "photos")
    changes = ["--set", "training.epochs=1", "--set", "model.code_size=4", "--out", "run"]
    call("train", "images", "--data", "photos", *changes)
    shown = call("outliers", "run", "photos", "found/out.csv").stdout
    assert "Strangest images: found/out-strangest.png" in shown
    assert pl.read_csv("found/out.csv", schema_overrides={"name": pl.String})["name"][3] == "03.png"
    with Image.open("found/out-strangest.png") as sheet:
        assert sheet.width > 1000
