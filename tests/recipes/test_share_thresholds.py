"""Grey thresholds as baselines of shares."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from isthmus.core.errors import SettingError
from isthmus.data import PairSet
from isthmus.metrics import share
from isthmus.recipes.folds import train_folds
from isthmus.recipes.runner import Run, start_run
from isthmus.recipes.share_thresholds import LEARNT, ORACLE, OTSU, threshold_methods
from isthmus.recipes.shares import ShareOf, measure_shares, share_errors, share_facts
from support.disc_files import disc_recipe, write_discs

VALUES = "data.values={ background = 0, pale = 1, bright = 2 }"
ASKED = 'data.shares={ bright = { part = ["bright"], whole = ["pale", "bright"] } }'
OF = {"bright": ShareOf(part=("bright",), whole=("pale", "bright"))}
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
    own = 100 * np.nan_to_num([share(map_, [2], [1, 2]) for map_ in maps])
    true = 100 * np.array([share(mask, [2], [1, 2]) for mask in run.test.masks])
    np.testing.assert_allclose(values["model"]["share_error/bright"], np.abs(own - true))
    assert {*values} == {"model", "untrained network", "most frequent class", *THRESHOLDS}
    for method in THRESHOLDS:
        assert {*values[method]} == {"share_error/bright", "dice/bright"}
    error = {method: columns["share_error/bright"].mean() for method, columns in values.items()}
    assert error["model"] < error["untrained network"]


def test_folds_have_them_too(run: Run, tmp_path: Path) -> None:
    quick = ("training.epochs=1", "data.test=0.25")
    recipe = disc_recipe(Path(run.recipe.data.source or ""), VALUES, ASKED, *quick)
    found = train_folds(recipe, tmp_path / "folds", 2)
    assert "share_error/bright" in found.values["model"]
    assert "bright: bias, percentage points" in found.facts


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
    nothing = measure_shares(maps, both, OF)
    np.testing.assert_allclose(share_errors(nothing)["share_error/bright"], nothing["bright"].true)
    assert np.isnan(nothing["bright"].measured).all()
    assert share_facts(nothing, None)["bright: images whose organ is not found"] == 2
    perfect = share_facts(measure_shares(both.masks, both, OF), None)
    assert perfect["bright: correlation"] == pytest.approx(1)
    assert perfect["bright: bias, percentage points"] == 0


def test_a_reference_of_nothing_has_no_error() -> None:
    both = pairs()
    empty = PairSet(
        "one", both.images[:1], (np.zeros((12, 10), np.int16),), ("a",), both.class_names
    )
    found = measure_shares(both.masks[:1], empty, OF)
    assert np.isnan(share_errors(found)["share_error/bright"]).all()
    assert share_facts(found, None)["bright: images with an organ where there is none"] == 1
    for columns in threshold_methods(both, empty, OF).values():
        assert np.isnan(columns["share_error/bright"]).all()


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        (
            '{ a = { part = ["brigth"], whole = ["pale"] } }',
            r"'brigth' \(did you mean 'bright'\?\)",
        ),
        ('{ a = { part = ["bright"], whole = ["pale"] } }', "name 'bright' in the whole too"),
        ('{ a = { part = [], whole = ["pale"] } }', "part"),
        ('{ a = { part = ["bright"] } }', "whole"),
    ],
)
def test_shares_that_cannot_be(shares: str, message: str, run: Run, tmp_path: Path) -> None:
    source = Path(run.recipe.data.source or "")
    with pytest.raises(SettingError, match=message):
        start_run(disc_recipe(source, VALUES, f"data.shares={shares}"), tmp_path / "run")
