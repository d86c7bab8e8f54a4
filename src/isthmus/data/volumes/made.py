"""Sets of volumes with label volumes that are made of a seed, in memory or as files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from isthmus.core.files import atomic_folder
from isthmus.data.entry import MadeVolumes
from isthmus.data.made import MADE_VOLUMES
from isthmus.data.made._drawing import Size
from isthmus.data.making import drawn, names_and_parts, refuse_taken
from isthmus.data.pairs import Value
from isthmus.data.volumes.geometry import Geometry
from isthmus.data.volumes.nifti import write_label_volume, write_volume
from isthmus.data.volumes.volume_set import VolumeSet
from isthmus.data.writing import write_table

_MADE = {entry.name: entry for entry in MADE_VOLUMES}


def is_made_volumes(source: str | Path) -> bool:
    """Whether a source is the name of a set of volumes that is made."""
    return source in _MADE


def make_volumes(
    name: str, count: int | None = None, *, seed: int = 0, size: Size | None = None
) -> VolumeSet:
    """Make a set of volumes with label volumes, see `isthmus.data.make_pairs`.

    Parameters
    ----------
    name
        "made-chest-ct-volumes": 12 slices of 25 mm and pixels of 3.5 mm, in Hounsfield units.
    count
        Number of volumes.
    seed, size
        As of `isthmus.data.make_pairs`; height and width are those of the slices.

    Raises
    ------
    SettingError
        If a setting is out of range.
    """
    entry = _MADE[name]
    count = entry.count if count is None else count
    pictures = list(drawn(entry, count * entry.series, seed=seed, size=size))
    cases = [pictures[at : at + entry.series] for at in range(0, len(pictures), entry.series)]
    names, parts = names_and_parts(count, 1)
    return VolumeSet(
        name,
        tuple(np.stack([one.image for one in case]) for case in cases),
        tuple(np.stack([one.labels for one in case]) for case in cases),
        names,
        tuple(entry.pairs.values),
        np.array([case[0].facts[str(entry.pairs.groups)] for case in cases]),
        parts,
        (entry.spacing,) * count,
    )


def write_made_volumes(
    name: str,
    folder: str | Path,
    count: int | None = None,
    *,
    seed: int = 0,
    size: Size | None = None,
) -> Mapping[str, Value]:
    """Write a set of `make_volumes` as files, for `read_volumes`; all of it or nothing.

    The folder holds ``.nii.gz`` files in ``images/`` and ``labels/``, and ``index.csv``.

    Returns
    -------
    mapping of str to int
        The value of each class, the background first.

    Raises
    ------
    SettingError
        If a setting is out of range, or the folder is not empty.
    StorageError
        If the files cannot be written.
    """
    folder, entry = Path(folder), _MADE[name]
    refuse_taken(folder)
    dataset = make_volumes(name, count, seed=seed, size=size)
    values = np.array([*entry.pairs.values.values()], np.uint8)
    with atomic_folder(folder) as whole:
        for own, volume, labels in zip(dataset.names, dataset.images, dataset.masks, strict=True):
            geometry = _geometry(entry, volume.shape)
            write_volume(whole / "images" / f"{own}.nii.gz", volume, geometry)
            write_label_volume(whole / "labels" / f"{own}.nii.gz", values[labels], geometry)
        columns: dict[str, Any] = {"file": np.array(dataset.names), "split": dataset.predefined}
        write_table(whole / "index.csv", columns | {str(entry.pairs.groups): dataset.groups})
    return entry.pairs.values


def _geometry(entry: MadeVolumes, shape: tuple[int, ...]) -> Geometry:
    """Columns to the left, rows backwards, slices up, one after another in the file."""
    depth, height, width = entry.spacing
    affine = np.diag([-width, -height, depth, 1.0])
    return Geometry(entry.name, shape[::-1], affine)
