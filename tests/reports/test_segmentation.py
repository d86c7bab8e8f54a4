"""The page about a run of a segmenter."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image
from scipy.special import entr
from sklearn.base import clone
from sklearn.metrics import confusion_matrix

from isthmus.data import write_images
from isthmus.metrics import pixel_entropy
from isthmus.recipes import parse_recipe
from isthmus.recipes.runner import Run, start_run
from isthmus.reports import segmentation, write_report
from isthmus.reports.overlays import case_of, differences
from support.discs import RECIPE, dice, write_discs
from support.pages import read_page

ALWAYS = {"cases", "dice", "scores", "loss", "augmented"}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Discs, of which ten are tested."""
    folder = tmp_path_factory.mktemp("report")
    changes = (f"data.source='{write_discs(folder / 'scans', 25)}'", "data.test=0.4")
    return start_run(parse_recipe(RECIPE, "discs", changes), folder / "run")


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Three classes in colour, some pixels that do not count, few test images."""
    folder = tmp_path_factory.mktemp("report")
    scans = write_discs(folder / "scans", 12, channels=3, classes=3)
    for path in (scans / "masks").iterdir():
        with Image.open(path) as image:
            pixels = np.array(image)
        pixels[:, :2] = 99
        write_images(path.parent, pixels[None], [path.name])
    changes = (
        f"data.source='{scans}'",
        "data.values={background = 0, dim = 127, disc = 254}",
        "data.ignore=[99]",
        "model.augmentations=[]",
    )
    return start_run(parse_recipe(RECIPE, "discs", changes), folder / "run")


def drawn(run: Run) -> set[str]:
    return {path.stem for path in (run.folder / "pictures").iterdir()}


def test_the_page_shows_cases_scores_and_facts(run: Run) -> None:
    page = read_page(write_report(run))
    assert drawn(run) == ALWAYS | {"worst", "best"}
    for words in ("background, disc", "stride", "pieces in training", "parameters", "own size"):
        assert words in page.text
    for method in ("untrained network", "most frequent class", "Otsu threshold"):
        assert method in page.text
    assert f"{run.evaluation.table()['model']['dice'].mean:.4g}" in page.text
    assert "Each of the 10 test images, worst first" in page.text
    for name in run.test.names:
        assert name in page.text


def test_the_table_of_cases_is_that_of_the_file(run: Run) -> None:
    cases = pl.read_csv(run.folder / "cases.csv")
    scores = {
        name: dice([map_], [mask])
        for name, map_, mask in zip(
            run.test.names, run.model.predict(run.test.images), run.test.masks, strict=True
        )
    }
    assert cases["name"].to_list() == sorted(scores, key=scores.__getitem__)
    np.testing.assert_allclose(cases["dice/disc"], sorted(scores.values()))
    (section,) = segmentation.sections(run)
    assert [row[0] for row in section.tables[0].rows] == cases["name"].to_list()
    assert section.tables[0].columns[:3] == ["", "Dice of disc", "HD95 of disc"]


def test_failures_are_named(run: Run) -> None:
    details = run.evaluation.details
    missed = np.where(details["name"] == run.test.names[0], "disc", "")
    evaluation = replace(run.evaluation, details={**details, "missed": missed})
    (section,) = segmentation.sections(replace(run, evaluation=evaluation))
    assert f"Missed as a whole: disc in {run.test.names[0]}." in section.text


def test_several_classes(three: Run) -> None:
    page = read_page(write_report(three))
    assert drawn(three) == ALWAYS - {"augmented"} | {"confusion"}
    for words in ("Dice of dim", "Dice of disc", "yellow is another class", "colour images"):
        assert words in page.text or words in str(page.elements)
    pairs = zip(three.model.predict(three.test.images), three.test.masks, strict=True)
    flat = [(mask[mask >= 0], map_[mask >= 0]) for map_, mask in pairs]
    reference, predicted = (np.concatenate(part) for part in zip(*flat, strict=True))
    expected = confusion_matrix(reference, predicted, labels=[0, 1, 2])
    np.testing.assert_array_equal(segmentation._confusion(three), expected)


def test_differences_are_missed_added_or_another_class() -> None:
    reference = np.array([[0, 1, 2, -1, 1, 0]])
    prediction = np.array([[0, 1, 1, 1, 0, 2]])
    assert differences(reference, prediction).tolist() == [[0, 0, 4, -1, 5, 7]]


def test_a_case_is_drawn_in_one_size(run: Run) -> None:
    p = run.model.predict_proba(run.test.images[0])
    case = case_of(run.test, 0, "t", p.argmax(0), pixel_entropy(p))
    assert case.uncertainty is not None
    shapes = {case.image.shape[1:], *(part.shape for part in case[2:] if part is not None)}
    ((height, width),) = shapes
    assert max(height, width) == 256
    assert 0 <= case.uncertainty.min() <= case.uncertainty.max() <= 1
    assert case_of(run.test, 0, "t", p.argmax(0)).uncertainty is None
    assert set(np.unique(case.reference)) == {0, 1}


def test_nothing_is_predicted_again(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The maps come from the evaluation, with the entropy of those with the least Dice alone."""
    predicted = run.evaluation.predicted
    for one, other in zip(predicted.maps, run.model.predict(run.test.images), strict=True):
        np.testing.assert_array_equal(one, other)
    order = np.argsort(run.evaluation.values["model"]["dice"], kind="stable")
    assert list(predicted.uncertain) == order[:4].tolist()
    for place, entropy in predicted.uncertain.items():
        p = run.model.predict_proba(run.test.images[place])
        np.testing.assert_allclose(entropy, entr(p).sum(0) / np.log(2), atol=1e-5)
    monkeypatch.setattr(type(run.model), "_probabilities", None)
    names = {name for name, _, _ in segmentation.draw(run)}
    assert names == ALWAYS | {"worst", "best"}


def test_augmented_pieces_are_those_of_training_changed(run: Run) -> None:
    train = run.dataset.subset(run.split.train)
    plain, changed = (
        next(
            clone(run.model)
            .set_params(augmentations=augmentations)
            .pieces(train.images, train.masks)
            .batches(8, 0, 0)
        )
        for augmentations in ((), ("flip",))
    )
    for x, y, other, moved in zip(plain.x, plain.y, changed.x, changed.y, strict=True):
        turned = [axes for axes in ((), (-1,), (-2,), (-2, -1)) if x.flip(axes).equal(other)]
        assert turned
        assert any(y.flip(axes).equal(moved) for axes in turned)
    assert any(not one.equal(other) for one, other in zip(plain.x, changed.x, strict=True))


def test_no_epochs_no_loss(tmp_path: Path) -> None:
    changes = (f"data.source='{write_discs(tmp_path / 'scans', 8)}'", "training.epochs=0")
    run = start_run(parse_recipe(RECIPE, "discs", changes), tmp_path / "run")
    read_page(write_report(run))
    assert drawn(run) == ALWAYS - {"loss"}


def test_images_without_any_structure_have_no_dice(run: Run) -> None:
    values = {
        method: {**columns, "dice": np.full(run.evaluation.cases, np.nan)}
        for method, columns in run.evaluation.values.items()
    }
    shown = {
        name: caption
        for name, caption, _ in segmentation.draw(
            replace(run, evaluation=replace(run.evaluation, values=values))
        )
    }
    assert set(shown) == {"cases", "loss", "augmented"}
