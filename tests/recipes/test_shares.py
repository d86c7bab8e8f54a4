"""Shares of some classes in others, from a recipe to the files of a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from isthmus.core.errors import SettingError
from isthmus.data import PairSet
from isthmus.metrics import agreement, share
from isthmus.recipes.evaluation import Evaluation
from isthmus.recipes.folds import train_folds
from isthmus.recipes.runner import Run, start_run
from isthmus.recipes.segment import SHARES, Wanted, segment_files
from isthmus.recipes.shares import (
    LEARNT,
    ORACLE,
    OTSU,
    measured,
    share_columns,
    share_details,
    share_facts,
    threshold_methods,
)
from support.disc_files import disc_recipe, write_discs

VALUES = "data.values={ background = 0, pale = 1, bright = 2 }"
ASKED = 'data.shares={ bright = { part = ["bright"], of = ["pale", "bright"] } }'
OF = {"bright": {"part": ["bright"], "of": ["pale", "bright"]}}
THRESHOLDS = {ORACLE, LEARNT, OTSU}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run on two kinds of discs, whose share is asked for."""
    folder = tmp_path_factory.mktemp("shares")
    source = write_discs(folder / "data", classes=3)
    return start_run(disc_recipe(source, VALUES, ASKED), folder / "run")


def test_every_method_has_an_error_of_the_share(run: Run) -> None:
    values = run.evaluation.values
    maps = run.model.predict(run.test.images)
    own = np.nan_to_num([share(map_, [2], [1, 2]) for map_ in maps])
    true = np.array([share(mask, [2], [1, 2]) for mask in run.test.masks])
    np.testing.assert_allclose(values["model"]["share_error/bright"], np.abs(own - true))
    assert {*values} == {"model", "untrained network", "most frequent class", *THRESHOLDS}
    for method in THRESHOLDS:
        assert {*values[method]} == {"share_error/bright", "dice/bright"}
    error = {method: columns["share_error/bright"].mean() for method, columns in values.items()}
    assert error["model"] < error["untrained network"]
    facts, expected = run.evaluation.facts, agreement(own, true)
    assert facts["bright: bias"] == pytest.approx(expected.bias.mean)
    assert facts["bright: correlation"] == pytest.approx(expected.correlation.mean)
    assert facts["bright: correlation, low"] == pytest.approx(expected.correlation.low)
    assert facts["bright: upper limit of agreement"] == pytest.approx(expected.upper.mean)


def test_the_shares_of_the_cases_are_written(run: Run) -> None:
    table = pl.read_csv(run.folder / "cases.csv")
    for row in table.iter_rows(named=True):
        mask = run.test.masks[run.test.names.index(row["name"])]
        assert row["true_share/bright"] == pytest.approx(share(mask, [2], [1, 2]))
    assert table["share/bright"].is_between(0, 1).all()
    again = Evaluation.load(run.folder)
    assert again.table()["model"]["share_error/bright"].cases == len(table)


def test_segment_writes_the_shares_of_each_image(run: Run, tmp_path: Path) -> None:
    source = run.recipe.data.source
    count, _ = segment_files([run.folder], Path(f"{source}/images"), tmp_path / "maps", Wanted())
    table = pl.read_csv(tmp_path / "maps" / SHARES)
    assert table.columns == ["image", "bright"]
    assert len(table) == count
    areas = pl.read_csv(tmp_path / "maps" / "areas.csv")
    for name, value in table.iter_rows():
        pixels = dict(areas.filter(pl.col("image") == name).select("class", "pixels").iter_rows())
        whole = pixels["pale"] + pixels["bright"]
        if whole:
            assert value == pytest.approx(pixels["bright"] / whole)


def test_folds_have_them_too(run: Run, tmp_path: Path) -> None:
    quick = ("training.epochs=1", "data.test=0.25")
    recipe = disc_recipe(Path(run.recipe.data.source or ""), VALUES, ASKED, *quick)
    found = train_folds(recipe, tmp_path / "folds", 2)
    assert "share_error/bright" in found.values["model"]
    assert "bright: bias" in found.facts


# -- on label maps by hand ------------------------------------------------------------------------


def pairs() -> PairSet:
    """The part is bright within the whole: above 100 in the first image, above 150 in the next."""
    draws = np.random.default_rng(0)
    images, masks = [], []
    for level in (100, 150):
        image = draws.integers(0, 256, (12, 10), dtype=np.uint8)
        mask = np.where(image > level, 2, 1).astype(np.int16)
        mask[:3], mask[3] = 0, -1
        images.append(image)
        masks.append(mask)
    return PairSet("two", tuple(images), tuple(masks), ("a", "b"), ("no", "pale", "bright"))


def test_thresholds_look_at_nothing_but_the_whole() -> None:
    both = pairs()
    found = threshold_methods(both, both, OF)
    np.testing.assert_allclose(found[ORACLE]["dice/bright"], 1)
    np.testing.assert_allclose(found[ORACLE]["share_error/bright"], 0, atol=1e-12)
    for method in (LEARNT, OTSU):
        assert (found[method]["dice/bright"] < 1).any()
        assert (found[method]["dice/bright"] > 0.6).all()
    assert threshold_methods(both, both, {}) == {}


def test_a_map_of_nothing_has_measured_nothing() -> None:
    both = pairs()
    maps = [np.zeros_like(mask) for mask in both.masks]
    true = share_details(maps, both, OF)["true_share/bright"]
    np.testing.assert_allclose(share_columns(maps, both, OF)["share_error/bright"], true)
    assert np.isnan(measured(maps[0], both.class_names, OF)["bright"])
    perfect = share_facts(both.masks, both, OF)
    assert perfect["bright: correlation"] == pytest.approx(1)
    assert perfect["bright: bias"] == 0


def test_a_reference_of_nothing_has_no_error() -> None:
    both = pairs()
    empty = PairSet(
        "one", both.images[:1], (np.zeros((12, 10), np.int16),), ("a",), both.class_names
    )
    assert np.isnan(share_columns(both.masks[:1], empty, OF)["share_error/bright"]).all()
    assert share_facts(both.masks[:1], empty, OF) == {}
    for columns in threshold_methods(both, empty, OF).values():
        assert np.isnan(columns["share_error/bright"]).all()


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ('{ a = { part = ["brigth"], of = ["pale"] } }', r"'brigth' \(did you mean 'bright'\?\)"),
        ('{ a = { part = ["bright"], of = ["pale"] } }', "'bright' is a part, but not among `of`"),
        ('{ a = { part = [], of = ["pale"] } }', "part"),
        ('{ a = { part = ["bright"] } }', "of"),
    ],
)
def test_shares_that_cannot_be(shares: str, message: str, run: Run, tmp_path: Path) -> None:
    source = Path(run.recipe.data.source or "")
    with pytest.raises(SettingError, match=message):
        start_run(disc_recipe(source, VALUES, f"data.shares={shares}"), tmp_path / "run")
