"""``isthmus compress``, ``decompress`` and ``rate-distortion``, on files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image
from typer.testing import Result

from isthmus.data import read, write_images
from isthmus.recipes import parse_recipe
from isthmus.recipes.runner import start_run
from support.pages import read_page
from support.recipes import RECIPE

pytest.importorskip("constriction")
Call = Callable[..., Result]
Refuse = Callable[..., str]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on grey images of 8 bits, beside their folder."""
    folder = tmp_path_factory.mktemp("pictures")
    y, x = np.mgrid[:12, :12]
    centres = np.random.default_rng(0).uniform(2, 10, (60, 2, 1, 1))
    hills = np.exp(-((y - centres[:, 0]) ** 2 + (x - centres[:, 1]) ** 2) / 10)
    names = [f"site {number % 2}/{number:02d}.png" for number in range(60)]
    write_images(folder / "photos", (255 * hills).astype(np.uint8), names)
    changes = [f"data.source='{folder / 'photos'}'", "model.code_size=4", "training.epochs=5"]
    return start_run(parse_recipe(RECIPE, "photos", changes), folder / "run").folder


def test_pictures_come_back_under_their_names(call: Call, pictures: Path, here: Path) -> None:
    photos = pictures.parent / "photos"
    shown = call("compress", pictures, photos, "p.isthmus", "--step", "0.1").stdout
    size = (here / "p.isthmus").stat().st_size
    assert shown.startswith(f"Wrote 60 samples in {size} bytes to p.isthmus: ")
    assert f"{size / 60:.4g} bytes per sample, {8 * size / 60 / 144:.4g} bits per pixel" in shown
    assert "PSNR, dB: " in shown
    assert "SSIM: " in shown
    assert call("decompress", pictures, "p.isthmus", "back").stdout == "Wrote 60 samples to back\n"
    call("reconstruct", pictures, photos, "rebuilt")
    back, rebuilt = read("back"), read("rebuilt")
    assert back.names == rebuilt.names == read(photos).names
    difference = back.samples.astype(int) - rebuilt.samples
    assert np.abs(difference).mean() < 1  # of 255: the quantiser is fine


def test_lossless_pictures_come_back_exactly(call: Call, pictures: Path, here: Path) -> None:
    photos = pictures.parent / "photos"
    shown = call("compress", pictures, photos, "p.isthmus", "--lossless").stdout
    assert "PSNR" not in shown
    call("decompress", pictures / "model", "p.isthmus", "back")
    call("decompress", pictures, "p.isthmus", "back.npy")
    np.testing.assert_array_equal(read("back").samples, read(photos).samples)
    np.testing.assert_array_equal(np.load(here / "back.npy"), read(photos).samples)


def test_a_table_comes_back_with_its_columns(call: Call, trees: Path, here: Path) -> None:
    shown = call("compress", trees, trees.parent / "trees.csv", "t.isthmus").stdout
    assert "bits per pixel" not in shown
    assert "squared error, per value: " in shown
    call("decompress", trees, "t.isthmus", "t.csv")
    assert pl.read_csv("t.csv").columns == ["length", "width", "mass"]


def test_bad_input_to_compress(refuse: Refuse, pictures: Path, trees: Path, here: Path) -> None:
    photos, table = pictures.parent / "photos", trees.parent / "trees.csv"
    assert "written to .isthmus" in refuse("compress", pictures, photos, "p.zip")
    assert "must lie between" in refuse("compress", pictures, photos, "p.isthmus", "--step", "0")
    assert "whole numbers" in refuse("compress", trees, table, "t.isthmus", "--lossless")
    assert "has shape" in refuse("compress", trees, photos, "p.isthmus")


def test_bad_input_to_decompress(
    call: Call, refuse: Refuse, pictures: Path, trees: Path, here: Path
) -> None:
    call("compress", pictures, pictures.parent / "photos", "p.isthmus")
    (here / "cut.isthmus").write_bytes((here / "p.isthmus").read_bytes()[:-1])
    (here / "other.isthmus").write_bytes(b"PK\3\4")
    assert "cut.isthmus is truncated or damaged" in refuse(
        "decompress", pictures, "cut.isthmus", "back"
    )
    assert "not a file that" in refuse("decompress", pictures, "other.isthmus", "back")
    assert "with another model" in refuse("decompress", trees, "p.isthmus", "b.npy")
    assert "folder or to .npy" in refuse("decompress", pictures, "p.isthmus", "back.csv")
    assert "none.isthmus" in refuse("decompress", pictures, "none.isthmus", "back")


def test_rates_are_a_table_and_a_picture(call: Call, pictures: Path, here: Path) -> None:
    shown = call("rate-distortion", pictures, "rates.csv", "--samples", "10").stdout
    table = pl.read_csv("rates.csv")
    assert shown == (
        f"Wrote {len(table)} rows to rates.csv, a picture to rates.png and a page to rates.html\n"
    )
    assert table.columns[:4] == ["method", "setting", "bits_per_pixel", "psnr"]
    assert set(table["method"].str.split(",").list.first()) == {
        *("model", "PCA 2", "PCA 4", "PCA 8", "PCA 16", "PCA 32", "JPEG", "WebP", "PNG"),
        *("zlib", "xz"),
    }
    with Image.open("rates.png") as picture:
        assert picture.width > picture.height
    page = read_page(here / "rates.html")
    assert page.pictures == [(here / "rates.png").read_bytes()]
    assert "of 6 test images" in page.text
    model, jpeg = (
        table.filter(pl.col("method") == name).sort("bits_per_pixel")
        for name in ("model", "JPEG, mosaic")
    )
    enough = jpeg.filter(pl.col("psnr") >= model["psnr"][0])["bits_per_pixel"].min()
    assert f"JPEG, mosaic{enough:.4g}" in page.text
    assert f"step 2: {model['psnr'][0]:.1f} dB" in page.text


def test_bad_input_to_rates(refuse: Refuse, pictures: Path, trees: Path) -> None:
    assert "not to 'rates.txt'" in refuse("rate-distortion", pictures, "rates.txt")
    assert "images of 8 bits" in refuse("rate-distortion", trees, "rates.csv")
    assert "is not a run" in refuse("rate-distortion", pictures / "model", "rates.csv")
