"""Volumes with their label volumes: reading and checking of sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError
from isthmus.data.catalogue import CATALOGUE, find
from isthmus.data.limits import check_memory
from isthmus.data.making import is_made
from isthmus.data.mask_values import MaskValues
from isthmus.data.pair_check import PairCheck, check_made, check_opened
from isthmus.data.pair_files import (
    Facts,
    Listing,
    PairFiles,
    find_files,
    groups_of,
    predefined_of,
)
from isthmus.data.pair_reading import OpenPairs, decode_all, found_source, refuse_choices
from isthmus.data.pairs import PairReading, Value
from isthmus.data.problems import Problem, collect
from isthmus.data.volumes.finding import holds_volumes, list_volumes, open_volume
from isthmus.data.volumes.made import is_made_volumes, make_volumes
from isthmus.data.volumes.nifti import stem
from isthmus.data.volumes.volume import VolumeFile
from isthmus.data.volumes.volume_set import VolumeSet

LISTING = Listing(list_volumes, stem)
_MASKS = ("masks", "labels")  # names of the folder where none is given


@dataclass(frozen=True)
class _Pair:
    name: str
    image: VolumeFile
    mask: VolumeFile
    facts: Facts


@dataclass(frozen=True)
class OpenVolumes(OpenPairs):
    """Volumes and label volumes whose headers are read and fit together."""

    def decode(self, pair: Any) -> tuple[NDArray[Any], NDArray[np.int16]]:
        """Volume and label volume ``(D, H, W)``.

        Raises
        ------
        DataError
            If a file is damaged, or the labels hold a value of no class.
        """
        labels = self.classes.encode_volume(label_values(pair.mask), pair.mask.place)
        return pair.image.read().array, labels


def label_values(file: VolumeFile) -> NDArray[Any]:
    """Voxels ``(D, H, W)`` of a label volume, whole numbers.

    Raises
    ------
    DataError
        If there are others.
    """
    labels = file.read().array
    if labels.dtype.kind == "f":
        broken = labels[labels != np.rint(labels)]
        if broken.size:
            raise DataError(
                f"{file.place} holds labels that are no whole numbers, such as {broken[0]:.4g};"
                " bring label maps to another grid without smoothing."
            )
        labels = labels.astype(np.int32)
    return labels


def read_volumes(
    source: str | Path,
    *,
    values: Mapping[str, Value] | None = None,
    masks: str | None = None,
    images: str | None = None,
    index: str | None = None,
    ignore: Sequence[int | str] | None = None,
    groups: str | None = None,
    every_class: bool = True,
) -> VolumeSet:
    """Read volumes with their label volumes, whole, in the types in which they are stored.

    Parameters
    ----------
    source
        A name of the catalogue, a folder with one folder of volumes (``.nii``, ``.nii.gz``, or a
        folder for each DICOM series) and one of label volumes, paired by name; or a CSV file with
        the columns ``image`` and ``mask``.
    values, images, index, ignore, groups, every_class
        As of `isthmus.data.read_pairs`.
    masks
        Folder of the label volumes, "masks" or "labels" by default.

    Raises
    ------
    DataError
        If a partner is missing or lies elsewhere, labels hold a value of no class, or a file
        cannot be read.
    SettingError
        If `values` does not name two classes, each with values of its own.
    """
    given = {
        "values": values,
        "masks": masks,
        "images": images,
        "index": index,
        "ignore": ignore,
        "groups": groups,
    }
    if is_made_volumes(source):
        refuse_choices(source, given)
        return make_volumes(str(source))
    opened = open_volumes(source, given)
    spacings = tuple(pair.image.spacing for pair in opened.pairs)
    return VolumeSet(**decode_all(opened, every_class), spacings=spacings)


def is_volume_set(source: str | Path) -> bool:
    """Whether a source of pairs, a known name, folder or CSV file, is one of volumes."""
    path = Path(source)
    if isinstance(source, str) and source in CATALOGUE:
        if is_made(source) or is_made_volumes(source):
            return is_made_volumes(source)
        try:
            path = find(source)
        except DataError:
            return False
    if path.suffix.lower() == ".csv" and path.is_file():
        return ".nii" in path.read_text(encoding="utf-8", errors="replace").lower()
    return holds_volumes(path)


def check_volumes(source: str | Path, **settings: Any) -> PairCheck:
    """List everything that is wrong with volumes and their labels, see `check_pairs`.

    Parameters
    ----------
    source, settings
        As for `read_volumes`.

    Raises
    ------
    SettingError
        If a setting cannot be used.
    """
    if is_made_volumes(source):
        refuse_choices(source, settings)
        return check_made(make_volumes(str(source)))
    return check_opened(source, settings, open_volumes)


def open_volumes(source: str | Path, given: Mapping[str, Any]) -> OpenVolumes:
    """Find the volumes of a source by the settings of `read_volumes`, None for those not given."""
    name, path, reading = found_source(source, given)
    reading = _with_masks(path, reading)
    classes = MaskValues(reading.values, reading.ignore)
    problems: list[Problem] = []
    files = find_files(path, reading, problems, LISTING)
    found = [collect(problems, one.name, _open, one) for one in files]
    pairs = [pair for pair in found if pair is not None]
    size = sum(pair.image.size + 2 * int(np.prod(pair.image.shape)) for pair in pairs)
    collect(problems, name, check_memory, size, path, "use a part of the volumes")
    return OpenVolumes(
        name,
        classes,
        pairs,
        problems,
        collect(problems, name, groups_of, pairs, reading.groups, problems),
        collect(problems, name, predefined_of, pairs, reading, problems),
    )


def _with_masks(path: Path, reading: PairReading) -> PairReading:
    """The folder ``labels`` where there is no ``masks``."""
    default, other = _MASKS
    if reading.masks == default and not (path / default).exists() and (path / other).is_dir():
        return replace(reading, masks=other)
    return reading


def _open(files: PairFiles) -> _Pair:
    image, mask = open_volume(files.image), open_volume(files.mask)
    refuse_elsewhere(mask, image)
    return _Pair(files.name, image, mask, files.facts)


def refuse_elsewhere(labels: VolumeFile, volume: VolumeFile) -> None:
    """Refuse labels whose voxels do not lie where those of their volume do.

    Raises
    ------
    DataError
        If the shapes or the affines differ.
    """
    own, other = labels.geometry, volume.geometry
    if own.canonical_shape != other.canonical_shape:
        sizes = [" x ".join(map(str, one.canonical_shape)) for one in (own, other)]
        raise DataError(
            f"{labels.place} is {sizes[0]}, but {volume.place} is {sizes[1]} (up, backwards, to the"
            " left); bring the labels to the grid of the volume without smoothing."
        )
    if not own.same_place(other):
        raise DataError(
            f"{labels.place} does not lie where {volume.place} does (their affines differ); bring"
            " the labels to the grid of the volume without smoothing."
        )
