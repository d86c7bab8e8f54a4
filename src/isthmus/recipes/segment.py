"""Trained segmenters applied to files, one image after another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from isthmus.core.errors import DataError, SettingError
from isthmus.core.files import atomic_file
from isthmus.core.registry import nearest
from isthmus.data import Problem, overlay, write_table
from isthmus.data.images import Page
from isthmus.data.problems import collect
from isthmus.models import Ensemble
from isthmus.recipes.apply import FILES, refuse_target
from isthmus.recipes.folds import fold_folders
from isthmus.recipes.inputs import load_segmenter
from isthmus.recipes.object_files import COUNTS, ObjectWriter
from isthmus.recipes.pages import HeldPage, pages_of
from isthmus.recipes.restore import write_image
from isthmus.recipes.score_objects import OBJECTS
from isthmus.recipes.segmented import (
    Found,
    Image,
    Wanted,
    area_rows,
    named,
    read_as_trained,
    segment_image,
)

AREAS, VOLUMES, REVIEW = "areas.csv", "volumes.csv", "review.csv"
# What is written of all images or volumes.
TABLES = {"areas": AREAS, "objects": OBJECTS, "counts": COUNTS, "volumes": VOLUMES}


def parts_of(folders: Sequence[Path]) -> list[Path]:
    """The folders, and in place of one that holds folds these."""
    return [part for folder in folders for part in fold_folders(folder) or [folder]]


def load_ensemble(folders: Sequence[Path]) -> Ensemble:
    """Segmenters of runs, models and folders of folds, as one.

    Raises
    ------
    ModelFileError
        If one cannot be loaded.
    SettingError
        If one is no segmenter, or they differ in classes or channels.
    """
    members = [load_segmenter(part) for part in parts_of(folders)]
    if len({one.task for one in members}) > 1:
        raise SettingError(
            "Some of the runs segment classes, others single objects; give runs of one sort."
        )
    return Ensemble(members)


def segment_files(
    runs: Sequence[Path],
    source: str | Path,
    out: Path,
    wanted: Wanted,
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[int, list[Problem]]:
    """Write label maps of images, each in its own size; memory holds one image at a time.

    Parameters
    ----------
    runs
        Folders of runs, models or folds; of several the mean probabilities count.
    source
        An image, a TIFF of several pages, a folder of these, or the name of a known set.
    out
        A new folder: ``NAME.png`` with the labels 0, ..., K - 1, in sub-folders as in the source,
        ``NAME#1.png`` and so on for pages; and ``areas.csv``. Of models of single objects what
        `isthmus.recipes.object_files.ObjectWriter` writes.
    wanted
        What else.
    progress
        Told after each image how many are done, and of how many.

    Returns
    -------
    int
        Number of images that were segmented.
    list of Problem
        Files that could not be used; the others are done.

    Raises
    ------
    SettingError, DataError, ModelFileError
        If the models do not fit together, `out` is taken, or names clash; nothing is written.
    StorageError
        If the disk refuses; files that were written are whole.
    """
    ensemble = load_ensemble(runs)
    chosen = None if wanted.masked is None else _label(ensemble, wanted.masked)
    refuse_target(out, Path(source))
    if out.suffix.lower() in FILES:
        raise SettingError(f"Label maps are written to a folder, not to '{out}'.")
    problems: list[Problem] = []
    pages = list(pages_of(source, problems))
    _refuse_clashes(pages, wanted, len(ensemble.class_names))
    writer = WRITERS[ensemble.members[0].task](ensemble, wanted)
    reviewed: list[tuple[float, str, float]] = []
    count = 0
    for done, page in enumerate(pages, 1):
        image = collect(problems, page.name, read_as_trained, ensemble, page)
        if image is not None:
            found = segment_image(ensemble, image, flips=wanted.flips)
            target = out / page.name
            if collect(problems, page.name, writer.write, target, page.name, image, found):
                _write_extras(target, image, found, wanted, chosen)
                if wanted.uncertainty:
                    reviewed.append((-found.entropy, page.name, found.expected_dice))
                count += 1
        progress(done, len(pages))
    if count:
        writer.finish(out)
    write_review(out, reviewed)
    return count, problems


def write_review(out: Path, reviewed: list[tuple[float, str, float]]) -> None:
    """Write negative entropy, name and expected Dice of images, the least certain first."""
    if reviewed:
        entropy, names, dice = map(np.array, zip(*sorted(reviewed), strict=True))
        columns = {"image": names, "entropy_bits": -entropy, "expected_dice": dice}
        write_table(out / REVIEW, columns)


def _label(ensemble: Ensemble, name: str) -> int:
    names = ensemble.class_names
    if name not in names:
        raise SettingError(
            f"This model knows no class '{name}'{nearest(name, names)}; its classes are"
            f" {', '.join(names)}."
        )
    return names.index(name)


# -- what is read ---------------------------------------------------------------------------------


def _refuse_clashes(pages: Sequence[Page | HeldPage], wanted: Wanted, classes: int) -> None:
    """Refuse two images whose label maps, or whose map and other picture, would be one file."""
    taken: dict[str, Path] = {}
    endings = [
        "",
        *((".overlay",) if wanted.overlay else ()),
        *(f".probability-{label}" for label in range(1, classes) if wanted.probabilities),
        *((".uncertainty",) if wanted.uncertainty else ()),
        *((".masked",) if wanted.masked else ()),
    ]
    for page in pages:
        for ending in endings:
            other = taken.setdefault(page.name + ending, page.path)
            if other != page.path:
                raise DataError(
                    f"Of {other} and {page.path} both, {page.name}{ending}{wanted.suffix} would be"
                    " written; rename or move one."
                )


def _write_extras(
    target: Path,
    image: Image,
    found: Found,
    wanted: Wanted,
    chosen: int | None,
) -> None:
    def write(ending: str, picture: Image) -> None:
        with atomic_file(named(target, ending)) as temporary:
            write_image(temporary, picture)

    if wanted.probabilities:
        for label, one in enumerate(found.p[1:], 1):
            write(f".probability-{label}.png", np.rint(65535 * one.clip(0, 1)).astype(np.uint16))
    if wanted.uncertainty:
        write(".uncertainty.png", found.uncertainty)
    if chosen is not None:
        suffix = ".tif" if image.dtype.kind == "f" else ".png"
        write(f".masked{suffix}", np.where(found.labels == chosen, image, np.zeros_like(image)))


class Writer(Protocol):
    """What is written of the models of one task, beside probabilities and the like."""

    def __init__(self, ensemble: Ensemble, wanted: Wanted) -> None:
        """Begin with nothing."""

    def write(self, target: Path, name: str, image: Image, found: Found) -> bool:
        """Write what belongs to one image, under names that begin with `target`; True."""

    def finish(self, out: Path) -> None:
        """Write the tables of all images."""


class MapWriter:
    """A label map for each image, its overlay, and the areas of the classes."""

    def __init__(self, ensemble: Ensemble, wanted: Wanted) -> None:
        self._ensemble, self._wanted = ensemble, wanted
        self._areas: dict[str, list[Any]] = defaultdict(list)

    def write(self, target: Path, name: str, image: Image, found: Found) -> bool:
        """Write the most probable classes, and the overlay if it is wanted."""
        found.write_map(named(target, self._wanted.suffix))
        if self._wanted.overlay:
            with atomic_file(named(target, ".overlay.png")) as temporary:
                write_image(temporary, overlay(image, found.labels))
        rows = area_rows(found.labels, self._ensemble.class_names, self._wanted.spacing)
        for row in rows:
            for column, value in {"image": name, **row}.items():
                self._areas[column].append(value)
        return True

    def finish(self, out: Path) -> None:
        """Write the areas."""
        columns = {name: np.array(column) for name, column in self._areas.items()}
        write_table(out / AREAS, columns)


WRITERS: dict[str, type[Writer]] = {"segmentation": MapWriter, "instances": ObjectWriter}
