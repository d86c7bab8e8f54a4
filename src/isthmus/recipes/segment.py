"""Trained segmenters applied to files, one image after another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError, SettingError
from isthmus.core.files import atomic_file
from isthmus.core.registry import nearest
from isthmus.data import Problem, overlay, write_label_map, write_table
from isthmus.data.field import lit_field
from isthmus.data.images import Page
from isthmus.data.pixels import convert
from isthmus.data.problems import collect
from isthmus.inference.instances import Instances
from isthmus.metrics import expected_dice, pixel_entropy, structure_entropy
from isthmus.models import Ensemble
from isthmus.recipes.apply import FILES, refuse_target
from isthmus.recipes.folds import fold_folders
from isthmus.recipes.inputs import load_segmenter
from isthmus.recipes.object_files import COUNTS, OBJECTS, ObjectWriter, object_classes
from isthmus.recipes.pages import HeldPage, pages_of
from isthmus.recipes.restore import write_image

Image = NDArray[Any]  # (H, W) or (C, H, W)
AREAS, REVIEW = "areas.csv", "review.csv"
TABLES = {"areas": AREAS, "objects": OBJECTS, "counts": COUNTS}  # that writers make
_TOUCHING = np.ones((3, 3))  # pixels of one piece share a side or a corner


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What `segment_files` writes, and how.

    Attributes
    ----------
    suffix
        Of label maps, ``.png`` or ``.tif``.
    overlay
        ``NAME.overlay.png``: the classes in colour over the image.
    probabilities
        ``NAME.probability-k.png`` of each class k but the background: 16 bits, 65535 being 1.
    uncertainty
        ``NAME.uncertainty.png``: the entropy of each pixel, 8 bits, 255 being log2 K bits; and
        ``review.csv``, the images from the least to the most certain by their mean entropy in what
        is no background, with the Dice to be expected.
    masked
        Name of a class: ``NAME.masked.png`` (``.tif`` of floating point numbers) is the image with
        everything else made 0.
    flips
        Whether probabilities are means over the image and its mirror images.
    spacing
        Height and width of a pixel in mm.
    """

    suffix: str = ".png"
    overlay: bool = False
    probabilities: bool = False
    uncertainty: bool = False
    masked: str | None = None
    flips: bool = False
    spacing: tuple[float, float] | None = None


def load_ensemble(folders: Sequence[Path]) -> Ensemble:
    """Segmenters of runs, models and folders of folds, as one.

    Raises
    ------
    ModelFileError
        If one cannot be loaded.
    SettingError
        If one is no segmenter, or they differ in classes or channels.
    """
    parts = [part for folder in folders for part in fold_folders(folder) or [folder]]
    members = [load_segmenter(part) for part in parts]
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
    if reviewed:
        entropy, names, dice = map(np.array, zip(*sorted(reviewed), strict=True))
        columns = {"image": names, "entropy_bits": -entropy, "expected_dice": dice}
        write_table(out / REVIEW, columns)
    return count, problems


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


def read_as_trained(ensemble: Ensemble, page: Page | HeldPage) -> Image:
    """An image as the models take it: colour becomes brightness for those of grey images."""
    image = convert(page.read(), {1: False, 3: True}.get(ensemble.channels), None)
    for model in ensemble.members:
        own = np.dtype(model.sample_dtype_).kind
        if model.settings_["intensities"]["kind"] == "unit" and image.dtype.kind != own:
            kinds = {"u": "whole numbers of 8 or 16 bits", "f": "floating point numbers"}
            raise DataError(
                f"{page.place} holds {kinds[image.dtype.kind]}, but this model was trained on"
                f" {kinds[own]} as they are; save the image in that form."
            )
    return image


# -- what is found --------------------------------------------------------------------------------


class Found(NamedTuple):
    """What models find in an image.

    Attributes
    ----------
    labels : ndarray of int16
        ``(H, W)``: the class of each pixel.
    p : ndarray of float32
        Probabilities ``(K, H, W)`` of the classes that the labels name.
    objects : Instances or None
        The single objects, by models that tell them apart.
    """

    labels: NDArray[np.int16]
    p: NDArray[np.float32]
    objects: Instances | None = None

    @property
    def entropy(self) -> float:
        """By which images are reviewed, see `isthmus.metrics.structure_entropy`."""
        return structure_entropy(self.p, self.labels)

    @property
    def expected_dice(self) -> float:
        """Mean over the classes, see `isthmus.metrics.expected_dice`."""
        return float(expected_dice(self.p, self.labels).mean())

    @property
    def uncertainty(self) -> NDArray[np.uint8]:
        """The entropy of each pixel ``(H, W)``, 255 being log2 K bits."""
        share = pixel_entropy(self.p) / np.float32(np.log2(len(self.p)))
        return np.asarray(np.rint(255 * share.clip(0, 1)), np.uint8)

    @property
    def map(self) -> NDArray[np.integer]:
        """What a file of labels holds ``(H, W)``: numbers of objects, else classes."""
        return self.labels if self.objects is None else self.objects.map

    def write_map(self, path: Path) -> None:
        """Write it, see `isthmus.data.write_label_map`; of objects in 16 bits at least."""
        write_label_map(path, self.map, bits=8 if self.objects is None else 16)


def segment_image(ensemble: Ensemble, image: Image, *, flips: bool = False) -> Found:
    """Segment one image, which is as `read_as_trained` gives it."""
    (p,) = ensemble.predict_proba([image], flips=flips)
    model: Any = ensemble.members[0]
    if model.task == "instances":
        objects: Instances = model.objects_of(p)
        return Found(objects.class_map, object_classes(model, p), objects)
    return Found(_labels(ensemble, p, image), p)


def area_rows(
    labels: NDArray[np.int16],
    class_names: Sequence[str],
    spacing: tuple[float, float] | None = None,
) -> list[dict[str, Any]]:
    """A row for each class: pixels, share of the image, connected pieces, area."""
    from scipy.ndimage import label

    rows = []
    for number, title in enumerate(class_names):
        inside = labels == number
        count = int(inside.sum())
        row: dict[str, Any] = {
            "class": title,
            "label": number,
            "pixels": count,
            "share": count / labels.size,
            "pieces": label(inside, _TOUCHING)[1],
        }
        if spacing is not None:
            row["area_mm2"] = round(count * spacing[0] * spacing[1], 6)
        rows.append(row)
    return rows


# -- what is written ------------------------------------------------------------------------------


def _named(target: Path, ending: str) -> Path:
    return target.with_name(target.name + ending)  # names may hold dots


def _labels(ensemble: Ensemble, p: NDArray[np.float32], image: Image) -> NDArray[np.int16]:
    """The most probable classes; background where such pixels were not counted in training."""
    labels: NDArray[np.int16] = p.argmax(0).astype(np.int16)
    if ensemble.members[0].data_.get("reading", {}).get("field_of_view") == "lit":
        labels[~lit_field(image)] = 0
    return labels


def _write_extras(
    target: Path,
    image: Image,
    found: Found,
    wanted: Wanted,
    chosen: int | None,
) -> None:
    def write(ending: str, picture: Image) -> None:
        with atomic_file(_named(target, ending)) as temporary:
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
        found.write_map(_named(target, self._wanted.suffix))
        if self._wanted.overlay:
            with atomic_file(_named(target, ".overlay.png")) as temporary:
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
