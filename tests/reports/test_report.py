"""The page about a run, for every kind of run."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

from isthmus.data import write_array, write_images
from isthmus.recipes import parse_recipe
from isthmus.recipes.runner import Run, start_run
from isthmus.reports import figures, pictures, write_report
from isthmus.reports.style import look
from support.pages import Page, read_page
from support.recipes import RECIPE

Make = Callable[..., Run]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Train on a source for a moment, with changes."""

    def run(source: Path | str, *changes: str) -> Run:
        changes = (f"data.source='{source}'", *changes)
        return start_run(parse_recipe(RECIPE, "trial", changes), tmp_path / "run")

    return run


def images(folder: Path, count: int = 40, colour: bool = False) -> Path:
    generator = np.random.default_rng(0)
    shape = (count, 3, 12, 16) if colour else (count, 12, 16)
    pixels = generator.integers(0, 256, shape, np.uint8)
    write_images(folder / "photos", pixels, [f"{i:02d}" for i in range(count)])
    return folder / "photos"


def table(folder: Path, rows: int = 40, names: tuple[str, ...] = ("a", "b", "c", "d")) -> Path:
    values = np.random.default_rng(0).normal(size=(rows, len(names)))
    frame = pl.DataFrame(dict(zip(names, values.T, strict=True)))
    kinds = pl.Series("kind", [("ash", "oak", "elm")[row % 3] for row in range(rows)])
    frame.with_columns(kinds).write_csv(folder / "table.csv")
    return folder / "table.csv"


def check_page(run: Run, *expected: str) -> Page:
    """Write the report; it must stand alone and show these pictures, as PNG files too."""
    path = write_report(run)
    assert path == run.folder / "report.html"
    page = read_page(path)
    files = {file.name for file in (run.folder / "pictures").iterdir()}
    assert files == {f"{name}.png" for name in expected}
    contents = {(run.folder / "pictures" / name).read_bytes() for name in files}
    assert set(page.pictures) == contents
    for content in contents:
        with Image.open(io.BytesIO(content)) as image:
            image.verify()
            assert image.format == "PNG"
            assert min(image.size) > 60
            assert max(image.size) < 3000
    return page


GENERAL = ("errors", "loss", "codes")
PANELS = ("reconstructions", "best", "worst")


def test_digits_in_two_numbers(make: Make) -> None:
    run = make("digits")
    page = check_page(run, *GENERAL, *PANELS, "grid")
    for words in ("squared error, per sample", "untrained network", "mean sample", "PCA", "359"):
        assert words in page.text
    model = run.evaluation.table()["model"]["squared_error"]
    for number in (model.mean, model.low, model.high):
        assert f"{number:.4g}" in page.text
    assert "hidden_sizes" in page.text  # the whole recipe


@pytest.mark.parametrize(("code", "colour"), [("1", False), ("2", True), ("5", False)])
def test_images(tmp_path: Path, make: Make, colour: bool, code: str) -> None:
    run = make(images(tmp_path, 60, colour), f"model.code_size={code}", "training.epochs=1")
    grid = () if code == "5" else ("grid",)
    check_page(run, *GENERAL, *PANELS, *grid)


def test_a_map_as_code(tmp_path: Path, make: Make) -> None:
    network = "model.network={kind='convolutional', channels=[4, 4]}"
    run = make(images(tmp_path, 60), "model.code_size=[3, 3, 4]", network)
    check_page(run, *GENERAL, *PANELS)


@pytest.mark.parametrize(
    ("code", "labelled"), [("1", False), ("1", True), ("2", True), ("3", False)]
)
def test_tables(tmp_path: Path, make: Make, labelled: bool, code: str) -> None:
    source = table(tmp_path)
    if not labelled:
        pl.read_csv(source).drop("kind").write_csv(source)
    changes = ["data.labels=kind"] if labelled else []
    run = make(source, *changes, f"model.code_size={code}")
    page = check_page(run, *GENERAL, "columns")
    assert "binary cross-entropy" not in page.text  # scaled columns are not in [0, 1]


def test_an_array_without_names(tmp_path: Path, make: Make) -> None:
    write_array(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(30, 5)))
    check_page(make(tmp_path / "x.npy"), *GENERAL, "columns")


def test_a_run_of_no_epochs(make: Make) -> None:
    run = make("digits", "training.epochs=0")
    check_page(run, "errors", "codes", *PANELS, "grid")


@pytest.mark.parametrize(("code", "count"), [("1", 3), ("2", 3), ("6", 3), ("2", 20)])
def test_few_test_samples(tmp_path: Path, make: Make, count: int, code: str) -> None:
    run = make(images(tmp_path, count), f"model.code_size={code}")
    assert run.evaluation.cases == (1 if count == 3 else 4)
    grid = () if code == "6" else ("grid",)
    page = check_page(run, *GENERAL, "reconstructions", *grid)
    assert ("no interval" in page.text) == (count == 3)


def test_no_test_samples_are_not_claimed(tmp_path: Path, make: Make) -> None:
    page = check_page(make(images(tmp_path), "data.test=0"), *GENERAL, *PANELS, "grid")
    assert "Scores on 36 training samples" in page.text
    assert "36 / 4 / 0" in page.text
    assert "No sample was held out" in page.text


def test_penalties_are_drawn_apart(tmp_path: Path, make: Make) -> None:
    penalty = "model.penalties=[{kind='l1', weight=0.1}]"
    check_page(make(table(tmp_path), "data.labels=kind", penalty), *GENERAL, "columns")


def test_one_layer_shows_its_features(make: Make) -> None:
    run = make("digits", "model.network={kind='one_layer'}", "data.limit=50")
    check_page(run, *GENERAL, *PANELS, "grid", "features", "sums")


