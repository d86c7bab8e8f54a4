"""Corrupted samples restored by a denoising autoencoder and by what it should beat."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from isthmus.corruption import CORRUPTIONS
from isthmus.data.image_files import decode, read_header
from isthmus.data.images import list_images
from isthmus.data.pixels import convert
from isthmus.inference.classical import RESTORERS, LinearRestorer
from isthmus.recipes.restore import restore_image
from isthmus.training.examples import derive_seed

Array = NDArray[Any]
_SEED = 25  # of the corruption of test samples
_AT_ONCE = 256  # samples corrupted at a time
_RIDGE_VALUES = 1024  # values of a sample up to which a linear map between samples is fitted
_RIDGE_SAMPLES = 60_000
_LEAST_SIDE = 64  # pixels of an image from which on classical filters are worth their time
# Which classical restorers know what to do about a corruption.
_CLASSICAL = {
    "gaussian": ("non_local_means", "wavelet"),
    "speckle": ("non_local_means", "wavelet"),
    "poisson": ("non_local_means", "wavelet"),
    "salt_and_pepper": ("median",),
    "haze": ("dark_channel",),
}


def corrupt(corruption: Any, samples: Array, *, seed: int = _SEED) -> NDArray[np.float32]:
    """C(x) of scaled samples ``(N, ...)``, the same each time."""
    parts = []
    for start in range(0, len(samples), _AT_ONCE):
        x = torch.tensor(samples[start : start + _AT_ONCE], dtype=torch.float32)
        generator = torch.Generator().manual_seed(derive_seed(seed, start))
        parts.append(corruption(x, generator).numpy())
    return np.concatenate(parts)


def restored_files(model: Any, source: str) -> Iterator[tuple[Array, dict[str, Array]]]:
    """Each image of a file or folder, in [0, 1], as a set of one; and its restorations by method.

    Each is read in grey or in colour as the model's own images were, in its own size, and corrupted
    by a draw of its own that is the same each time.
    """
    spec = model.settings_["corruption"]
    corruption = CORRUPTIONS.build(spec)
    untrained = model.untrained()
    colour = len(model.sample_shape_) == 3
    for number, path in enumerate(list_images(Path(source))):
        pixels = convert(decode(read_header(path)), colour, None)
        white = np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else 1
        target = (pixels.astype(np.float32) / np.float32(white))[None]
        given = corrupt(corruption, target, seed=derive_seed(_SEED, number))
        yield (
            target,
            {
                "model": restore_image(model, given[0])[None],
                "corrupted sample": given,
                **classical(spec, given),
                "untrained network": restore_image(untrained, given[0])[None],
                "mean sample": np.full_like(target, target.mean()),
            },
        )


def restored_by_each(model: Any, train: Array, target: Array) -> dict[str, Array]:
    """Restorations of corrupted samples by method, all in scaled units.

    Parameters
    ----------
    model
        A fitted denoising autoencoder; its own corruption is applied, by a fixed seed.
    train, target
        Clean scaled samples ``(N, ...)``: those that baselines may learn from, and those that are
        corrupted and restored.
    """
    spec = model.settings_["corruption"]
    corruption = CORRUPTIONS.build(spec)
    given = corrupt(corruption, target)
    outputs: dict[str, Array] = {
        "model": _by_network(model, given),
        "corrupted sample": given,
    }
    if target[0].size <= _RIDGE_VALUES:
        some = train[:_RIDGE_SAMPLES]
        ridge = LinearRestorer().fit(corrupt(corruption, some, seed=_SEED + 1), some)
        outputs["linear ridge"] = ridge(given)
    outputs |= classical(spec, given)
    outputs["untrained network"] = _by_network(model.untrained(), given)
    outputs["mean sample"] = np.broadcast_to(train.mean(0), target.shape)
    return outputs


def classical(corruption: dict[str, Any], given: Array) -> dict[str, Array]:
    """Restorations of corrupted images by the classical methods for such a corruption, if large."""
    if given.ndim < 3 or min(given.shape[-2:]) < _LEAST_SIDE:
        return {}
    settings = {}
    sigma = corruption.get("sigma")
    if corruption["kind"] == "gaussian" and isinstance(sigma, int | float):
        settings = {"sigma": sigma / corruption["white"]}
    kinds = _CLASSICAL.get(corruption["kind"], ())
    return {
        kind.replace("_", " "): RESTORERS.build({"kind": kind, **settings})(given) for kind in kinds
    }


def _by_network(model: Any, given: Array) -> NDArray[np.float32]:
    """Scaled restorations of scaled samples."""
    restored = model.reconstruct(model.scaling_.undo(np.asarray(given, np.float32)))
    return np.asarray(model.scaling_.apply(restored), np.float32)
