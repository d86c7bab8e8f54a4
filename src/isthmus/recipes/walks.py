"""New samples, and ways between samples, of a trained model: sample, interpolate, traverse."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError, SettingError
from isthmus.data import DataSet
from isthmus.latent import paths
from isthmus.latent.generation import draw_codes, nearest_distances, needs_no_codes
from isthmus.recipes.apply import (
    as_brightness,
    check_form,
    number_names,
    refuse_target,
    write_samples,
)
from isthmus.recipes.autoencoding import read_data
from isthmus.recipes.inputs import given_class, load_autoencoder, read_for
from isthmus.recipes.runner import has_recipe, read_recipe
from isthmus.recipes.scoring import scaled

Array = NDArray[Any]
_FITTED = 20_000  # codes at most to which a mixture is fitted
PICTURE = ".png"


class Walk(NamedTuple):
    """Decoded codes, to be drawn.

    Attributes
    ----------
    images
        ``(rows, columns, ...)`` in [0, 1].
    distances
        Of each, in scaled units, to the nearest sample of the data, ``(rows, columns)``.
    rows, columns
        What each row and column is.
    """

    images: NDArray[np.float32]
    distances: NDArray[np.float64]
    rows: list[str]
    columns: list[str]


def sample_file(
    folder: Path,
    out: Path,
    *,
    count: int,
    source: str | None = None,
    components: int | None = None,
    seed: int = 0,
    label: str | None = None,
) -> tuple[Walk | None, float]:
    """Write new samples; for a picture, return what it shows. Also the median distance to the data.

    Parameters
    ----------
    folder
        Of a run, or of a model.
    out
        ``.png`` for one picture of all; else as `isthmus.recipes.apply.decode_file`.
    source
        Data whose codes tell where to draw, and that distances are measured to; those that the run
        was trained on by default.
    components
        Gaussians fitted to the codes, see `isthmus.latent.generation.draw_codes`.
    label
        Class to draw, for a conditional model.

    Raises
    ------
    SettingError
        If `out` cannot hold such samples, or there are no data to tell where to draw.
    """
    model = given_class(load_autoencoder(folder), label)
    _check_out(model, out)
    if source is not None:
        refuse_target(out, Path(source))
        data = read_for(model, source).samples
    elif has_recipe(folder):
        dataset, parts = read_data(read_recipe(folder).data)
        data = dataset.samples[parts.train]
    else:
        raise SettingError(
            f"{folder} is a model without its data; give the folder of its run, or data by --data."
        )
    needed = not needs_no_codes(model, components)
    some = np.sort(np.random.default_rng(seed).permutation(len(data))[:_FITTED])
    codes = model.transform(data[some]) if needed else None
    drawn = draw_codes(model, count, codes=codes, components=components, seed=seed)
    samples = model.inverse_transform(drawn)
    distances = nearest_distances(scaled(model, samples), scaled(model, data[some]))
    if out.suffix.lower() != PICTURE:
        write_samples(model, samples, number_names(count), out)
        return None, float(np.median(distances))
    side = int(np.ceil(np.sqrt(count)))
    missing = -count % side
    images = as_brightness(model, samples)
    padded = np.concatenate([images, np.ones((missing, *images.shape[1:]))])
    shape = (-1, side)
    walk = Walk(
        padded.reshape(*shape, *images.shape[1:]),
        np.append(distances, np.full(missing, np.nan)).reshape(shape),
        [""] * (len(padded) // side),
        [""] * side,
    )
    return walk, float(np.median(distances))


def interpolate_file(
    folder: Path,
    source: str,
    out: Path,
    *,
    between: tuple[str, str],
    steps: int = 9,
    path: Literal["linear", "spherical"] = "linear",
    label: str | None = None,
) -> Walk | None:
    """Write what lies between two samples; for a picture, return what it shows.

    Parameters
    ----------
    between
        Names of two images of the source, or their numbers, counted from 1.
    path
        In the space of codes, see `isthmus.latent.paths`.
    label
        Class of all that is decoded, for a conditional model.

    Raises
    ------
    DataError
        If there is no such sample.
    """
    model = given_class(load_autoencoder(folder), label)
    _check_out(model, out)
    refuse_target(out, Path(source))
    data = read_for(model, source)
    ends = [place_of(data, name, source) for name in between]
    first, last = model.transform(data.samples[ends])
    codes = getattr(paths, path)(first, last, steps)
    samples = model.inverse_transform(codes)
    if out.suffix.lower() != PICTURE:
        write_samples(model, samples, number_names(steps), out)
        return None
    shares = [f"{share:.2g}" for share in np.linspace(0, 1, steps)]
    return _walk(model, samples[None], data, [f"{between[0]} to {between[1]}"], shares)


def traverse_file(
    folder: Path,
    source: str,
    *,
    sample: str = "1",
    steps: int = 9,
    reach: float = 3.0,
    label: str | None = None,
) -> Walk:
    """What each unit does: the code of a sample with one unit after the other moved.

    A unit goes `reach` standard deviations of its training codes below and above their mean. The
    units that vary most come first, at most twenty. `label` is the class, for a conditional model.

    Raises
    ------
    DataError
        If there is no such sample, or samples are not images.
    """
    model = given_class(load_autoencoder(folder), label)
    _check_images(model)
    data = read_for(model, source)
    place = place_of(data, sample, source)
    (code,) = model.transform(data.samples[[place]])
    units = np.argsort(-model.code_std_, kind="stable")[:20]
    offsets = np.linspace(-reach, reach, steps)
    codes = [
        paths.traversal(code, unit, model.code_mean_[unit] + offsets * model.code_std_[unit])
        for unit in units
    ]
    samples = np.stack([model.inverse_transform(row) for row in codes])
    columns = [f"{offset:+.2g} σ" for offset in offsets]
    return _walk(model, samples, data, [f"unit {unit + 1}" for unit in units], columns)


def place_of(data: DataSet, name: str, source: str) -> int:
    """The place of a sample by its name, with or without its ending, or by its number from 1.

    Raises
    ------
    DataError
        If there is none.
    """
    names = data.names or ()
    for known in (list(names), [Path(one).stem for one in names]):
        if known.count(name) == 1:
            return known.index(name)
    if name.isdecimal() and 1 <= int(name) <= len(data):
        return int(name) - 1
    raise DataError(
        f"{source} has no sample '{name}'; give a number from 1 to {len(data)}"
        f"{', or the name of one of its images' if data.names is not None else ''}."
    )


def _walk(model: Any, samples: Array, data: DataSet, rows: list[str], columns: list[str]) -> Walk:
    flat = samples.reshape(-1, *samples.shape[2:])
    distances = nearest_distances(scaled(model, flat), scaled(model, data.samples))
    images = as_brightness(model, flat)
    images = images.reshape(*samples.shape[:2], *images.shape[1:])
    return Walk(images, distances.reshape(samples.shape[:2]), rows, columns)


def _check_out(model: Any, out: Path) -> None:
    """Whether codes alone make samples that can be written so, before the work is done."""
    model.inverse_transform(model.code_mean_[None])
    if out.suffix.lower() == PICTURE:
        _check_images(model)
    else:
        check_form(model, out)


def _check_images(model: Any) -> None:
    if len(model.sample_shape_) == 1:
        raise DataError(
            "This model's samples are rows of a table, which no picture shows; write them to .csv,"
            " or decode codes of your own with `isthmus decode`."
        )
