"""Rates beside other codecs: what is counted, and that what comes back is what was measured."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from isthmus.data import write_array
from isthmus.recipes import parse_recipe
from isthmus.recipes.rate_distortion import (
    Rate,
    _by_pillow,
    _mosaic,
    _parted,
    measure_rates,
)
from isthmus.recipes.runner import start_run
from isthmus.reports.rates import rate_curves
from support.recipes import RECIPE

pytest.importorskip("constriction")


@pytest.fixture(scope="module")
def rates(tmp_path_factory: pytest.TempPathFactory) -> list[Rate]:
    """Of a run on digits of 16 x 16 pixels, in colour."""
    from sklearn.datasets import load_digits

    folder = tmp_path_factory.mktemp("rates")
    grey = np.kron(load_digits().images[:600] * 15, np.ones((2, 2))).astype(np.uint8)
    write_array(folder / "digits.npy", np.stack([grey, 255 - grey, grey // 2], 1))
    changes = [f"data.source='{folder / 'digits.npy'}'", "model.code_size=8", "training.epochs=10"]
    start_run(parse_recipe(RECIPE, "digits", changes), folder / "run")
    return measure_rates(folder / "run", steps=(1.0, 0.1), samples=24)


def by_method(rates: list[Rate], method: str) -> list[Rate]:
    return [rate for rate in rates if rate.method == method]


def test_more_bits_are_a_better_picture(rates: list[Rate]) -> None:
    for method in ("model", "PCA 8", "PCA 64", "JPEG, mosaic", "WebP, each"):
        found = by_method(rates, method)
        bits = [rate.bits_per_pixel for rate in found]
        assert bits == sorted(bits)
        assert found[0].scores["psnr"].mean < found[-1].scores["psnr"].mean
        assert found[0].scores["ssim"].mean < found[-1].scores["ssim"].mean


def test_lossless_methods_lose_nothing(rates: list[Rate]) -> None:
    lossless = [rate for rate in rates if not rate.setting]
    assert len(lossless) == 7
    for rate in lossless:
        assert rate.scores["psnr"].mean == 100
        assert rate.scores["ssim"].mean == pytest.approx(1)


def test_a_mosaic_has_one_header(rates: list[Rate]) -> None:
    for name in ("JPEG", "WebP"):
        each, mosaic = (by_method(rates, f"{name}, {files}") for files in ("each", "mosaic"))
        assert [rate.setting for rate in each] == [rate.setting for rate in mosaic]
        assert all(a.bits_per_pixel > b.bits_per_pixel for a, b in zip(each, mosaic, strict=True))


@given(st.integers(1, 12), st.sampled_from([(4, 6), (3, 5, 2)]))
def test_a_mosaic_is_parted_again(count: int, shape: tuple[int, ...]) -> None:
    images = np.random.default_rng(count).integers(0, 256, (count, *shape), np.uint8)
    mosaic = _mosaic(images)
    assert mosaic.shape[0] == 1
    np.testing.assert_array_equal(_parted(mosaic, count), images)


@pytest.mark.parametrize("shape", [(9, 16), (3, 9, 16)])
def test_the_bytes_are_those_of_the_files(shape: tuple[int, ...]) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, *shape), np.uint8)
    size, decoded = _by_pillow(images, "PNG", {})
    np.testing.assert_array_equal(decoded, images)
    expected = 0
    for image in images:
        file = io.BytesIO()
        Image.fromarray(np.moveaxis(image, 0, -1) if image.ndim == 3 else image).save(file, "PNG")
        expected += len(file.getvalue())
    assert size == expected


def test_the_curves_are_those_of_the_lossy_methods(rates: list[Rate]) -> None:
    figure = rate_curves(rates)
    assert [axes.get_title(loc="left") or axes.get_title() for axes in figure.axes] == [
        "PSNR, dB",
        "SSIM",
    ]
    lines = figure.axes[0].get_lines()
    assert len(lines) == len({rate.method for rate in rates if rate.setting})
    assert max(line.get_ydata().max() for line in lines) < 100
