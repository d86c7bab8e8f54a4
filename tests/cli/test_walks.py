"""``isthmus sample``, ``interpolate`` and ``traverse``: what they write and refuse."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image
from sklearn.datasets import load_digits
from typer.testing import Result

import isthmus
from support.pages import read_page

from .conftest import call_app

Call = Callable[..., Result]
Refuse = Callable[..., str]


@pytest.fixture(scope="session")
def variational(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A variational run on digits, by a recipe of the shipped kind."""
    folder = tmp_path_factory.mktemp("walks") / "run"
    changes = ["data.source=digits", "training.epochs=2", "training.precision=float32"]
    settings = [part for change in changes for part in ("--set", change)]
    result = call_app("train", "mnist-vae-2d", *settings, "--out", folder)
    assert result.exit_code == 0, result.stderr
    assert (folder / "pictures" / "samples.png").exists()
    assert "negative log-likelihood" not in result.stdout  # grey pixels are no bits
    return folder


def size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def test_samples_of_a_variational_model(call: Call, variational: Path, here: Path) -> None:
    shown = call("sample", variational, "new.npy", "--count", 5, "--seed", 3).stdout
    assert "Wrote 5 new samples to new.npy; median distance to the nearest" in shown
    expected = isthmus.load(variational).sample(5, random_state=3)
    np.testing.assert_allclose(np.load(here / "new.npy"), expected, atol=1e-4)
    call("sample", variational, "new.png", "--count", 5)
    assert size(here / "new.png")[0] > size(here / "new.png")[1]  # 3 x 2, one place empty
    call("sample", variational, "folder", "--count", 3)
    names = sorted(path.name for path in (here / "folder").iterdir())
    assert names == ["1.png", "2.png", "3.png"]


def test_a_conditional_run_is_told_the_class(
    call: Call, refuse: Refuse, variational: Path, here: Path
) -> None:
    changes = ["data.source=digits", "training.epochs=2", "training.precision=float32"]
    settings = [part for change in changes for part in ("--set", change)]
    call("train", "mnist-conditional-vae", *settings, "--out", "run")
    call("sample", "run", "threes.npy", "--count", 4, "--class", 3)
    expected = isthmus.load(here / "run").given(3).sample(4)
    np.testing.assert_allclose(np.load(here / "threes.npy"), expected, atol=1e-4)
    call("reconstruct", "run", "digits", "again.npy")
    call("encode", "run", "digits", "codes.npy")
    call("decode", "run", "codes.npy", "decoded.npy", "--class", 8)
    decoded = isthmus.load(here / "run").given(8).inverse_transform(np.load(here / "codes.npy"))
    np.testing.assert_allclose(np.load(here / "decoded.npy"), decoded, atol=1e-4)
    call("interpolate", "run", "digits", "way.png", "--class", 5)
    assert "give --class, one of 0, 1, 2" in refuse("traverse", "run", "digits", "units.png")
    assert "knows no class 'ten'" in refuse("sample", "run", "x.npy", "--class", "ten")
    assert "leave out --class" in refuse("sample", variational, "x.npy", "--class", "1")
    np.save(here / "nameless.npy", load_digits().images[:5])
    message = refuse("reconstruct", "run", "nameless.npy", "out.npy")
    assert "nameless.npy has no classes, but this model's decoder must be told" in message


def test_samples_of_other_models_are_where_their_codes_lie(
    call: Call, digits: Path, trees: Path, here: Path
) -> None:
    call("sample", digits, "new.npy", "--count", 200)
    model = isthmus.load(digits)
    drawn = model.transform(np.clip(np.load(here / "new.npy"), 0, 16))
    spread = np.abs(drawn - model.code_mean_) / model.code_std_
    assert np.median(spread) < 2
    call("sample", trees, "new.csv", "--count", 4, "--components", 2)
    assert pl.read_csv(here / "new.csv").columns == ["length", "width", "mass"]
    call("sample", trees / "model", "more.csv", "--data", trees.parent / "trees.csv")
    assert len(pl.read_csv(here / "more.csv")) == 64


def test_an_interpolation_begins_and_ends_at_the_samples(
    call: Call, variational: Path, photos: Path, here: Path
) -> None:
    way = ["--between", "03", "07", "--steps", 5]
    for path in ("linear", "spherical"):
        call("interpolate", variational, photos, f"{path}.npy", *way, "--path", path)
        found = np.load(here / f"{path}.npy")
        assert found.shape == (5, 8, 8)
    model = isthmus.load(variational)
    pixels = [np.asarray(Image.open(photos / f"{name}.png")) for name in ("03", "07")]
    expected = model.reconstruct(np.stack(pixels))
    np.testing.assert_allclose(found[[0, 4]], expected, atol=1e-2)
    call("interpolate", variational, photos, "way.png", *way)
    assert size(here / "way.png")[0] > 3 * size(here / "way.png")[1]


def test_a_traversal_has_a_row_for_each_unit(call: Call, digits: Path, here: Path) -> None:
    shown = call("traverse", digits, "digits", "units.png", "--sample", 5, "--steps", 3).stdout
    assert "Wrote the traversal of 2 units to units.png" in shown
    assert size(here / "units.png")[0] > size(here / "units.png")[1]


