"""What a segmenter finds in one image, as the page Segment shows it."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from isthmus.core.errors import DataError
from isthmus.core.labels import IGNORED
from isthmus.data.images import Page
from isthmus.data.overlay import class_colour, displayed
from isthmus.inference.instances import Instances
from isthmus.metrics import SEVERITY_SCALES, severity
from isthmus.metrics.instances import match, overlaps
from isthmus.metrics.overlap import overlap_counts
from isthmus.models import Cascade, Ensemble
from isthmus.recipes.object_files import object_columns
from isthmus.recipes.pages import HeldPage
from isthmus.recipes.segmented import Found, area_rows, read_as_trained, segment_image
from isthmus.recipes.shares import ShareOf, shares_of
from isthmus.studio.parts import Parts, packed
from isthmus.studio.samples import Sample

_IN_PNG = 2**16 - 1  # objects


class ClassArea(BaseModel):
    """What an image holds of a class.

    Attributes
    ----------
    pieces
        Connected parts, whose pixels touch by a side or a corner.
    dice
        With the reference, where there is one and the class is in either.
    """

    label: int
    name: str
    pixels: int
    share: float
    pieces: int
    dice: float | None = None


class ShareFound(BaseModel):
    """A share that the recipe names, in per cent; `None` where there is nothing of the whole."""

    name: str
    percent: float | None
    by_organ: dict[str, float | None]
    grade: str | None


class Counted(BaseModel):
    """Single objects beside those of the reference: matched at IoU 0.5, whatever their class."""

    true: int
    matched: float | None


class Segmentation(BaseModel):
    """What a model finds in an image.

    Attributes
    ----------
    page, pages
        Of a TIFF of several; 1 otherwise.
    label_bytes
        Of a number in the arrays ``labels`` and ``reference``.
    objects
        Columns with a value for each object, as of `isthmus.recipes.object_files.object_columns`,
        and ``label``, its class; `None` by models of classes.
    entropy_bits
        Mean entropy over what was segmented, by which images are reviewed; at most `most_bits`.
    notes
        Sentences on how the image was read.
    """

    run: str
    height: int
    width: int
    page: int
    pages: int
    label_bytes: int
    classes: list[ClassArea]
    shares: list[ShareFound]
    objects: dict[str, list[int | float]] | None
    counted: Counted | None
    entropy_bits: float
    most_bits: float
    expected_dice: float
    seconds: float
    notes: list[str]


def answer(
    run: str,
    ensemble: Ensemble,
    page: Page | HeldPage,
    sample: Sample | None,
    colour: bool,
    number: int = 1,
    pages: int = 1,
) -> Parts:
    """Segment an image, and say and show what was found; the sample is its reference."""
    image = read_as_trained(ensemble, page)
    began = time.perf_counter()
    found = segment_image(ensemble, image)
    seconds = time.perf_counter() - began
    objects, names = found.objects, ensemble.class_names
    if objects is not None and len(objects.classes) > _IN_PNG:
        raise DataError(
            f"{page.place} has {len(objects.classes):,} objects, more than a PNG can number; use"
            " `isthmus segment` with --format tif."
        )
    notes = []
    if pages > 1:
        notes.append(f"Page {number} of {pages}; `isthmus segment` takes all at once.")
    if colour and image.ndim == 2:
        notes.append("The model sees the brightness of the colours.")
    reference = None if sample is None else _reference(found, sample)
    most = max(int(one.max(initial=0)) for one in (found.map, reference) if one is not None)
    labels = found.map.astype(np.min_scalar_type(most))
    told = Segmentation(
        run=run,
        height=labels.shape[0],
        width=labels.shape[1],
        page=number,
        pages=pages,
        label_bytes=labels.itemsize,
        classes=_areas(found, names, sample),
        shares=_shares(ensemble.members[0], found.labels, names),
        objects=None if objects is None else _columns(objects, image),
        counted=None if sample is None else _counted(found, sample),
        entropy_bits=found.entropy,
        most_bits=float(np.log2(len(found.p))),
        expected_dice=found.expected_dice,
        seconds=seconds,
        notes=notes,
    )
    files = {
        "image": png(displayed(image)),
        "map": _map_file(found),
        "labels": packed(labels),
        "entropy": packed(found.uncertainty),
    }
    if reference is not None:
        files["reference"] = packed(reference.astype(labels.dtype))
    colours = [class_colour(label) for label in range(max(most + 1, len(names)))]
    files["palette"] = packed(np.array(colours, np.uint8))
    return Parts.of(told, files)


def _reference(found: Found, sample: Sample) -> NDArray[np.integer]:
    """What is known, in the terms of what was found; ignored pixels as background."""
    known = sample.mask if found.objects is None else sample.objects
    assert known is not None  # noqa: S101  # data of single objects have them
    return np.where(sample.mask == IGNORED, 0, known)


def _areas(found: Found, names: list[str], sample: Sample | None) -> list[ClassArea]:
    dice: dict[int, float | None] = {}
    if sample is not None:
        counted = sample.mask != IGNORED
        for label in range(1, len(names)):
            pair = found.labels == label, sample.mask == label
            dice[label] = _known(overlap_counts(*pair, counted).dice)
    return [
        ClassArea(name=row.pop("class"), dice=dice.get(row["label"]), **row)
        for row in area_rows(found.labels, names)
    ]


def _counted(found: Found, sample: Sample) -> Counted | None:
    if found.objects is None or sample.objects is None:
        return None
    reference = np.where(sample.mask == IGNORED, -1, sample.objects)
    pairs = overlaps(found.objects.map, reference)
    return Counted(true=len(pairs.reference), matched=_known(match(pairs).ap))


def _columns(objects: Instances, image: NDArray[Any]) -> dict[str, list[int | float]]:
    columns = {"label": objects.classes, **object_columns(objects, image)}
    return {name: values.tolist() for name, values in columns.items()}


def _shares(model: Any, labels: NDArray[np.int16], names: list[str]) -> list[ShareFound]:
    """Those that the recipe names; of a cascade its involvement."""
    shares = shares_of(model.data_)
    if not shares and isinstance(model, Cascade) and model.knows_organs:
        shares = {"involvement": ShareOf.model_validate(model.involvement)}
    return [
        ShareFound(
            name=name,
            percent=_known(one.percent(labels, names)),
            by_organ={
                organ: 100 * part / whole if whole else None
                for organ, (part, whole) in one.sides(labels, names).items()
            },
            grade=_grade(one, one.percent(labels, names)),
        )
        for name, one in shares.items()
    ]


def _grade(share: ShareOf, percent: float) -> str | None:
    if share.severity is None or np.isnan(percent):
        return None
    scale = SEVERITY_SCALES[share.severity]
    return scale.names[int(severity(percent, share.severity)) - scale.first]


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _map_file(found: Found) -> bytes:
    """The very file that `isthmus segment` writes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "map.png"
        found.write_map(path)
        return path.read_bytes()


def png(image: NDArray[np.uint8]) -> bytes:
    """A PNG of ``(H, W)`` or ``(3, H, W)``, made quickly."""
    pixels = np.moveaxis(image, 0, -1) if image.ndim == 3 else image
    return bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels), level=1))
