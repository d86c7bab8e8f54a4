"""Recipes that leave settings to the planner."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from isthmus.cli.progress import LineProgress
from isthmus.core.errors import SettingError
from isthmus.models.planner import PLANNED, SegmenterPlan
from isthmus.recipes import Recipe, find_recipe, instances, parse_recipe, segmentation
from isthmus.recipes.runner import reopen_run, start_run
from isthmus.training import Observer
from support.discs import discs
from support.touching import touching_recipe, write_touching

SHORT = ("training.minutes=0.02", "data.values={background = 0, disc = 255}")


def segment(*changes: str, name: str = "segment") -> Recipe:
    return parse_recipe(find_recipe(name)[1], name, changes)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Images of discs and their masks."""
    for number, (image, mask) in enumerate(zip(*discs(20), strict=True)):
        for part, pixels in (("images", image), ("masks", 255 * mask)):
            (tmp_path / "discs" / part).mkdir(parents=True, exist_ok=True)
            path = tmp_path / "discs" / part / f"{number:02d}.png"
            Image.fromarray(pixels.astype(np.uint8)).save(path)
    return tmp_path / "discs"


class Listener(Observer):
    """Keeps what it is told."""

    text = ""

    def told(self, text: str) -> None:
        self.text += text


def test_a_run_keeps_what_was_planned_and_needs_no_other_plan(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    listener = Listener()
    recipe = segment(f"data.source='{folder}'", "model.code_size=12", *SHORT)
    run = start_run(recipe, tmp_path / "run", observers=[listener, LineProgress()])
    kept = tomllib.loads((tmp_path / "run" / "recipe.toml").read_text())
    assert "plan" not in kept
    assert kept["model"]["code_size"] == run.model.code_size == 12
    assert kept["training"]["minutes"] == 0.02
    assert kept["training"]["epochs"] == run.model.epochs
    assert tuple(kept["model"]["network"]["channels"]) == run.model.network["channels"]
    lines = kept["description"].splitlines()
    assert any(line.startswith("patch_size = ") for line in lines)
    assert all(line in listener.text or line in recipe.description for line in lines)
    assert "Training should end at" in listener.text
    assert capsys.readouterr().out.startswith(listener.text + "\nTraining for ")
    monkeypatch.setattr(segmentation, "plan_segmenter", None)
    again = start_run(parse_recipe(run.recipe.to_toml(), "again"), tmp_path / "again")
    assert again.model.get_params() == run.model.get_params()
    assert reopen_run(tmp_path / "run").recipe == run.recipe


def test_a_plan_of_single_objects_goes_by_their_pixel_classes(tmp_path: Path) -> None:
    changes = ("plan=true", "training.minutes=0.02", "model.patch_size=32")
    recipe = touching_recipe(write_touching(tmp_path / "data"), *changes)
    left = {**recipe.model, **recipe.training}
    dataset, parts = instances.read_data(recipe.data)
    plan = instances.plan(recipe, dataset, parts)
    assert plan.settings["size"] is None  # borders are thin, so that images keep their size
    assert {"size", "batch_size", "patches", "precision"} < set(plan.settings) - left.keys()
    whole = recipe.planned(plan)
    assert whole.model["borders"] == recipe.model["borders"]
    model = whole.build_model()
    assert (model.kind, model.patch_size) == ("instance_segmenter", 32)
    assert model.batch_size == plan.settings["batch_size"]


def test_only_what_is_not_stated_is_left_open() -> None:
    assert not set(PLANNED) & {*segment().model, *segment().training}
    stated = segment("model.size=320", "training.epochs=7")
    left = set(PLANNED) - {*stated.model, *stated.training}
    assert left == set(PLANNED) - {"size", "epochs"}
    by_hand = segment("plan=true", "training.minutes=5", name="lungs")
    assert set(PLANNED) - {*by_hand.model, *by_hand.training} == {"patch_size"}
    plan = SegmenterPlan({"patch_size": 64, "minutes": 5.0}, ("patch_size = 64: why",), 1.0)
    whole = by_hand.planned(plan)
    assert (whole.plan, whole.model["patch_size"]) == (False, 64)
    assert whole.training == segment("training.minutes=5", name="lungs").training


@pytest.mark.parametrize(
    ("recipe", "changes"),
    [("mnist-32", ["training.minutes=1"]), ("lungs", [])],
)
def test_a_plan_needs_a_segmenter_and_a_time(recipe: str, changes: list[Any]) -> None:
    with pytest.raises(SettingError, match="plan = true is for a segmenter with a time"):
        segment("plan=true", *changes, name=recipe)
