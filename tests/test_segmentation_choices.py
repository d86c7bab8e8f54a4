"""What `python benchmarks/segmentation_choices.py` trains and prints."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import isthmus
from isthmus.recipes import find_recipe, parse_recipe
from isthmus.recipes.evaluation import Evaluation
from isthmus.recipes.predicting import score_maps
from isthmus.recipes.runner import read_recipe
from isthmus.recipes.segmentation import read_data
from support.discs import RECIPE, write_discs

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"
MEANT = {
    "small": ("network", "kind"),
    "windows": ("network", "kind"),
    "tversky": ("loss", "kind"),
    "focal": ("loss", "kind"),
    "boundary_cross_entropy": ("loss", "kind"),
}


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(FOLDER)
    import segmentation_choices

    return segmentation_choices


def test_every_choice_is_what_its_name_says(benchmark: ModuleType) -> None:
    names = set()
    for choice in benchmark.CHOICES:
        recipe = parse_recipe(find_recipe(choice.recipe)[1], choice.recipe, choice.changes)
        what = choice.name.split()[-1]
        names.add(what)
        if what in MEANT:
            part, key = MEANT[what]
            assert recipe.model[part][key] == what
        assert recipe.build_model().task == "segmentation"
    assert names == {*MEANT, "recipe", "supervision"}


def test_choices_are_trained_once_and_scored_on_each_part(
    benchmark: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "r.toml").write_text(RECIPE)
    path, source = str(tmp_path / "r.toml"), write_discs(tmp_path / "scans", 20)
    own = benchmark.CHOICES[5]
    choices = (benchmark.Choice("as it is", path), benchmark.Choice("more", path, own.changes))
    monkeypatch.setattr(benchmark, "CHOICES", choices)
    changed = [f"data.source='{source}'", "data.validation=0.3"]
    words = [word for change in changed for word in ("--set", change)]
    common = ["choices", "--minutes", "0.005", *words, "--out", str(tmp_path / "out")]
    shown = []
    for options in ([], ["--test"]):
        monkeypatch.setattr("sys.argv", [*common, *options])
        benchmark.main()
        shown.append(capsys.readouterr().out)
    assert "Training for" in shown[0]
    assert "Training for" not in shown[1]  # what is there is not trained again
    for part, text in zip(("validation", "test"), shown, strict=True):
        header, _, *rows = [line for line in text.splitlines() if line.startswith("| ")]
        assert f"Dice, {part}" in header
        cells = [[cell.strip() for cell in row.strip("| ").split("|")] for row in rows]
        assert [row[1] for row in cells] == ["as it is", "more", *benchmark._BASELINES]
        for name, row in zip(("as-it-is", "more"), cells, strict=False):
            folder = benchmark.folder_of(tmp_path / "out", path, name.replace("-", " "))
            dataset, parts = read_data(read_recipe(folder).data)
            held_out = dataset.subset(getattr(parts, part))
            maps = isthmus.load(folder).predict(held_out.images)
            dice = [case.mean("dice") for case in score_maps(maps, held_out)]
            assert row[2].startswith(f"{np.mean(dice):.4g}")
            assert Evaluation.load(folder).part == "test"
