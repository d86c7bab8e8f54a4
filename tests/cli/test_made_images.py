"""Segmentation without any data: images that are made."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from typer.testing import Result

Call = Callable[..., Result]


def test_data_make(call: Call, refuse: Callable[..., str], here: Path) -> None:
    shown = call("data", "make", "made-scenes", "set", "--count", "6", "--size", "40").stdout
    command = shown.partition("isthmus ")[2].replace("'", "").split()
    assert "set can be used." in call(*command).stdout
    assert len(list((here / "set" / "images").glob("*.png"))) == 6
    assert "not an empty folder" in refuse("data", "make", "made-scenes", "set")
    assert "did you mean 'made-cells'" in refuse("data", "make", "made-cell", "new")
    assert "32 pixels a side" in refuse("data", "make", "made-cells", "new", "--size", "0")


def test_data_ls_and_check(call: Call) -> None:
    rows = [line for line in call("data", "ls").stdout.splitlines() if line.startswith("made-")]
    assert len(rows) == 9
    assert all(row.endswith("made when asked for") for row in rows)
    assert "made-lungs can be used." in call("data", "check", "made-lungs").stdout


def test_a_demonstration_of_segmentation(call: Call, here: Path) -> None:
    quick = (
        "model.network.channels=[8,16]",
        "model.code_size=16",
        "model.size=48",
        "model.patch_size=48",
        "model.patches=48",
        "training.epochs=4",
        "training.learning_rate=0.01",
    )
    call("train", "segment-demo", *(word for one in quick for word in ("--set", one)))
    table = json.loads((here / "runs" / "segment-demo" / "evaluation.json").read_text())["table"]
    dice = {method: row["dice"]["mean"] for method, row in table.items()}
    assert dice["model"] > 0.8
    assert dice["model"] > max(dice[method] for method in dice if method != "model")
    shown = call("evaluate", "runs/segment-demo", "--data", "made-lungs").stdout
    assert "60 other samples" in shown