def test_augmentation_writes_each_class_apart(
    call: Call, refuse: Refuse, digits: Path, trees: Path, photos: Path, here: Path
) -> None:
    for number, path in enumerate(sorted(photos.iterdir())):
        (here / "labelled" / "ab"[number % 2]).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, here / "labelled" / "ab"[number % 2])
    shown = call("augment", digits, "labelled", "more", "--per-class", 3).stdout
    assert "Wrote 6 new samples, 3 of each class, to more" in shown
    written = {str(path.relative_to(here / "more")) for path in (here / "more").glob("*/*")}
    assert written == {"a/1.png", "a/2.png", "a/3.png", "b/4.png", "b/5.png", "b/6.png"}
    call("augment", trees, trees.parent / "trees.csv", "more.csv", "--per-class", 2)
    table = pl.read_csv(here / "more.csv")
    assert table["class"].to_list() == ["ash", "ash", "oak", "oak"]
    assert table.columns == ["length", "width", "mass", "class"]
    assert "The classes of" in refuse("augment", digits, photos, "other")
    assert "written to a folder, not to 'a.npy'" in refuse("augment", digits, "labelled", "a.npy")
    assert "to .csv or .parquet, not" in refuse("augment", trees, "labelled", "a.npy")


def test_few_labels_are_a_table_a_picture_and_a_page(
    call: Call, refuse: Refuse, trees: Path, here: Path
) -> None:
    options = ["--draws", 3, "--per-class", 4]
    shown = call("few-labels", trees, "few.csv", *options).stdout.splitlines()
    assert shown[0] == "5 labelled samples of each class: done"
    assert shown[-1].startswith("Wrote 12 rows to few.csv, a picture to few.png and a page to few")
    table = pl.read_csv(here / "few.csv")
    assert table.columns[:4] == ["labelled", "new", "classifier", "accuracy"]
    assert set(table["labelled"]) == {5, 10}
    paired = table.filter(pl.col("new") != "none")
    without = table.filter(pl.col("new") == "none").select("labelled", "classifier", "accuracy")
    both = paired.join(without, on=["labelled", "classifier"])
    difference = both["accuracy"] - both["accuracy_right"]
    np.testing.assert_allclose(both["gain"], difference, atol=1e-12)
    page = read_page(here / "few.html")
    assert page.pictures == [(here / "few.png").read_bytes()]
    assert shown[-2] in page.text  # helped, harmed or neither
    for mean in table["accuracy"]:
        assert f"{100 * mean:.2f}" in page.text
    assert "not to 'few.txt'" in refuse("few-labels", trees, "few.txt")


def test_what_makes_no_sense_is_refused(
    refuse: Refuse, digits: Path, trees: Path, photos: Path, table: Path
) -> None:
    nowhere = refuse("interpolate", digits, photos, "a.npy", "--between", "03", "99")
    assert nowhere == (
        f"Error: {photos} has no sample '99'; give a number from 1 to 20, or the name of one of its"
        " images.\n"
    )
    assert "has no sample '0'" in refuse("traverse", digits, "digits", "a.png", "--sample", 0)
    assert "give a .png file, not 'a.gif'" in refuse("traverse", digits, "digits", "a.gif")
    assert "rows of a table, which no picture shows" in refuse("sample", trees, "a.png")
    assert "rows of a table" in refuse("traverse", trees, table, "a.png")
    assert "a model without its data" in refuse("sample", digits / "model", "a.npy")
    few = refuse("sample", trees, "a.csv", "--components", 33)
    assert "A mixture of 33 Gaussians" in few
    assert "give more data or fewer components" in few
    assert "Images are written to a folder or to .npy" in refuse("sample", digits, "a.csv")
    assert "this model was trained on 3." in refuse("interpolate", trees, photos, "a.npy")
    assert "is what is read" in refuse("interpolate", digits, photos, photos)


def test_spaces_of_codes_side_by_side(
    call: Call, refuse: Refuse, digits: Path, variational: Path, trees: Path, here: Path
) -> None:
    shown = call("compare", digits, variational, "--out", "spaces.png").stdout
    assert "Picture: spaces.png" in shown
    assert size(here / "spaces.png")[0] > 1.8 * size(here / "spaces.png")[1]
    call("compare", trees, trees, "--out", "trees.png")
    assert "give a .png, not 'codes'" in refuse("compare", digits, variational, "--out", "codes")
    assert "--data and --set belong" in refuse("compare", digits, trees, "--data", "digits")


def test_a_decoder_that_looks_at_more_than_the_code_draws_nothing(
    call: Call, refuse: Refuse, photos: Path
) -> None:
    changes = ["data.size=8", "model.network={kind='unet',channels=[4]}", "model.code_size=4"]
    settings = [part for change in changes for part in ("--set", change)]
    call("train", "images", "--data", photos, *settings, "--set", "training.epochs=1")
    assert "The decoder of this network ('unet') looks at more than the code" in refuse(
        "sample", "runs/images", "a.png"
    )
