"""Files of volumes: segmented by a trained model, and label volumes scored against references."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError, SettingError
from isthmus.data import Problem, write_table
from isthmus.data.mask_values import MaskValues
from isthmus.data.pairs import Value
from isthmus.data.problems import collect
from isthmus.data.volumes import (
    Geometry,
    VolumeFile,
    list_volumes,
    open_volume,
    stem,
    write_label_volume,
)
from isthmus.data.volumes.sets import label_values, refuse_elsewhere
from isthmus.metrics import SegmentationScores, segmentation_scores, segmentation_table
from isthmus.recipes.apply import FILES, refuse_target
from isthmus.recipes.inputs import load_volume_segmenter
from isthmus.recipes.score import Scored, chosen_names, find_groups, write_cases

VOLUMES = "volumes.csv"


def segment_volumes(
    run: Path,
    source: Path,
    out: Path,
    *,
    flips: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[int, list[Problem]]:
    """Write label volumes, each with the geometry of its volume, and how large the classes are.

    Memory holds the labels of one volume at a time and a slab of it, or the whole of it where its
    file cannot be read in slabs.

    Parameters
    ----------
    run
        Folder of a run or model of volumes.
    source
        A ``.nii`` or ``.nii.gz`` file, the folder of a DICOM series, or a folder of these.
    out
        A new folder: ``NAME.nii.gz`` with the labels 0, ..., K - 1, in sub-folders as in the
        source; and ``volumes.csv`` with voxels and ml of each class.
    flips
        Whether probabilities are means over a slice and its mirror images.
    progress
        Told after each volume how many are done, and of how many.

    Returns
    -------
    int
        Number of volumes that were segmented.
    list of Problem
        A sentence for each that could not be read.

    Raises
    ------
    DataError
        If there are no volumes, or two would become one file.
    SettingError
        If the model is none of volumes, or `out` cannot be used.
    StorageError
        If the disk refuses; files that were written are whole.
    """
    model = load_volume_segmenter(run)
    refuse_target(out, source)
    if out.suffix.lower() in (*FILES, ".nii", ".gz"):
        raise SettingError(f"Label volumes are written to a folder, not to '{out}'.")
    found, problems = _by_name(source), list[Problem]()
    rows: dict[str, list[Any]] = defaultdict(list)
    count = 0
    for done, (name, path) in enumerate(found.items(), 1):
        segmented = collect(problems, name, _segment, model, path, flips)
        if segmented is not None:
            labels, geometry = segmented
            write_label_volume(out / f"{name}.nii.gz", labels, geometry)
            _add_volumes(rows, name, labels, model, geometry.voxel_ml)
            count += 1
        progress(done, len(found))
    if count:
        write_table(out / VOLUMES, {name: np.array(column) for name, column in rows.items()})
    return count, problems


def _by_name(source: Path) -> dict[str, Path]:
    """Volumes of a source by their names, with the sub-folders that they are in."""
    found: dict[str, Path] = {}
    for path in list_volumes(source):
        inside = path.relative_to(source).as_posix() if path != source else path.resolve().name
        name = stem(inside)
        if name in found:
            raise DataError(f"{found[name]} and {path} have the same name; rename or remove one.")
        found[name] = path
    return found


def _segment(model: Any, path: Path, flips: bool) -> tuple[NDArray[np.int16], Geometry]:
    file = open_volume(path)
    (labels,) = model.predict([file.sliced(model.axis_)], [file.spacing], flips=flips)
    return labels, file.geometry


def _add_volumes(
    rows: dict[str, list[Any]], name: str, labels: NDArray[np.int16], model: Any, voxel_ml: float
) -> None:
    """A row for each class: voxels and ml."""
    titles = model.data_.get("class_names") or [str(label) for label in model.classes_]
    for label, title in enumerate(titles):
        voxels = int((labels == label).sum())
        row = {
            "image": name,
            "class": title,
            "label": label,
            "voxels": voxels,
            "ml": round(voxels * voxel_ml, 6),
        }
        for column, value in row.items():
            rows[column].append(value)


def score_volumes(
    predictions: Path,
    references: Path,
    values: Mapping[str, Value],
    *,
    ignore: Sequence[int | str] = (),
    names: Sequence[str] | None = None,
    groups: str | None = None,
    out: Path | None = None,
) -> Scored:
    """Score label volumes in one folder against those of the same names in another, in mm.

    Parameters
    ----------
    predictions, references
        Folders, or single files, of NIfTI label volumes, paired by name without suffix.
    values, ignore, names, groups, out
        See `isthmus.recipes.score.score_folders`.

    Raises
    ------
    DataError
        If a file cannot be read, holds a value of no class, or does not lie where its reference
        does.
    SettingError
        If values, names or groups cannot be used.
    """
    classes = MaskValues(values, ignore)
    found, wanted = chosen_names(
        _by_name(predictions), _by_name(references), names, predictions, references
    )
    of_case = find_groups({name: name for name in wanted}, wanted, groups, stem)
    cases = [_score(classes, path, found.get(name)) for name, path in wanted.items()]
    if out is not None:
        write_cases(out, list(wanted), classes.class_names, cases, of_case)
    return Scored(
        list(wanted),
        classes.class_names,
        cases,
        segmentation_table(cases, of_case),
        sorted(wanted.keys() - found.keys()),
        sorted(found.keys() - wanted.keys()),
    )


def _score(classes: MaskValues, reference: Path, prediction: Path | None) -> SegmentationScores:
    own = open_volume(reference)
    wanted = _encoded(classes, own)
    given = np.zeros_like(wanted)
    if prediction is not None:
        other = open_volume(prediction)
        refuse_elsewhere(other, own)
        given = _encoded(classes, other)
    chosen = range(1, len(classes.class_names))
    return segmentation_scores(given, wanted, chosen, spacing=own.spacing)


def _encoded(classes: MaskValues, file: VolumeFile) -> NDArray[np.int16]:
    """Labels ``(D, H, W)`` of a file."""
    return classes.encode_volume(label_values(file), file.place)
