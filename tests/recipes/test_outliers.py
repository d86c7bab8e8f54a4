"""Outliers of files: who tells what is usual, and what is written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.frozen import FrozenEstimator

import isthmus
from isthmus.core.errors import DataError, IsthmusError, SettingError
from isthmus.latent.outliers import OutlierDetector
from isthmus.recipes import parse_recipe
from isthmus.recipes.autoencoding import read_data
from isthmus.recipes.outliers import find_outliers
from isthmus.recipes.runner import Run, start_run
from support.recipes import RECIPE

COLUMNS = ["long", "wide", "heavy"]


def rows(count: int, seed: int = 0) -> np.ndarray:
    """Three numbers that hang together."""
    generator = np.random.default_rng(seed)
    size = generator.normal(size=(count, 1))
    return size * [1, 2, -30] + generator.normal(0, 0.1, (count, 3)) * [1, 2, 30]


def write(path: Path, values: np.ndarray) -> Path:
    pl.DataFrame(dict(zip(COLUMNS, values.T, strict=True))).write_csv(path)
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run on a table, with 100 validation samples."""
    folder = tmp_path_factory.mktemp("outliers")
    source = write(folder / "usual.csv", rows(500))
    changes = [f"data.source='{source}'", "data.validation=0.2", "model.code_size=1"]
    changes += ["training.epochs=30", "training.learning_rate=0.01"]
    return start_run(parse_recipe(RECIPE, "rows", changes), folder / "run")


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """Usual rows, and after them three whose column `wide` does not suit the others."""
    strange = rows(3, seed=2)
    strange[:, 1] += 12
    return write(tmp_path / "odd.csv", np.concatenate([rows(60, seed=1), strange]))


def test_strange_rows_and_the_columns_that_make_them_so(
    run: Run, odd: Path, tmp_path: Path
) -> None:
    found = find_outliers(run.folder, str(odd), tmp_path / "out.csv")
    table = pl.read_csv(tmp_path / "out.csv")
    shares = [f"{kind}_{rank}" for rank in (1, 2, 3) for kind in ("feature", "share")]
    assert table.columns == ["row", "score", "outlier", *shares]
    assert table["row"].to_list() == list(range(1, 64))
    assert table["outlier"][-3:].all()
    assert table["outlier"][:60].sum() <= 4
    assert set(table["feature_1"][-3:]) == {"wide"}
    np.testing.assert_allclose(table.select("^share_.*$").sum_horizontal(), 1, rtol=1e-5)
    assert (table["share_1"] >= table["share_2"]).all()
    np.testing.assert_allclose(table["score"], found.scores)
    assert set(found.strangest(3)) == {60, 61, 62}
    assert len(found.detector.calibration_scores_) == 100
    assert found.detector.false_alarms == 0.01


def test_a_run_is_calibrated_on_its_own_held_out_rows(run: Run, odd: Path, tmp_path: Path) -> None:
    found = find_outliers(run.folder, str(odd), tmp_path / "out.csv", false_alarms=0.1)
    dataset, parts = read_data(run.recipe.data)
    frozen = FrozenEstimator(isthmus.load(run.folder))
    expected = OutlierDetector(autoencoder=frozen, false_alarms=0.1).fit(
        dataset.samples[parts.train], validation=dataset.samples[parts.validation]
    )
    np.testing.assert_allclose(found.detector.offset_, expected.offset_)
    np.testing.assert_allclose(
        found.detector.calibration_scores_, expected.calibration_scores_, rtol=1e-4, atol=1e-5
    )


def test_a_model_is_told_what_is_usual(run: Run, odd: Path, tmp_path: Path) -> None:
    model, out = run.folder / "model", tmp_path / "out.parquet"
    with pytest.raises(SettingError, match=r"without its data.*--normal"):
        find_outliers(model, str(odd), out)
    usual = write(tmp_path / "more.csv", rows(400, seed=3))
    found = find_outliers(model, str(odd), out, normal=str(usual))
    assert len(found.detector.calibration_scores_) == 80
    assert pl.read_parquet(out)["outlier"][-3:].all()


