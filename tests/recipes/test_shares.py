"""Shares in runs of segmenters, and from images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from isthmus.core.errors import DataError, SettingError
from isthmus.metrics import severity
from isthmus.recipes import parse_recipe
from isthmus.recipes.quantify import NOT_FOUND, quantify_files
from isthmus.recipes.runner import Run, reopen_run, start_run
from isthmus.recipes.shares import ShareOf, share_agreement
from isthmus.reports import write_report
from support.organs import NAMES, fitted, organs, write_organs
from support.pages import read_page

RECIPE = """
title = "Organs"
description = "D."
[data]
values = { background = 0, organ = 1, lesion = 2 }
groups = '(p\\d+)'
test = 0.5
[data.shares.involvement]
part = ["lesion"]
whole = ["organ", "lesion"]
severity = "pan"
[model]
kind = "cascade"
[model.first]
network = { kind = "unet", channels = [6, 12] }
code_size = 12
epochs = 6
patches = 48
learning_rate = 0.01
size = 20
[model.second]
network = { kind = "unet", channels = [6, 12] }
code_size = 12
epochs = 4
patches = 48
learning_rate = 0.01
"""
SHARE = ShareOf(part=("lesion",), whole=("organ", "lesion"), severity="pan")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A cascade on organs."""
    folder = tmp_path_factory.mktemp("organs")
    source = write_organs(folder / "data", 32)
    return start_run(parse_recipe(RECIPE, "organs", [f"data.source='{source}'"]), folder / "run")


def test_errors_of_shares_are_scored(run: Run) -> None:
    test, model = run.test, run.model
    maps = model.predict(test.images)

    def percent(label: np.ndarray) -> float:
        whole = int((label > 0).sum())
        return 100 * int((label == 2).sum()) / whole if whole else np.nan

    measured, true = (np.array([percent(one) for one in part]) for part in (maps, test.masks))
    np.testing.assert_allclose(
        run.evaluation.values["model"]["share_error/involvement"], np.abs(measured - true)
    )
    lost = (np.isnan(measured) & ~np.isnan(true)).sum()
    assert run.evaluation.facts["involvement: images whose organ is not found"] == lost
    cases = pl.read_csv(run.folder / "cases.csv")
    assert {"share/involvement", "predicted_share/involvement"} <= set(cases.columns)


def test_the_page_tells_of_both_networks_and_of_the_agreement(run: Run) -> None:
    page = read_page(write_report(run))
    for words in ("first: working size", "second: working size", "Share: involvement"):
        assert words in page.text
    assert "weighted kappa" in page.text
    assert (run.folder / "pictures" / "agreement-involvement.png").is_file()


def test_a_run_is_opened_again(run: Run) -> None:
    again = reopen_run(run.folder)
    np.testing.assert_array_equal(
        again.evaluation.values["model"]["dice"], run.evaluation.values["model"]["dice"]
    )


