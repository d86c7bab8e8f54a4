"""Sets of images with label maps that are made of a seed, in memory or as files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import SettingError
from isthmus.core.files import atomic_folder
from isthmus.core.registry import nearest
from isthmus.data.entry import MadeEntry
from isthmus.data.made import MADE_PAIRS
from isthmus.data.made._drawing import Picture, Size
from isthmus.data.pairs import PARTS, PairSet, Value
from isthmus.data.writing import write_images, write_label_map, write_table

_PART_OF = (PARTS[0], PARTS[0], PARTS[0], PARTS[1], PARTS[2])  # of each five images
_SMALLEST = 32  # pixels
_MADE = {entry.name: entry for entry in MADE_PAIRS}


def is_made(source: str | Path) -> bool:
    """Whether a source is the name of a set that is made."""
    return source in _MADE


def make_pairs(
    name: str, count: int | None = None, *, seed: int = 0, size: Size | None = None
) -> PairSet:
    """Make a set of images with label maps.

    Each image is a function of the seed and its number alone: a larger count only adds images. Of
    each five (patients, where each has several images), three are for training, the fourth for
    validation and the fifth for testing.

    Parameters
    ----------
    name
        "made-lungs", "made-smoke", "made-vessels", "made-cells", "made-scenes", "made-hearts",
        "made-breasts" or "made-chest-ct".
    count
        Number of images; by default as `isthmus data ls` says.
    seed
        0 or larger.
    size
        Height and width in pixels, 32 or more each; by default as `isthmus data ls` says.

    Raises
    ------
    SettingError
        If a setting is unknown or out of range.
    """
    return pairs_of(name, list(draw_pictures(name, count, seed=seed, size=size)))


def pairs_of(name: str, pictures: Sequence[Picture]) -> PairSet:
    """The pictures of a made set with their names and parts."""
    entry = _entry_of(name)
    names, parts = names_and_parts(len(pictures), entry.series)
    together = entry.pairs.groups
    return PairSet(
        name,
        tuple(picture.image for picture in pictures),
        tuple(picture.labels for picture in pictures),
        names,
        tuple(entry.pairs.values),
        None if together is None else np.array([one.facts[together] for one in pictures]),
        parts,
    )


def draw_pictures(
    name: str, count: int | None = None, *, seed: int = 0, size: Size | None = None
) -> Iterator[Picture]:
    """Draw the images of `make_pairs` one by one, with label maps and single objects."""
    entry = _entry_of(name)
    return drawn(entry, entry.count if count is None else count, seed=seed, size=size)


def drawn(entry: MadeEntry, count: int, *, seed: int, size: Size | None) -> Iterator[Picture]:
    """Draw so many images of a made set one by one.

    Raises
    ------
    SettingError
        If a setting is out of range.
    """
    size = size or (entry.sample_shape[-2], entry.sample_shape[-1])
    if count < 1 or seed < 0 or min(size) < _SMALLEST:
        raise SettingError(
            f"{entry.name}: count={count}, seed={seed} and size={size} cannot be used; give a"
            f" count from 1, a seed from 0 and {_SMALLEST} pixels a side at least."
        )
    return (entry.picture(seed, number, size) for number in range(count))


def write_pairs(
    name: str,
    folder: str | Path,
    count: int | None = None,
    *,
    seed: int = 0,
    size: Size | None = None,
) -> Mapping[str, Value]:
    """Write a set of `make_pairs` as files, for `isthmus.data.read_pairs`; all of it or nothing.

    The folder holds PNG files in ``images/`` and ``masks/``, and ``index.csv`` with the parts, and
    where patients have several images with what is known of each; of a set with single objects
    also ``objects/``, where each has a number of its own.

    Returns
    -------
    mapping of str to int
        The value of each class in the masks, the background first.

    Raises
    ------
    SettingError
        If a setting is out of range, or the folder is not empty.
    StorageError
        If the files cannot be written.
    """
    entry, folder = _entry_of(name), Path(folder)
    refuse_taken(folder)
    pictures = draw_pictures(name, count, seed=seed, size=size)
    names, parts = names_and_parts(entry.count if count is None else count, entry.series)
    shades = np.array([*entry.pairs.values.values()], np.uint8)
    write_pictures(folder, zip(names, pictures, strict=True), shades, {"split": parts})
    return entry.pairs.values


def refuse_taken(folder: Path) -> None:
    """Refuse to write into what is not an empty folder, or a new one."""
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise SettingError(f"{folder} is not an empty folder; give a new one.")


def write_pictures(
    folder: Path,
    pictures: Iterable[tuple[str, Picture]],
    shades: NDArray[Any],
    columns: Mapping[str, NDArray[Any]],
) -> None:
    """Write named pictures as `write_pairs` does, each label as one of the shades.

    `columns` are further ones of the index, before those of the pictures' facts.
    """
    facts: dict[str, list[Any]] = defaultdict(list)
    with atomic_folder(folder) as whole:
        for stem, picture in pictures:
            write_images(whole / "images", picture.image[None], [stem])
            write_label_map(whole / "masks" / f"{stem}.png", shades[picture.labels])
            if picture.objects is not None:
                write_label_map(whole / "objects" / f"{stem}.png", picture.objects)
            for key, value in {"file": stem, **picture.facts}.items():
                facts[key].append(value)
        told = {key: np.array(values) for key, values in facts.items()}
        write_table(whole / "index.csv", {"file": told.pop("file"), **columns, **told})


def _entry_of(name: str) -> MadeEntry:
    if name not in _MADE:
        raise SettingError(
            f"There is no made set '{name}'{nearest(name, _MADE)}; choose from: {', '.join(_MADE)}."
        )
    return _MADE[name]


def names_and_parts(count: int, series: int) -> tuple[tuple[str, ...], NDArray[np.str_]]:
    """Names and parts of the images of a made set."""
    numbers = range(count)
    parts = np.array([_PART_OF[number // series % len(_PART_OF)] for number in numbers])
    return tuple(f"{number:04d}" for number in numbers), parts
