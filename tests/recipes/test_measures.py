"""Measures that a recipe asks for beside the usual ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from isthmus.core.errors import SettingError
from isthmus.data import PairSet
from isthmus.metrics import cells, measure_of, membrane_scores
from isthmus.recipes.predicting import predict, score_maps
from isthmus.recipes.runner import Run, evaluate_on, start_run
from isthmus.recipes.segmentation import columns
from support.disc_files import disc_recipe, write_discs

ALL = ("auc", "average_precision", "adapted_rand_error", "variation_of_information")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run on discs with every measure."""
    folder = tmp_path_factory.mktemp("measures")
    recipe = disc_recipe(write_discs(folder / "data"), f"data.measures={[*ALL]}")
    return start_run(recipe, folder / "run")


def test_every_method_has_the_measures_that_it_can_have(run: Run) -> None:
    found = {method: set(ALL) & set(values) for method, values in run.evaluation.values.items()}
    assert found["model"] == found["untrained network"] == set(ALL)
    assert found["most frequent class"] == found["Otsu threshold"] == set(ALL[2:])
    table = run.evaluation.table()
    assert table["model"]["auc"].mean > max(0.95, table["untrained network"]["auc"].mean)
    assert table["model"]["adapted_rand_error"].mean < 0.1


def test_the_values_are_those_of_scikit_learn(run: Run) -> None:
    values, test = run.evaluation.values["model"], run.test
    pairs = zip(run.model.predict_proba(test.images), test.masks, strict=True)
    for case, (p, mask) in enumerate(pairs):
        flat = (mask.ravel(), p[1].ravel())
        assert values["auc"][case] == pytest.approx(roc_auc_score(*flat))
        assert values["average_precision"][case] == pytest.approx(average_precision_score(*flat))
        parted = membrane_scores(cells(p.argmax(0) == 0), cells(mask == 0))
        assert values["adapted_rand_error"][case] == parted["adapted Rand error"]
        assert values["variation_of_information"][case] == parted["VI"]


def test_pixels_to_ignore_do_not_count(run: Run) -> None:
    image, mask = run.test.images[0], run.test.masks[0]
    half = np.where(np.arange(mask.shape[1]) < 10, -1, mask).astype(np.int16)
    one = PairSet("one", (image,), (half,), ("a",), run.test.class_names)
    found = predict(run.model, one, ALL).columns
    (p,) = run.model.predict_proba([image])
    if half.max() < 1:
        assert np.isnan(found["auc"]).all()
    else:
        expected = roc_auc_score(half[:, 10:].ravel(), p[1][:, 10:].ravel())
        assert found["auc"][0] == pytest.approx(expected)


def test_an_image_without_cells_has_no_score_of_them(run: Run) -> None:
    full = np.ones((6, 5), np.int16)
    one = PairSet("one", (np.zeros((6, 5), np.uint8),), (full,), ("a",), run.test.class_names)
    found = columns(score_maps([full], one), [full], one, ALL)
    assert np.isnan(found["adapted_rand_error"]).all()


def test_the_run_remembers_what_was_asked_for(run: Run, tmp_path: Path) -> None:
    other = write_discs(tmp_path / "other", 4, seed=3)
    assert set(ALL) <= set(evaluate_on(run.folder, str(other)).values["model"])


def test_the_names_are_known() -> None:
    assert [measure_of(name).higher_is_better for name in ALL] == [True, True, False, False]


def test_what_cannot_be_asked_for(tmp_path: Path) -> None:
    source = write_discs(tmp_path / "three", 6, classes=3)
    values = "data.values={ background = 0, one = 1, two = 2 }"
    with pytest.raises(SettingError, match=r"data\.measures are for two classes, but three has 3"):
        start_run(disc_recipe(source, values, "data.measures=['auc']"), tmp_path / "run")
    with pytest.raises(SettingError, match=r"data\.measures"):
        disc_recipe(source, "data.measures=['aucc']")
