"""What a page shows of a run of an instance segmenter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from isthmus.data import overlay
from isthmus.data.overlay import class_colour
from isthmus.metrics import measure_of
from isthmus.metrics.instances import overlaps
from isthmus.recipes.runner import Run
from isthmus.recipes.segmentation import notes
from isthmus.reports import segmentation
from isthmus.reports.agreement import agreement_figure
from isthmus.reports.beside import beside_baselines
from isthmus.reports.page import Cell, Drawing, Fact, Section, Table
from isthmus.reports.style import bare, new_figure, plain

Array = NDArray[Any]
NOTE = (
    "Each score is that of an image, the mean over the classes of objects. A predicted object is"
    " right (TP) if its IoU with an object of the reference is above the one that is named. An"
    " image without objects, in which none is predicted, has no score."
)
_CASES = 4  # columns of a panel
_SIDE = 256  # pixels of what is shown of a larger image
# Vermilion, blue and yellow of the palette of classes.
_FAULTS = {"missed": 5, "added": 7, "both": 4}
_OPEN = 30  # images in a table that is not folded
_TITLES = {
    "name": "",
    "group": "group",
    "kind": "kind",
    "objects": "objects",
    "predicted_objects": "predicted objects",
}


def facts(run: Run) -> list[Fact]:
    """What the images are, how the network looks at them, and how objects are cut."""
    cut = run.model.cut_
    counts = [int(one.max(initial=0)) for one in run.dataset.objects]
    return [
        *segmentation.facts(run),
        (f"{sum(counts):,}", f"objects, {min(counts)} to {max(counts)} in an image"),
        (f"{cut.rise:.2g}", "pixels that a seed rises above the way to a higher one"),
        (f"{cut.object:.2g}", "least probability of an object"),
        (f"{cut.smallest}", "pixels of the smallest object"),
    ]


def draw(run: Run) -> Iterator[Drawing]:
    """All pictures that suit the run: name, caption, figure."""
    evaluation = run.evaluation
    scores = evaluation.values["model"]["ap_50"]
    order = np.argsort(scores, kind="stable")[: np.isfinite(scores).sum()]
    if len(order):
        yield _panel(run, "worst", f"{evaluation.part} images with the least score", order[:_CASES])
    some = np.random.default_rng(0).permutation(len(scores))[:_CASES]
    yield _panel(run, "cases", f"{evaluation.part} images, drawn at random", some)
    details = evaluation.details
    if len(scores) > 1:
        yield (
            "counts",
            "Predicted and true objects of each image; and their difference, with its mean and the"
            " limits between which 95 % of the images lie where differences are normal.",
            agreement_figure(
                details["predicted_objects"], details["objects"], "objects", "objects of an image"
            ),
        )
    yield from beside_baselines(
        run, "ap_50", what="image", by_case="scores-by-image", pieces="images"
    )


class _Case(NamedTuple):
    """A piece of an image with its objects, and what is wrong there."""

    title: str
    image: Array
    reference: Array
    prediction: Array
    wrong: Array


def _panel(run: Run, name: str, what: str, places: Array) -> Drawing:
    """Some images side by side."""
    caption = (
        f"{what[0].upper()}{what[1:]}: image, objects of the reference, predicted objects, and"
        " those without a partner of an IoU above 0.5: vermilion is missed, blue is added, yellow"
        f" is both, such as objects joined. Of an image of more than {_SIDE} pixels a side the part"
        " with most faults is shown."
    )
    return name, caption, _figure([_case(run, int(place)) for place in places])


def _case(run: Run, place: int) -> _Case:
    test, score = run.test, run.evaluation.values["model"]["ap_50"][place]
    image, reference = test.images[place], test.objects[place]
    (prediction,) = run.model.predict([image])
    found = overlaps(prediction, reference)
    right = found.iou > 0.5
    missed, added = (
        np.isin(map_, 1 + paired, invert=True) & (map_ > 0)
        for map_, paired in ((reference, found.rows[right]), (prediction, found.columns[right]))
    )
    kinds = {"both": missed & added, "missed": missed, "added": added}
    wrong = np.select([*kinds.values()], [_FAULTS[kind] for kind in kinds])
    part = _part(wrong > 0)
    shown = "no score" if np.isnan(score) else f"{score:.3f}"
    title = f"{plain(test.names[place])}\n{shown}"
    pieces = (reference[part], prediction[part], wrong[part])
    return _Case(title, image[..., part[0], part[1]], *pieces)


def _part(wrong: Array) -> tuple[slice, slice]:
    """The part of an image, of the size that is shown, where most is wrong."""
    sides = [min(_SIDE, side) for side in wrong.shape]
    crowded = uniform_filter(wrong.astype(np.float32), sides, mode="constant")
    centre = np.unravel_index(int(crowded.argmax()), wrong.shape)
    starts = [
        int(np.clip(at - part // 2, 0, side - part))
        for at, part, side in zip(centre, sides, wrong.shape, strict=True)
    ]
    y, x = (slice(start, start + part) for start, part in zip(starts, sides, strict=True))
    return y, x


def _figure(cases: Sequence[_Case]) -> Figure:
    rows = ("image", "reference", "prediction", "faults")
    figure, panels = new_figure(
        0.9 + 2 * len(cases), 0.7 + 2 * len(rows), nrows=len(rows), ncols=len(cases), squeeze=False
    )
    for column, case in zip(panels.T, cases, strict=True):
        grey = overlay(case.image, np.zeros(case.reference.shape, np.int16))
        shown = (
            grey,
            overlay(grey, case.reference, fill=0),
            overlay(grey, case.prediction, fill=0),
            overlay(grey // 2, case.wrong, fill=0.8),
        )
        for panel, picture in zip(column, shown, strict=True):
            panel.imshow(np.moveaxis(picture, 0, -1))
            bare(panel)
        column[0].set_title(case.title, fontsize=8, loc="center")
    for row, name in zip(panels, rows, strict=True):
        row[0].set_ylabel(name, rotation=0, ha="right", va="center")
    patches = [
        Patch(color="#{:02x}{:02x}{:02x}".format(*class_colour(label)), label=name)
        for name, label in _FAULTS.items()
    ]
    figure.legend(handles=patches, loc="outside lower left", ncols=3)
    return figure


def sections(run: Run) -> list[Section]:
    """A table of all images, as in ``cases.csv``."""
    details = run.evaluation.details
    columns = [_TITLES[name] if name in _TITLES else measure_of(name).title for name in details]
    rows: list[list[Cell]] = [
        list(row) for row in zip(*(column.tolist() for column in details.values()), strict=True)
    ]
    return [
        Section(
            f"Each of the {len(rows)} {run.evaluation.part} images, worst first",
            " ".join(notes(run.dataset, run.split)),
            tables=[Table(columns, rows)],
            note="The same as `cases.csv` in the folder of the run.",
            folded=len(rows) > _OPEN,
        )
    ]
