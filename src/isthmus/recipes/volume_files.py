"""Files of volumes: segmented by a trained model, and label volumes scored against references."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError, SettingError
from isthmus.core.files import atomic_file
from isthmus.data import Problem, write_table
from isthmus.data.mask_values import MaskValues
from isthmus.data.pairs import Value
from isthmus.data.problems import collect
from isthmus.data.volumes import (
    VolumeFile,
    list_volumes,
    open_volume,
    stem,
    write_label_volume,
    written_by_slice,
)
from isthmus.data.volumes.sets import label_values, refuse_elsewhere
from isthmus.metrics import (
    SegmentationScores,
    Uncertainty,
    segmentation_scores,
    segmentation_table,
)
from isthmus.models import VolumeEnsemble
from isthmus.recipes.apply import FILES, refuse_target
from isthmus.recipes.inputs import load_volume_segmenter
from isthmus.recipes.restore import write_image
from isthmus.recipes.score import Scored, chosen_names, find_groups, write_cases
from isthmus.recipes.segment import VOLUMES, parts_of, write_review
from isthmus.recipes.segmented import Wanted, named
from isthmus.recipes.volume_pictures import side_by_side


def segment_volumes(
    runs: Sequence[Path],
    source: Path,
    out: Path,
    wanted: Wanted,
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[int, list[Problem]]:
    """Write label volumes, each with the geometry of its volume, and how large the classes are.

    Memory holds the labels of one volume at a time and a slab of it, or the whole of it where its
    file cannot be read in slabs, or the runs look at slices in several planes.

    Parameters
    ----------
    runs
        Folders of runs, models or folds of volumes; of several the mean probabilities count.
    source
        A ``.nii`` or ``.nii.gz`` file, the folder of a DICOM series, or a folder of these.
    out
        A new folder: ``NAME.nii.gz`` with the labels 0, ..., K - 1, in sub-folders as in the
        source; and ``volumes.csv`` with voxels and ml of each class.
    wanted
        What else: ``overlay``, ``NAME.overlay.png`` with some slices; ``probabilities``,
        ``NAME.probability-k.nii`` of each class k but the background, float32; ``uncertainty``,
        ``NAME.uncertainty.nii``, the entropy of each voxel, 1 being log2 K bits, its mean where
        each class is predicted in ``volumes.csv``, and ``review.csv`` as of images; ``flips``.
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
        If a model is none of volumes, they do not fit together, or `out` cannot be used.
    StorageError
        If the disk refuses; files that were written are whole.
    """
    ensemble = load_volume_ensemble(runs)
    refuse_target(out, source)
    if out.suffix.lower() in (*FILES, ".nii", ".gz"):
        raise SettingError(f"Label volumes are written to a folder, not to '{out}'.")
    found, problems = volumes_by_name(source), list[Problem]()
    rows: dict[str, list[Any]] = defaultdict(list)
    reviewed: list[tuple[float, str, float]] = []
    count = 0
    for done, (name, path) in enumerate(found.items(), 1):
        segmented = collect(problems, name, _segment, ensemble, path, out / name, wanted)
        if segmented is not None:
            labels, voxel_ml, sums = segmented
            entropy = sums.entropy() if wanted.uncertainty else None
            _add_volumes(rows, name, labels, ensemble.class_names, voxel_ml, entropy)
            if wanted.uncertainty:
                expected = float(sums.expected_dice().mean())
                reviewed.append((-sums.structure_entropy(), name, expected))
            count += 1
        progress(done, len(found))
    if count:
        write_table(out / VOLUMES, {name: np.array(column) for name, column in rows.items()})
    write_review(out, reviewed)
    return count, problems


def load_volume_ensemble(folders: Sequence[Path]) -> VolumeEnsemble:
    """Segmenters of volumes of runs, models and folders of folds, as one.

    Raises
    ------
    ModelFileError
        If one cannot be loaded.
    SettingError
        If one is no segmenter of volumes, or they differ in classes.
    """
    return VolumeEnsemble([load_volume_segmenter(part) for part in parts_of(folders)])


def volumes_by_name(source: Path) -> dict[str, Path]:
    """Volumes of a source by their names, with the sub-folders that they are in."""
    found: dict[str, Path] = {}
    for path in list_volumes(source):
        inside = path.relative_to(source).as_posix() if path != source else path.resolve().name
        name = stem(inside)
        if name in found:
            raise DataError(f"{found[name]} and {path} have the same name; rename or remove one.")
        found[name] = path
    return found


def sliceable(file: VolumeFile, model: Any) -> VolumeFile | NDArray[Any]:
    """A file, or its array where a model's slices could not be read one after another."""
    return file.sliced(model.axis_) if len(model.axes_) == 1 else file.read().array


def _segment(
    ensemble: VolumeEnsemble, path: Path, target: Path, wanted: Wanted
) -> tuple[NDArray[np.int16], float, Uncertainty]:
    """Write what belongs to one volume; its labels, the ml of a voxel, and how sure they are."""
    file, axis, count = open_volume(path), ensemble.axis_, len(ensemble.class_names)
    volume, sums = sliceable(file, ensemble), Uncertainty(count)
    labels = np.empty(file.shape, np.int16)
    across = np.moveaxis(labels, axis, 0)
    with ExitStack() as files:

        def by_slice(ending: str) -> Callable[[int, NDArray[Any]], None]:
            place = named(target, f".{ending}.nii")
            return files.enter_context(written_by_slice(place, file.geometry, axis))

        chosen = range(1, count) if wanted.probabilities else ()
        write = {label: by_slice(f"probability-{label}") for label in chosen}
        write_entropy = by_slice("uncertainty") if wanted.uncertainty else None
        each = ensemble.by_slice(volume, file.spacing, flips=wanted.flips)
        for place, p in enumerate(each):
            across[place] = p.argmax(0)
            for label, write_one in write.items():
                write_one(place, p[label])
            if write_entropy is not None:
                write_entropy(place, sums.add(p, across[place]) / np.log2(count))
    write_label_volume(named(target, ".nii.gz"), labels, file.geometry)
    if wanted.overlay:
        with atomic_file(named(target, ".overlay.png")) as temporary:
            write_image(temporary, side_by_side(volume, labels, axis, file.spacing))
    return labels, file.geometry.voxel_ml, sums


def _add_volumes(
    rows: dict[str, list[Any]],
    name: str,
    labels: NDArray[np.int16],
    titles: Sequence[str],
    voxel_ml: float,
    entropy: NDArray[np.float64] | None,
) -> None:
    """A row for each class: voxels, ml, and mean entropy if it is known."""
    for label, title in enumerate(titles):
        voxels = int((labels == label).sum())
        row = {
            "image": name,
            "class": title,
            "label": label,
            "voxels": voxels,
            "ml": round(voxels * voxel_ml, 6),
        }
        if entropy is not None:
            row["entropy_bits"] = entropy[label]
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
        volumes_by_name(predictions), volumes_by_name(references), names, predictions, references
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