def test_a_saved_detector_keeps_its_rate_unless_told(run: Run, odd: Path, tmp_path: Path) -> None:
    first = find_outliers(run.folder, str(odd), tmp_path / "a.csv", false_alarms=0.2)
    first.detector.save(tmp_path / "detector")
    again = find_outliers(tmp_path / "detector", str(odd), tmp_path / "b.csv")
    assert (tmp_path / "a.csv").read_text() == (tmp_path / "b.csv").read_text()
    fewer = find_outliers(tmp_path / "detector", str(odd), tmp_path / "c.csv", false_alarms=0.05)
    assert fewer.flags.sum() <= again.flags.sum()
    assert fewer.detector.offset_ < again.detector.offset_


def test_what_cannot_be_done_is_refused_and_nothing_written(
    run: Run, odd: Path, tmp_path: Path
) -> None:
    before = sorted(tmp_path.iterdir())
    other = run.folder.parent / "other.csv"
    pl.DataFrame({"long": [1.0, 2.0]}).write_csv(other)
    for out, source, options, message in (
        ("out.npy", odd, {}, "written to .csv or .parquet"),
        ("odd.csv", odd, {}, "is what is read"),
        ("out.csv", other, {}, "no column 'wide'"),
        ("out.csv", odd, {"false_alarms": 0}, "outliers: false_alarms"),
        ("out.csv", odd, {"normal": "nowhere.csv"}, "no file or folder 'nowhere.csv'"),
    ):
        with pytest.raises(IsthmusError, match=message):
            find_outliers(run.folder, str(source), tmp_path / out, **options)
    assert sorted(tmp_path.iterdir()) == before


def test_a_run_that_held_nothing_out_sets_no_threshold(odd: Path, tmp_path: Path) -> None:
    changes = [f"data.source='{odd}'", "data.validation=0", "training.epochs=0"]
    start_run(parse_recipe(RECIPE, "rows", changes), tmp_path / "run")
    with pytest.raises(SettingError, match=r"held no validation samples out.*--normal"):
        find_outliers(tmp_path / "run", str(odd), tmp_path / "out.csv")


# -- classes ----------------------------------------------------------------------------------


def test_a_run_on_one_class_scores_all(tmp_path: Path) -> None:
    y = np.arange(300) % 10 == 0
    X = rows(300)
    X[y, 0] += 20
    np.savez(tmp_path / "x.npz", X=X, y=y.astype(int))
    changes = [f"data.source='{tmp_path / 'x.npz'}'", "data.classes=[0]", "training.epochs=20"]
    run = start_run(parse_recipe(RECIPE, "rows", changes), tmp_path / "run")
    assert len(run.dataset) == (~y).sum()
    assert run.dataset.labels is None
    assert parse_recipe((run.folder / "recipe.toml").read_text(), "r").data.classes == ("0",)
    find_outliers(run.folder, str(tmp_path / "x.npz"), tmp_path / "out.csv", false_alarms=0.05)
    table = pl.read_csv(tmp_path / "out.csv")
    np.testing.assert_array_equal(table["class"], y)
    assert table.filter(pl.col("class") == 1)["outlier"].all()
    assert "x0" in set(table["feature_1"])


def test_classes_that_are_not_there() -> None:
    with pytest.raises(DataError, match=r"digits has no class '11'.*its classes are 0, 1, 2"):
        read_data(parse_recipe(RECIPE, "r", ["data.source=digits", "data.classes=[11]"]).data)
    with pytest.raises(SettingError, match=r"data\.classes"):
        parse_recipe(RECIPE, "r", ["data.classes=[]"])
    with pytest.raises(SettingError, match=r"data\.classes"):
        parse_recipe(RECIPE, "r", ["data.classes=4"])