def test_a_recipe_of_two_runs(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is trained; the run is whole, and finds its models from wherever it is opened."""
    for name, model in fitted().stages.items():
        model.save(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    head = RECIPE.partition("[model.first]")[0] + 'first = "first"\nsecond = "second"\n'
    both = start_run(
        parse_recipe(head, "organs", [f"data.source='{run.recipe.data.source}'"]), tmp_path / "run"
    )
    assert both.recipe.model["first"] == str(tmp_path / "first")
    monkeypatch.chdir("/")
    assert reopen_run(tmp_path / "run").evaluation.table()["model"]["dice"].mean > 0.85
    assert "Share: involvement" in read_page(write_report(both)).text


def test_quantify_writes_what_the_model_sees(tmp_path: Path) -> None:
    fitted().save(tmp_path / "model")
    source = write_organs(tmp_path / "data", 8, seed=4) / "images"
    (source / "bad.png").write_text("no picture")
    out = tmp_path / "out" / "involvement.csv"
    count, lost, problems = quantify_files(tmp_path / "model", source, out, {"share": SHARE})
    table = pl.read_csv(out)
    assert (count, len(problems), len(table)) == (8, 1, 8)
    maps = fitted().predict(organs(8, seed=4)[0])
    assert table["lesion_pixels"].to_list() == [int((one == 2).sum()) for one in maps]
    assert table["organ_pixels"].to_list() == [int((one > 0).sum()) for one in maps]
    for row, one in zip(table.iter_rows(named=True), maps, strict=True):
        if one.any():
            assert row["percent"] == pytest.approx(100 * (one == 2).sum() / (one > 0).sum())
            assert (row["found"], row["severity"]) == ("yes", severity(row["percent"], "pan"))
        else:
            assert row["found"] == NOT_FOUND
            assert np.isnan(row["percent"])
    assert lost == table["found"].to_list().count(NOT_FOUND) == 2


def test_a_cascade_needs_no_named_share(tmp_path: Path) -> None:
    fitted().save(tmp_path / "model")
    source = write_organs(tmp_path / "data", 2, seed=4) / "images"
    quantify_files(tmp_path / "model", source, tmp_path / "i.csv")
    assert pl.read_csv(tmp_path / "i.csv")["share"].to_list() == ["involvement"] * 2


def test_sides_are_told_apart() -> None:
    names = ["background", "right", "left", "glass"]
    share = ShareOf(part=("glass",), whole=("right", "left", "glass"))
    labels = np.array([[1, 1, 3, 1, 0, 0, 2, 2, 2, 3]])
    assert share.percent(labels, names) == pytest.approx(25)
    assert share.sides(labels, names) == {"right": (1, 4), "left": (1, 4)}
    assert share.sides(labels[:, :5], names) == {"right": (1, 4), "left": (0, 0)}
    assert SHARE.sides(labels, [*NAMES, "x"]) == {}
    near = np.array([[1, 0, 3], [0, 0, 0], [0, 0, 2]])  # two pixels from either
    assert share.sides(near, names, (9, 1)) == {"right": (1, 2), "left": (0, 1)}
    assert share.sides(near, names, (1, 9)) == {"right": (0, 1), "left": (1, 2)}


def test_agreement_is_of_the_cases_that_have_both() -> None:
    measured, true = np.array([10, np.nan, 30, 40.0]), np.array([12, 3, np.nan, 38.0])
    found, graded = share_agreement(measured, true, None, "pan")
    assert found is not None
    assert (found.bias.mean, found.bias.cases) == (0, 2)
    assert graded["accuracy"].mean == 1
    assert share_agreement(measured[:2], true[:2], None, "pan") == (None, {})


def test_what_is_refused(run: Run, tmp_path: Path) -> None:
    source = f"data.source='{run.recipe.data.source}'"
    for change, words in [
        ("data.shares.involvement.part=['lesio']", r"'lesio' \(did you mean 'lesion'"),
        ("data.shares.involvement.whole=['organ']", "name 'lesion' in the whole too"),
    ]:
        with pytest.raises(SettingError, match=words):
            start_run(parse_recipe(RECIPE, "organs", [source, change]), tmp_path / "run")
    with pytest.raises(SettingError, match="plan = true is for a segmenter"):
        parse_recipe("plan = true\n" + RECIPE, "organs", ["training.minutes=1"])
    with pytest.raises(SettingError, match=r"a \.csv or .parquet file"):
        quantify_files(run.folder, tmp_path, tmp_path / "x.txt")
    with pytest.raises(
        DataError, match=r"made-chest-cd, nor a data set.*did you mean 'made-chest-ct'"
    ):
        quantify_files(run.folder, "made-chest-cd", tmp_path / "x.csv")
    fitted().first_.save(tmp_path / "plain")
    with pytest.raises(SettingError, match=r"name no shares .* by --part and --whole"):
        quantify_files(tmp_path / "plain", tmp_path, tmp_path / "x.csv")
