"""Bits and quality of a run's test images over many steps, beside PCA, JPEG, WebP and others."""

from __future__ import annotations

import io
import lzma
import math
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.decomposition import PCA

from isthmus.core.errors import SettingError
from isthmus.data import write_table
from isthmus.latent.codec import Codec, pack_codes
from isthmus.metrics import Estimate
from isthmus.recipes.apply import TABLES
from isthmus.recipes.autoencoding import read_data
from isthmus.recipes.compress import pixel_count, quality
from isthmus.recipes.inputs import load_autoencoder
from isthmus.recipes.runner import read_recipe

Pixels = NDArray[np.uint8]
Coded = tuple[int, Pixels]  # bytes, and what comes back
STEPS = (2.0, 1.4, 1.0, 0.7, 0.5, 0.35, 0.25)
_QUALITIES = (1, 5, 10, 20, 40, 60, 80, 95)
_LOSSY: dict[str, dict[str, Any]] = {"JPEG": {"optimize": True}, "WebP": {"method": 6}}
_LOSSLESS: dict[str, dict[str, Any]] = {
    "PNG": {"optimize": True},
    "WebP": {"lossless": True, "quality": 100, "method": 6},
}
_TRAINING_CASES = 10_000  # images at most that PCA is fitted to


class Rate(NamedTuple):
    """A row of the table.

    Attributes
    ----------
    method, setting
        What was compressed by what; the setting is a step, a quality or empty.
    bits_per_pixel
        Of all bytes, headers and all; a colour pixel counts once.
    scores
        PSNR and, if the images are large enough, SSIM, with their intervals. Lossless methods have
        the greatest, 100 dB and 1.
    """

    method: str
    setting: str
    bits_per_pixel: float
    scores: dict[str, Estimate]


def measure_rates(
    folder: Path, *, steps: Sequence[float] = STEPS, samples: int = 2000
) -> list[Rate]:
    """Bits per pixel, PSNR and SSIM of some test images by each method and setting.

    Methods: the run's model; PCA of half to eight times its code size, fitted to the training
    images, its codes quantised by one step for all components (which suits an orthonormal basis
    best) and coded by the same coder; JPEG and WebP, once image by image, each file's header
    counted, and once as one mosaic of all images, which has one header; and those that lose
    nothing. The weights of the model and the components of PCA are not counted.

    Parameters
    ----------
    folder
        Of a run on images of 8 bits.
    steps
        Of the quantiser, in standard deviations; for PCA, in the root mean variance of as many
        components as the model has code units.
    samples
        Test images at most, evenly chosen.

    Raises
    ------
    SettingError
        If the run's data are not images of 8 bits, or it has no test images.
    """
    recipe, model = read_recipe(folder), load_autoencoder(folder)
    dataset, parts = read_data(recipe.data)
    if dataset.samples.ndim < 3 or dataset.samples.dtype != np.uint8:
        raise SettingError(f"{folder} is not a run on images of 8 bits, which JPEG needs.")
    if not len(parts.test):
        raise SettingError(f"{folder} has no test images; train with data.test above 0.")
    test, train = (
        dataset.samples[part[:: math.ceil(len(part) / most)]]
        for part, most in ((parts.test, samples), (parts.train, _TRAINING_CASES))
    )
    pixels = len(test) * pixel_count(test.shape[1:])
    return [
        Rate(method, setting, 8 * size / pixels, quality(model, test, decoded))
        for method, setting, (size, decoded) in _coded(model, train, test, steps)
    ]


def write_rates(folder: Path, out: Path, *, samples: int = 2000) -> list[Rate]:
    """Measure rates and write them to ``.csv`` or ``.parquet``: see `measure_rates`.

    Columns: method, setting, bits_per_pixel; of PSNR and SSIM, means and 95 % intervals.
    """
    if out.suffix.lower() not in TABLES:
        raise SettingError(f"Rates are written to .csv or .parquet, not to '{out}'.")
    rates = measure_rates(folder, samples=samples)
    columns: dict[str, list[Any]] = {
        "method": [rate.method for rate in rates],
        "setting": [rate.setting for rate in rates],
        "bits_per_pixel": [rate.bits_per_pixel for rate in rates],
    }
    for kind in rates[0].scores:
        found = [rate.scores[kind] for rate in rates]
        columns[kind] = [one.mean for one in found]
        columns[f"{kind}_low"] = [one.low for one in found]
        columns[f"{kind}_high"] = [one.high for one in found]
    write_table(out, {name: np.array(column) for name, column in columns.items()})
    return rates


