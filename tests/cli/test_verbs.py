"""What each verb writes and says."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from isthmus.cli import app
from isthmus.data import write_images
from isthmus.recipes import comparison_names, find_recipe, recipe_names

Call = Callable[..., Result]
Refuse = Callable[..., str]


def test_train_writes_a_run_and_names_its_report(call: Call, table: Path, here: Path) -> None:
    changes = ["--set", "data.labels=kind", "--set", "training.epochs=1", "--minutes", "5"]
    shown = call("train", "table", "--data", "t.csv", *changes).stdout
    assert "Training for 1 epochs of" in shown
    assert "Report: runs/table/report.html" in shown
    assert "8 test samples, means with 95 % intervals" in shown
    for method in ("model", "PCA", "untrained network", "mean sample"):
        assert method in shown
    names = {path.name for path in (here / "runs/table").iterdir()}
    assert names >= {"recipe.toml", "metrics.jsonl", "model", "report.html", "pictures"}
    text = (here / "runs/table/recipe.toml").read_text()
    assert "minutes = 5.0" in text
    assert f'source = "{here / "t.csv"}"' in text
    call("train", "table", "--data", "t.csv", *changes)
    assert (here / "runs/table-2/report.html").exists()


def test_train_goes_on_with_the_newest_run(call: Call, here: Path) -> None:
    changes = ["--set", "training.epochs=1", "--set", "data.limit=50"]
    call("train", "digits-2d", *changes)
    time.sleep(0.01)
    call("train", "digits-2d", *changes)
    more = ["--set", "training.epochs=2", "--resume"]
    assert "Going on with runs/digits-2d-2" in call("train", "digits-2d", *more).stdout
    shown = call("train", "runs/digits-2d", *more).stdout
    assert "Going on with runs/digits-2d\n" in shown
    assert "of which 1 are done" in shown
    assert sorted(path.name for path in (here / "runs").iterdir()) == ["digits-2d", "digits-2d-2"]


def test_a_copied_recipe_can_be_trained(call: Call, here: Path) -> None:
    assert "isthmus train my.toml" in call("recipes", "cp", "digits-2d", "my.toml").stdout
    call("train", "my.toml", "--set", "training.epochs=0", "--out", "there/run")
    assert (here / "there/run/report.html").exists()


def test_recipes(call: Call, refuse: Refuse, here: Path) -> None:
    listed = call("recipes", "ls").stdout.splitlines()
    assert [line.split()[0] for line in listed] == [*recipe_names(), *comparison_names()]
    for name in recipe_names():
        assert call("recipes", "show", name).stdout == find_recipe(name)[1]
    (here / "mine").mkdir()
    call("recipes", "cp", "table", "mine")
    assert (here / "mine/table.toml").read_text() == find_recipe("table")[1]
    assert "exists already" in refuse("recipes", "cp", "table", "mine")


def test_evaluate_scores_anew(call: Call, digits: Path) -> None:
    before = (digits / "evaluation.json").read_text()
    (digits / "report.html").unlink()
    shown = call("evaluate", digits).stdout
    assert f"Report: {digits / 'report.html'}" in shown
    assert (digits / "report.html").exists()
    assert (digits / "evaluation.json").read_text() == before
    assert "1797 other samples" in call("evaluate", digits, "--data", "digits").stdout
    assert (digits / "evaluation.json").read_text() == before


def test_compare_pairs_the_same_samples(call: Call, digits: Path, trees: Path) -> None:
    change = ["--set", "model.code_size=8", "--set", "training.epochs=2"]
    call("train", "digits-2d", *change, "--out", "wide")
    shown = call("compare", digits, "wide").stdout
    assert f"squared error, per sample: wide minus {digits} is -" in shown
    assert "over 359 paired samples" in shown
    assert shown.count("its PCA") == 2
    shown = call("compare", digits, trees).stdout
    assert "no paired difference" in shown
    assert "binary cross-entropy" not in shown  # only one of them has it
    shown = call("compare", digits, digits).stdout
    assert "is 0 [0, 0]" in shown


def test_panels_of_images(
    call: Call, refuse: Refuse, trees: Path, digits: Path, here: Path
) -> None:
    assert call("reconstruct", digits, "digits", "p.png", "--panels").stdout.startswith("Drew 8")
    first = (here / "p.png").read_bytes()
    with Image.open(here / "p.png") as picture:
        assert np.ptp(np.asarray(picture)) > 200
    call("reconstruct", digits, "digits", "p.png", "--panels")
    assert (here / "p.png").read_bytes() == first
    assert "ends in .png" in refuse("reconstruct", digits, "digits", "p", "--panels")
    assert "tables" in refuse("reconstruct", trees, "trees.csv", "t.png", "--panels")
    assert not (here / "t.png").exists()


def test_encode_decode_reconstruct(call: Call, trees: Path, digits: Path, here: Path) -> None:
    source = trees.parent / "trees.csv"
    assert call("encode", trees, source, "c.csv").stdout == "Wrote 40 codes of 2 units to c.csv\n"
    assert call("decode", trees, "c.csv", "d.csv").stdout == "Wrote 40 samples to d.csv\n"
    assert call("reconstruct", trees, source, "r.parquet").stdout.startswith("Wrote 40 samples")
    np.testing.assert_allclose(
        pl.read_csv("d.csv").to_numpy(), pl.read_parquet("r.parquet").to_numpy(), rtol=1e-4
    )
    call("encode", digits, "digits", "digits.npy")
    call("decode", digits, "digits.npy", "pictures")
    assert len(list((here / "pictures").glob("*.png"))) == 1797


def test_data_ls(call: Call) -> None:
    shown = call("data", "ls").stdout
    header = ["name", "samples", "shape", "label", "maps", "licence", "found", "in"]
    assert shown.splitlines()[0].split() == header
    for words in ("digits", "mnist", "70,000", "8 x 8", "any size", "background, lung"):
        assert words in shown


def test_data_check(call: Call, refuse: Refuse, table: Path, photos: Path) -> None:
    assert "can be used" in call("data", "check", "t.csv", "--labels", "kind").stdout
    assert refuse("data", "check", "t.csv") == "Error: t.csv has 1 problem to mend.\n"
    shown = CliRunner().invoke(app, ["data", "check", "t.csv"]).stdout
    assert shown.startswith("problem: t.csv: the column 'kind'")
    write_images(photos / "large", np.zeros((2, 9, 9), np.uint8), ["a", "b"])
    assert "1 problem to mend" in refuse("data", "check", "photos")
    shown = call("data", "check", "photos", "--size", "8", "--grey").stdout
    assert "note: large/b.png is an exact copy of large/a.png" in shown
    assert "photos can be used." in shown


def test_data_check_of_label_maps(call: Call, refuse: Refuse, here: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 6, 5), np.uint8)
    labels = np.zeros((2, 6, 5), np.uint8)
    labels[:, :3], labels[0, 0] = 7, 9
    write_images(here / "set" / "images", pixels, ["a", "b"])
    write_images(here / "set" / "labels", labels, ["a", "b"])
    (here / "set" / "index.csv").write_text("file,split,eye\na,train,1\nb,test,2\n")
    given = ("data", "check", "set", "--masks", "labels", "--groups", "eye")
    shown = call(*given, "--value", "iris=0", "--value", "lens=7", "--ignore", "9").stdout
    assert [line.split() for line in shown.splitlines()] == [
        ["share", "of", "pixels", "masks", "all", "train", "test"],
        ["(ignored)", "1", "8.33%", "16.67%", "0.00%"],
        ["iris", "2", "50.00%", "50.00%", "50.00%"],
        ["lens", "2", "41.67%", "33.33%", "50.00%"],
        ["set", "can", "be", "used."],
    ]
    assert "(ignored)" not in call(*given, "--value", "iris=0", "--value", "lens=7,9").stdout
    assert "1 problem to mend" in refuse(*given, "--value", "iris=0", "--value", "lens=7")
    assert "two classes at least" in refuse(*given)
    assert "such as lung=255, not 'iris'" in refuse(*given, "--value", "iris")
    assert "--labels and --size" in refuse(*given, "--size", "8")
    shown = CliRunner().invoke(app, ["data", "check", "set"]).stdout
    assert "--value background=0" in shown


def test_data_get_of_a_bundled_set(call: Call) -> None:
    assert "digits is in" in call("data", "get", "digits").stdout


def test_a_long_training_shows_where_it_stands(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("isthmus.cli.progress._EVERY", 0.0)
    shown = call("train", "digits-2d", "--set", "training.epochs=2").stdout
    assert "epoch 1 of 2: loss " in shown
    assert ", validation " in shown


def test_a_table_is_parted_in_a_narrow_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from isthmus.cli.tables import show_table

    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    show_table(["", "first one", "second"], [["model", "1", "2"], ["PCA", "3", "4"]])
    assert capsys.readouterr().out.splitlines() == [
        "       first one",
        "model          1",
        "PCA            3",
        "       second",
        "model       2",
        "PCA         4",
    ]


def test_a_table_with_names_and_gaps(call: Call, refuse: Refuse, here: Path) -> None:
    rows = [f"{i % 7},{'oak' if i % 3 else 'ash'},{'' if i == 5 else i}" for i in range(40)]
    (here / "t.csv").write_text("\n".join(["a,kind,b", *rows]))
    settings = ["--set", "data.categories=['kind']", "--set", "data.missing=median"]
    shown = call("train", "table", "--data", "t.csv", *settings, "--set", "training.epochs=1")
    assert "gaps filled with the median of the column: 1" in shown.stdout
    # A file in which a name does not occur has the columns of the training all the same, and a gap
    # is filled with the median of the training.
    (here / "few.csv").write_text("b,kind,a\n,oak,1\n")
    (here / "same.csv").write_text(f"b,kind,a\n{np.median([*range(5), *range(6, 40)])},oak,1\n")
    for name in ("few", "same"):
        call("encode", "runs/table", f"{name}.csv", f"{name}.npy")
    np.testing.assert_array_equal(np.load(here / "few.npy"), np.load(here / "same.npy"))
    (here / "new.csv").write_text("b,kind,a\n1,elm,1\n")
    sentence = refuse("encode", "runs/table", "new.csv", "new.npy")
    assert "the column 'kind' holds 'elm', which no row had" in sentence
