"""``isthmus denoise`` and ``isthmus corrupt``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import Result

from isthmus import Autoencoder
from isthmus.data import read, write_images

Call = Callable[..., Result]
Refuse = Callable[..., str]


@pytest.fixture(scope="session")
def denoiser(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small U-Net, saved."""
    folder = tmp_path_factory.mktemp("denoiser") / "model"
    images = np.random.default_rng(0).integers(0, 256, (20, 8, 8), np.uint8)
    network = {"kind": "unet", "channels": [2], "residual": True}
    Autoencoder(code_size=2, network=network, epochs=0, random_state=0).fit(images).save(folder)
    return folder


def test_noise_is_laid_on_a_folder_and_taken_off_again(
    call: Call, photos: Path, here: Path, denoiser: Path
) -> None:
    write_images(photos / "more", np.full((1, 30, 41), 9, np.uint16), ["large"])
    words = ("corrupt", "gaussian", "photos")
    shown = call(*words, "noisy", "--set", "sigma=[10, 20]", "--set", "white=255", "--seed", "3")
    assert shown.stdout == "Wrote 21 corrupted images to noisy\n"
    assert call("denoise", denoiser, "noisy", "clean").stdout == (
        "Wrote 21 restored samples to clean\n"
    )
    names = {path.relative_to(photos) for path in photos.rglob("*.png")}
    assert len(names) == 21
    for folder in ("noisy", "clean"):
        assert {p.relative_to(here / folder) for p in (here / folder).rglob("*.png")} == names
        assert read(here / folder / "more" / "large.png").samples.dtype == np.uint16
        assert read(here / folder / "more" / "large.png").samples.shape == (1, 30, 41)
    for name in names:
        clean, noisy = (
            read(folder / name).samples.astype(int) for folder in (photos, Path("noisy"))
        )
        assert 0 < np.abs(noisy - clean).mean() < (20 if name.parts[0] != "more" else 65535)


def test_the_seed_and_the_settings_count(call: Call, photos: Path, here: Path) -> None:
    draws = {
        "default": (),
        "zero": ("--seed", "0"),
        "one": ("--seed", "1"),
        "strong": ("--set", "sigma=0.9"),
    }
    for out, options in draws.items():
        call("corrupt", "gaussian", "photos", out, *options)
    default, zero, one, strong = (read(here / out).samples for out in draws)
    assert np.array_equal(default, zero)
    assert not np.array_equal(default, one)
    assert not np.array_equal(default, strong)


def test_one_file(call: Call, photos: Path, here: Path, denoiser: Path) -> None:
    assert "Wrote 1 corrupted" in call("corrupt", "blur", "photos/03.png", "blurred.tif").stdout
    assert "Wrote 1 restored" in call("denoise", denoiser, "blurred.tif", "sharp.png").stdout
    assert read(here / "sharp.png").samples.shape == (1, 8, 8)


def test_rows_and_named_data(call: Call, trees: Path, digits: Path, here: Path) -> None:
    shown = call("denoise", trees, trees.parent / "trees.csv", "out.csv").stdout
    assert shown == "Wrote 40 restored samples to out.csv\n"
    assert pl.read_csv("out.csv").columns == ["length", "width", "mass"]
    call("denoise", digits, "digits", "digits.npy")
    assert np.load(here / "digits.npy").shape == (1797, 8, 8)


def test_what_is_refused(
    refuse: Refuse, photos: Path, here: Path, denoiser: Path, trees: Path
) -> None:
    assert "holds no model" in refuse("denoise", here, "photos", "out")
    assert "There is no file or folder 'foto'" in refuse("denoise", denoiser, "foto", "out")
    assert "not on images" in refuse("denoise", trees, "photos", "out")
    assert ".png or .tif" in refuse("denoise", denoiser, "photos/03.png", "out.jpg")
    assert "to a folder" in refuse("denoise", denoiser, "photos", "out.png")
    assert "photos is what is read" in refuse("denoise", denoiser, "photos", "photos")
    assert "did you mean 'gaussian'" in refuse("corrupt", "gausian", "photos", "out")
    assert "did you mean 'sigma'" in refuse("corrupt", "blur", "photos", "out", "--set", "sigm=1")
    assert "no image and no folder" in refuse("corrupt", "blur", "digits", "out")
    assert "--seed" in refuse("corrupt", "blur", "photos", "out", "--seed", "x", code=2)


@pytest.mark.parametrize("keep", [50, 0])
def test_a_damaged_image_among_good_ones(
    refuse: Refuse, photos: Path, denoiser: Path, keep: int
) -> None:
    bad = photos / "07.png"
    bad.write_bytes(bad.read_bytes()[:keep])
    assert "photos/07.png" in refuse("denoise", denoiser, "photos", "out")
    assert "photos/07.png" in refuse("corrupt", "haze", "photos", "out")
