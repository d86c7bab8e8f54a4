"""``isthmus segment``, ``isthmus score`` and folds at the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from PIL import Image

from isthmus.cli import progress
from isthmus.recipes.runner import start_run
from support.disc_files import RECIPE, disc_recipe, write_discs

from .conftest import Call, call_app

VALUES = ("--value", "background=0", "--value", "disc=1")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on discs."""
    folder = tmp_path_factory.mktemp("discs")
    start_run(disc_recipe(write_discs(folder / "data")), folder / "run")
    return folder / "run"


@pytest.fixture
def scans(here: Path) -> Path:
    """Eight other images, and their label maps beside them."""
    return write_discs(here / "scans", 8, seed=7)


def test_segment_then_score(call: Call, run: Path, scans: Path, here: Path) -> None:
    shown = call("segment", run, scans / "images", "maps", "--spacing", "0.5,2", "--uncertainty")
    assert "Wrote 8 label maps to maps; areas: maps/areas.csv" in shown.stdout
    assert "maps/review.csv" in shown.stdout
    areas = pl.read_csv(here / "maps" / "areas.csv")
    assert areas["area_mm2"].to_list() == areas["pixels"].to_list()
    for path in (here / "maps").glob("*.uncertainty.png"):
        path.unlink()
    (here / "maps" / "p00-0.png").unlink()
    (here / "maps" / "p03-1.png").rename(here / "maps" / "q.png")
    shown = call("score", "maps", scans / "masks", *VALUES, "--groups", r"p(\d+)", "--out", "s.csv")
    lines = shown.stdout.splitlines()
    assert lines[0].split()[:3] == ["Dice", "IoU", "sensitivity"]
    assert lines[3].split() == ["disc", "8", "2", "0", "0"]
    assert "8 cases, means with 95 % intervals by group; distances in pixels" in lines
    assert "2 with no prediction, counted as empty: p00-0, p03-1" in lines
    assert "1 with no reference, not scored: q" in lines
    table = pl.read_csv(here / "s.csv")
    assert lines[1].split()[1] == f"{table['dice'].mean():.4g}"
    assert table["dice"].median() > 0.7  # type: ignore[operator]  # a column of numbers


def test_segment_a_named_set(call: Call, run: Path, here: Path) -> None:
    shown = call("segment", run, "made-lungs", "maps").stdout
    assert "Wrote 60 label maps to maps" in shown
    assert "'made-lungs'" in call_app("segment", run, "made-lung", "other").stderr


def test_score_of_numbered_classes(call: Call, here: Path) -> None:
    data = write_discs(here / "three", 4, classes=3)
    shown = call("score", data / "masks", data / "masks", "--labels", 3)
    names = [line.split("  ")[0] for line in shown.stdout.splitlines()[1:4]]
    assert names == ["class 1", "class 2", "mean of the classes"]
    assert (here / "scores.csv").is_file()


def test_a_bad_image_is_one_line_and_the_others_are_done(run: Path, scans: Path) -> None:
    (scans / "images" / "bad.png").write_bytes(b"no image")
    result = call_app("segment", run, scans / "images", "maps", "--overlay")
    assert result.exit_code == 1
    first, second = result.stderr.splitlines()
    assert first.startswith("left out: ")
    assert "bad.png cannot be read" in first
    assert second == "Error: 1 of 9 images could not be segmented; see above."
    assert len(list(Path("maps").glob("p*.overlay.png"))) == 8


def test_a_log_says_from_time_to_time_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "_EVERY", 0)
    with progress.counting("images") as told:
        told(1, 3)
        told(2, 3)
    assert capsys.readouterr() == ("1 of 3 images\n2 of 3 images\n", "")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--spacing", "0"), "--spacing is a number of mm above 0"),
        (("--spacing", "1,2,3"), "or height,width, not '1,2,3'"),
        (("--masked", "lung"), "knows no class 'lung'"),
        (("--format", "jpg"), "Invalid value for '--format'"),
        (("--with", "nowhere"), "nowhere holds no model"),
    ],
)
def test_segment_refuses(
    refuse: Callable[..., str], run: Path, scans: Path, options: tuple[str, ...], words: str
) -> None:
    code = 2 if "--format" in options else 1
    assert words in refuse("segment", run, scans / "images", "maps", *options, code=code)


def test_score_refuses(refuse: Callable[..., str], scans: Path) -> None:
    masks = scans / "masks"
    assert "name two classes at least" in refuse("score", masks, masks)
    assert "name two classes at least" in refuse("score", masks, masks, "--labels", 1)
    Image.new("L", (3, 3)).save(scans / "images" / "p00-0.png")
    words = refuse("score", scans / "images", masks, "--value", "a=0", "--value", "b=>0")
    assert "p00-0 (3 x 3 instead of 20 x 24)" in words


def test_folds(call: Call, refuse: Callable[..., str], here: Path) -> None:
    write_discs(here / "data", 9)
    (here / "discs.toml").write_text(RECIPE)
    quick = ("--set", "training.epochs=1", "--data", "data")
    shown = call("train", "discs.toml", "--folds", 2, *quick)
    assert "Fold 2 of 2" in shown.stdout
    assert "single folds, mean" in shown.stdout
    assert shown.stdout.endswith("Folds:   runs/discs\nReports: runs/discs/fold-*/report.html\n")
    reports = [here / "runs" / "discs" / f"fold-{number}" / "report.html" for number in (1, 2)]
    assert "images, worst first" in reports[0].read_text()
    assert all(report.is_file() for report in reports)
    written = reports[0].stat().st_mtime_ns
    reports[1].unlink()
    (here / "runs" / "discs" / "fold-2" / "evaluation.json").unlink()
    again = call("train", "runs/discs", "--resume")
    assert reports[1].is_file()
    assert reports[0].stat().st_mtime_ns == written  # a finished fold is left as it is
    table = [text.stdout[text.stdout.index("\nmodel") :] for text in (shown, again)]
    assert table[0].split("seconds")[0] == table[1].split("seconds")[0]
    call("segment", "runs/discs", "data/images", "maps")
    assert "go on with them by --resume" in refuse("train", "runs/discs")
    assert "--folds takes 2 or more" in refuse("train", "discs.toml", "--folds", 1, *quick)
