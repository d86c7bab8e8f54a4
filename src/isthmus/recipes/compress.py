"""Data compressed by a trained model into a file, and back: compress, decompress."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from isthmus.core.errors import SettingError
from isthmus.core.files import atomic_file
from isthmus.latent.codec import Codec
from isthmus.latent.compressed import Compressed
from isthmus.metrics import METRICS, Estimate, bootstrap_mean
from isthmus.recipes.apply import (
    as_brightness,
    as_pixels,
    check_form,
    number_names,
    refuse_target,
    write_samples,
)
from isthmus.recipes.inputs import load_autoencoder, read_for
from isthmus.recipes.scoring import scaled

SUFFIX = ".isthmus"
_SCORED = 2000  # samples at most whose quality is measured


@dataclass(frozen=True)
class Summary:
    """What a compressed file costs, and what it keeps.

    Attributes
    ----------
    samples, pixels, size
        Number of samples, number of pixels of an image (none of a table), bytes of the file.
    scores
        Mean and 95 % interval by kind of metric, over at most 2,000 samples; none if lossless.
    """

    samples: int
    pixels: int
    size: int
    scores: dict[str, Estimate]

    @property
    def bytes_per_sample(self) -> float:
        """Of the whole file, header and all."""
        return self.size / self.samples

    @property
    def bits_per_pixel(self) -> float:
        """Of the whole file, header and all; for images."""
        return 8 * self.bytes_per_sample / self.pixels


def compress_file(
    model_folder: Path, source: str, out: Path, *, step: float = 0.5, lossless: bool = False
) -> Summary:
    """Write data as the codes of a model, entropy-coded; see `isthmus.latent.codec.Codec`.

    The bytes are decoded again before the file is written, so that it is one that can be read.

    Raises
    ------
    SettingError
        If `out` does not end in ``.isthmus``, or is `source` itself.
    DataError
        If the data do not fit the model, or cannot come back exactly and `lossless` is on.
    """
    refuse_target(out, Path(source))
    if out.suffix.lower() != SUFFIX:
        raise SettingError(f"Compressed data are written to {SUFFIX}, not to '{out}'.")
    codec = Codec(load_autoencoder(model_folder), step, lossless)
    dataset = read_for(codec.model, source)
    content = codec.encode(dataset.samples, dataset.names or ())
    decoded = codec.decode(content, str(out))
    with atomic_file(out) as temporary:
        temporary.write_bytes(content)
    some = np.unique(np.linspace(0, len(dataset) - 1, _SCORED, dtype=np.int64))
    scores = {} if lossless else quality(codec.model, dataset.samples[some], decoded[some])
    pixels = pixel_count(dataset.sample_shape)
    return Summary(len(dataset), pixels, len(content), scores)


def decompress_file(model_folder: Path, file: Path, out: Path) -> int:
    """Write the samples of a compressed file as `reconstruct_file` does; return their number.

    Lossless pixels come back exactly, in ``.npy`` as in PNG files.

    Raises
    ------
    DataError
        If the file is foreign, truncated or damaged.
    ModelFileError
        If it was compressed with another model.
    SettingError
        If `out` cannot hold such samples, or is `file` itself.
    """
    refuse_target(out, file)
    codec = Codec(load_autoencoder(model_folder))
    check_form(codec.model, out)
    content = file.read_bytes()
    samples = codec.decode(content, str(file))
    names = Compressed.from_bytes(content, str(file)).names or number_names(len(samples))
    write_samples(codec.model, samples, names, out)
    return len(samples)


def pixel_count(sample_shape: tuple[int, ...]) -> int:
    """Pixels of an image ``(H, W)`` or ``(C, H, W)``; none of a table's row."""
    return math.prod(sample_shape[-2:]) if len(sample_shape) > 1 else 0


def quality(model: Any, samples: Any, decoded: Any) -> dict[str, Estimate]:
    """PSNR and SSIM of images as they are written, in whole pixels; squared error of tables.

    Each with its mean and 95 % interval; the squared error is that of the scaled values.
    """
    if samples.ndim == 2:
        kinds = ["mean_squared_error"]
        target, output = scaled(model, samples), scaled(model, decoded)
    else:
        kinds = ["psnr", "ssim"]
        pixels = as_pixels(model, decoded)
        target = as_brightness(model, samples)
        output = np.divide(pixels, np.iinfo(pixels.dtype).max, dtype=np.float32)
    return {
        kind: bootstrap_mean(METRICS.build(kind)(target, output))
        for kind in kinds
        if METRICS[kind].applies(target.shape[1:])
    }