@pytest.mark.parametrize("colour", [False, True])
def test_a_denoiser_shows_restorations(tmp_path: Path, make: Make, colour: bool) -> None:
    changes = ("model.kind=denoising_autoencoder", "model.corruption=salt_and_pepper")
    run = make(images(tmp_path, colour=colour), *changes)
    page = check_page(run, "restorations", "errors", "loss")
    assert "corrupted sample" in page.text
    assert "linear ridge" in page.text


def test_phases_of_a_stacked_training_are_drawn(make: Make) -> None:
    changes = ("model.kind=stacked_autoencoder", "training.pretraining_epochs=1")
    run = make("digits", *changes, "training.classifier_epochs=2", "data.limit=300")
    assert [row["phase"] for row in run.model.history_] == [1, 2, 3, 3, 4, 4]
    page = check_page(run, *GENERAL, *PANELS, "grid")
    assert "linear probe accuracy" in page.text


def test_codes_that_are_all_alike(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make("digits", "training.epochs=0")
    codes = np.zeros((359, 2), np.float32)
    monkeypatch.setattr(run.model, "transform", lambda samples: codes[: len(samples)])
    check_page(run, "errors", "codes", *PANELS, "grid")


def test_names_are_text_and_nothing_else(tmp_path: Path, make: Make) -> None:
    word = """<script>alert(1)<_script> & "quoted" 'too'"""
    source = table(tmp_path)
    named = source.rename(tmp_path / f"{word}.csv".replace("'", "_"))
    run = make(named, "data.labels=kind", f"title='''{word}'''", "description=<b>no")
    page = check_page(run, *GENERAL, "columns")
    assert page.text.count('<script>alert(1)<_script> & "quoted"') >= 2
    assert "<b>no" in page.text
    assert not any(tag in ("script", "_script") for tag, _ in page.elements)


def test_odd_names_of_columns_and_classes_are_drawn(tmp_path: Path, make: Make) -> None:
    names = ("cost $", "$\\frac{$", "längste " * 30, "重さ", "_hidden", "a\nb")
    source = table(tmp_path, 60, names)
    frame = pl.read_csv(source)
    classes = ["$x^$", "_private", "目" * 50]
    kinds = pl.Series("kind", [classes[row % 3] for row in range(60)])
    frame.with_columns(kinds).write_csv(source)
    check_page(make(source, "data.labels=kind"), *GENERAL, "columns")


def test_the_scatter_shows_exactly_1000_codes() -> None:
    assert len(figures.choose_points(300)) == 300
    points = figures.choose_points(10_000)
    assert len(set(points)) == len(points) == 1000
    np.testing.assert_array_equal(points, figures.choose_points(10_000))
    codes = np.random.default_rng(0).normal(size=(1000, 2))
    with look():
        figure = figures.code_scatter(codes, np.arange(1000) % 10, None)
    dots = sum(len(dots.get_offsets()) for dots in figure.axes[0].collections)
    assert dots == 1000
    assert figure.axes[0].get_title(loc="left") == "1000 codes"


def test_a_run_with_more_test_samples_draws_1000(
    tmp_path: Path, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Any] = []
    scatter = figures.code_scatter
    monkeypatch.setattr(
        figures, "code_scatter", lambda *given: drawn.append(given) or scatter(*given)
    )
    page = check_page(make("digits", "data.test=0.7"), *GENERAL, *PANELS, "grid")
    assert len(drawn[0][0]) == len(drawn[0][1]) == 1000
    assert "Codes of 1000 test samples, drawn at random." in [
        attributes.get("alt") for _, attributes in page.elements
    ]


def test_many_classes_stay_apart() -> None:
    labels = np.arange(400) % 20
    figure = figures.code_scatter(np.random.default_rng(0).normal(size=(400, 2)), labels, None)
    looks = {
        (tuple(dots.get_facecolor()[0]), len(dots.get_paths()[0].vertices))
        for dots in figure.axes[0].collections
    }
    assert len(looks) == 20
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()][:2] == ["0", "1"]


@pytest.mark.parametrize("units", [1, 2, 7])
def test_a_single_code_is_drawn(units: int) -> None:
    figure = figures.code_scatter(np.ones((1, units)), None, None)
    assert len(figure.axes[0].collections[0].get_offsets()) == 1


def test_the_grid_lies_as_the_scatter_does() -> None:
    codes = np.random.default_rng(0).uniform(-1, 1, (500, 2))
    seen: list[Any] = []

    def decode(grid: Any) -> Any:
        seen.append(grid)
        return np.zeros((len(grid), 4, 4))

    figure = pictures.decoded_grid(decode, codes, side=5)
    grid = seen[0].reshape(5, 5, 2)
    assert (np.diff(grid[0, :, 0]) > 0).all()  # to the right the first unit rises
    assert (np.diff(grid[:, 0, 1]) < 0).all()  # downwards the second falls
    assert figure.axes[0].images[0].get_array().shape == (24, 24)  # a pixel between tiles


def test_tiles_keep_a_pixel_between() -> None:
    whole = pictures.tiles(np.ones((5, 2, 3)), columns=3, gap=0.5)
    assert whole.shape == (5, 11)
    assert (whole[2] == 0.5).all()
    assert (whole[:, 3] == 0.5).all()
    assert (whole[3:, 8:] == 0.5).all()  # the sixth place stays empty


def test_a_second_report_takes_the_place_of_the_first(tmp_path: Path, make: Make) -> None:
    run = make(table(tmp_path), "data.labels=kind")
    first = write_report(run).read_text()
    assert write_report(run).read_text() == first
