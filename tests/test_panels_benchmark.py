"""Names and figures of `benchmarks/panels.py`, on a few made images."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from isthmus.data import write_images, write_table
from isthmus.recipes import find_recipe, parse_recipe
from isthmus.recipes.evaluation import Evaluation

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """With a set `lungs` of six X-rays of three patients."""
    monkeypatch.syspath_prepend(FOLDER)
    import panels

    names = np.array([f"cxr{number}.png" for number in range(6)])
    write_images(tmp_path / "lungs" / "images", np.zeros((6, 4, 5), np.uint8), names)
    columns = {
        "file": names,
        "split": np.array(["train"] * 4 + ["test"] * 2),
        "patient": np.repeat(["p1", "p2", "p3"], 2),
        "view": np.array(["PA", "AP Supine"] * 3),
        "sex": np.array(["F", "M"] * 3),
        "image_source": np.array(["https://a.org/1"] * 6),
        "image_licence": np.array(["CC BY 4.0"] * 3 + ["CC BY-NC-SA"] * 3),
    }
    write_table(tmp_path / "lungs" / "index.csv", columns)
    monkeypatch.setattr(panels, "find", lambda name: tmp_path / name)
    return panels


def test_folders_say_part_and_patient(
    benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    slices = {"test-brain_1-03": np.zeros((4, 4), np.uint8)}
    monkeypatch.setattr(benchmark, "brain", slices.items)
    sets = tmp_path / "sets"
    benchmark.make(sets)
    made = {path.relative_to(sets).as_posix() for path in sets.rglob("*.png")}
    assert {one for one in made if one.startswith("xrays/PA")} == {
        "xrays/PA/train-p1-cxr0.png",
        "xrays/PA/train-p2-cxr2.png",
        "xrays/PA/test-p3-cxr4.png",
    }
    assert sum(one.startswith("xrays/AP-Supine/") for one in made) == 3
    assert sum(one.startswith("shown/xrays/") for one in made) == 3
    assert "shown/brain-test/test-brain_1-03.png" in made
    assert not any(one.startswith("shown/xrays-test") for one in made)
    with Image.open(sets / "xrays/PA/train-p1-cxr0.png") as image:
        assert image.size == (5, 4)
    assert benchmark.group_and_file("PA/test-p3-cxr4.png") == ("p3", "cxr4")
    with pytest.raises(SystemExit, match=r"'photo\.png' is not one of the names"):
        benchmark.group_and_file("photo.png")


def test_clusters_meet_what_is_known(
    benchmark: ModuleType, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    names = np.array([f"PA/train-p{1 + number // 2}-cxr{number}.png" for number in range(6)])
    table = tmp_path / "assignments.csv"
    write_table(table, {"name": names, "cluster": np.array([0, 1] * 3)})
    benchmark.agreement(table)
    rows = {line.split(" | ")[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "1.000 (1.000 to 1.000)" in rows["| view"]
    assert rows["| view"].split(" | ")[1] == "2"
    assert rows["| where it is from"].split(" | ")[1:3] == ["1", "0.000 (0.000 to 0.000)"]


def test_the_share_of_the_variance_between_groups(benchmark: ModuleType) -> None:
    groups = np.array([0, 0, 1, 1])
    assert benchmark.between(np.column_stack([[1.0, 1, 3, 3], groups])) == 1
    assert benchmark.between(np.column_stack([[1.0, 3, 1, 3], groups])) == 0
    assert benchmark.between(np.column_stack([[0.0, 2, 2, 4], groups])) == pytest.approx(0.5)


def test_errors_are_told_by_patient(
    benchmark: ModuleType,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    names = tuple(f"test-p{number // 2}-cxr{number}.png" for number in range(6))
    dataset = SimpleNamespace(names=("train-p9-cxr9.png", *names))
    parts = SimpleNamespace(train=np.array([0]), test=np.arange(1, 7))
    monkeypatch.setattr(benchmark, "read_recipe", lambda run: SimpleNamespace(data=None))
    monkeypatch.setattr(benchmark, "read_data", lambda settings: (dataset, parts))
    error = np.array([0.1, 0.3] * 3)  # alike in all patients, but not in all images
    columns = {"model": {"mean_squared_error": error}, "PCA": {"mean_squared_error": error + 0.5}}
    Evaluation(columns, None, "", {}).save(tmp_path)
    benchmark.errors(tmp_path)
    shown = capsys.readouterr().out
    assert "1 training, 6 test images of 3 groups" in shown
    assert "| PCA | 0.7 [0.7, 0.7] | 0.5 [0.5, 0.5] |" in shown


@pytest.mark.parametrize("page", ["panels", "shapes"])
def test_the_commands_of_the_pages_are_of_recipes(page: str) -> None:
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8").replace("\\\n", " ")
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    commands = [shlex.split(line, comments=True) for line in lines if " train " in line]
    assert len(commands) >= 3
    for _, _, recipe, *options in commands:
        pairs = zip(options[::2], options[1::2], strict=True)
        changes = [value.replace("$n", "8") for flag, value in pairs if flag == "--set"]
        name, found = find_recipe(recipe)
        parse_recipe(found, name, changes).build_model()