def _coded(
    model: Any, train: Pixels, test: Pixels, steps: Sequence[float]
) -> Iterator[tuple[str, str, Coded]]:
    """Method, setting, bytes and what comes back."""
    for step in steps:
        codec = Codec(model, step)
        content = codec.encode(test)
        yield "model", f"{step:g}", (len(content), codec.decode(content))
    yield from _by_pca(model.code_mean_.size, train, test, steps)
    for name, settings in _LOSSY.items():
        for number in _QUALITIES:
            coding = {"quality": number, **settings}
            yield f"{name}, each", str(number), _by_pillow(test, name, coding)
            yield f"{name}, mosaic", str(number), _as_mosaic(test, name, coding)
    codec = Codec(model, lossless=True)
    content = codec.encode(test)
    yield "model, lossless", "", (len(content), codec.decode(content))
    for name, settings in _LOSSLESS.items():
        yield f"{name}, lossless, each", "", _by_pillow(test, name, settings)
        yield f"{name}, lossless, mosaic", "", _as_mosaic(test, name, settings)
    yield "zlib, all", "", (len(zlib.compress(test.tobytes(), 9)), test)
    yield "xz, all", "", (len(lzma.compress(test.tobytes(), preset=9)), test)


def _by_pca(
    units: int, train: Pixels, test: Pixels, steps: Sequence[float]
) -> Iterator[tuple[str, str, Coded]]:
    """PCA of several sizes; a smaller one is the first components of the largest."""
    flat_train, flat_test = (
        part.reshape(len(part), -1).astype(np.float32) for part in (train, test)
    )
    most = min(8 * units, *flat_train.shape)
    pca = PCA(most, random_state=0).fit(flat_train)
    unit = float(np.sqrt(pca.explained_variance_[:units].mean()))
    codes = pca.transform(flat_test)
    sizes = sorted({min(most, max(1, units * factor // 2)) for factor in (1, 2, 4, 8, 16)})
    for size in sizes:
        for step in steps:
            quantised = np.rint(codes[:, :size] / (unit * step)).astype(np.int32)
            rebuilt = quantised * (unit * step) @ pca.components_[:size] + pca.mean_
            decoded = np.rint(rebuilt).clip(0, 255).astype(np.uint8).reshape(test.shape)
            yield f"PCA {size}", f"{step:g}", (len(pack_codes(quantised, step)), decoded)


def _by_pillow(images: Pixels, form: str, settings: dict[str, Any]) -> Coded:
    """Images ``(N, H, W)`` or ``(N, 3, H, W)``, each as a file of its own; bytes of all files."""
    size, decoded = 0, np.empty_like(images)
    for image, place in zip(images, decoded, strict=True):
        file = io.BytesIO()
        Image.fromarray(_channels_last(image)).save(file, form, **settings)
        size += file.tell()
        with Image.open(file) as opened:
            # WebP has no grey.
            found = np.asarray(opened.convert("L" if image.ndim == 2 else "RGB"))
        place[...] = found if image.ndim == 2 else np.moveaxis(found, -1, 0)
    return size, decoded


def _as_mosaic(images: Pixels, form: str, settings: dict[str, Any]) -> Coded:
    """All images as one file; its bytes."""
    size, decoded = _by_pillow(_mosaic(images), form, settings)
    return size, _parted(decoded, len(images))


def _channels_last(image: Pixels) -> Pixels:
    return np.ascontiguousarray(image if image.ndim == 2 else np.moveaxis(image, 0, -1))


def _grid(count: int) -> tuple[int, int]:
    """Rows and columns of a mosaic of so many images."""
    columns = math.isqrt(count - 1) + 1
    return math.ceil(count / columns), columns


def _mosaic(images: Pixels) -> Pixels:
    """All images side by side as one, ``(1, ...)``; black where there are none left."""
    rows, columns = _grid(len(images))
    whole = np.zeros((rows * columns, *images.shape[1:]), np.uint8)
    whole[: len(images)] = images
    by_column = whole.reshape(rows, columns, *images.shape[1:]).swapaxes(0, 1)
    return np.concatenate(np.concatenate(by_column, -1), -2)[None]


def _parted(mosaic: Pixels, count: int) -> Pixels:
    """The images of a mosaic."""
    rows, columns = _grid(count)
    strips = np.split(mosaic[0], rows, -2)
    images: Pixels = np.concatenate([np.split(strip, columns, -1) for strip in strips])[:count]
    return images
