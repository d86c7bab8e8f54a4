"""Pictures of label maps over their images: references, predictions and where they differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from isthmus.data import PairSet, overlay
from isthmus.data.overlay import class_colour
from isthmus.inference.segmentation import resized, resized_labels
from isthmus.reports.style import bare, new_figure, plain

Array = NDArray[Any]
# Vermilion, blue and yellow of the palette of classes, which colour-blind readers tell apart.
_DIFFERENCES = {"missed": 5, "added": 7, "another class": 4}
_LONGER = 256  # pixels of the longer side of what is drawn
_COLUMN = 2.0  # inches
_UPRIGHT = 1.3  # height by width of images from which on columns become narrower
_NAMED = 8  # classes in a legend at most


class Case(NamedTuple):
    """An image ``(C, h, w)``, its label maps and the uncertainty ``(h, w)``, as they are drawn."""

    title: str
    image: Array
    reference: Array
    prediction: Array
    uncertainty: Array | None


def case_of(
    test: PairSet,
    place: int,
    title: str,
    prediction: Array,
    entropy: NDArray[np.float32] | None = None,
) -> Case:
    """One image of a set with its predicted label map, and its entropy in bits, as they are drawn.

    The uncertainty is the entropy from 0 to 1, where all classes are alike.
    """
    image, reference = test.images[place], test.masks[place]
    share = None if entropy is None else entropy / np.float32(np.log2(len(test.class_names)))
    return drawn(title, image, reference, prediction, reference.shape, share)


def drawn(
    title: str,
    image: Array,
    reference: Array,
    prediction: Array,
    sides: Sequence[float],
    uncertainty: NDArray[np.float32] | None = None,
) -> Case:
    """An image, its label maps and their uncertainty from 0 to 1, in a size to be drawn.

    `sides` are height and width in any unit.
    """
    factor = _LONGER / max(sides)
    height, width = (max(1, round(side * factor)) for side in sides)
    channels = image if image.ndim == 3 else image[None]
    return Case(
        title,
        resized(channels.astype(np.float32), (height, width)),
        resized_labels(reference, (height, width)),
        resized_labels(prediction, (height, width)),
        None if uncertainty is None else resized(uncertainty[None], (height, width))[0],
    )


def case_panel(cases: Sequence[Case], class_names: Sequence[str]) -> Figure:
    """A column for each case: image, reference, prediction, where they differ, uncertainty.

    The last is drawn where it is known of all.
    """
    uncertain = all(case.uncertainty is not None for case in cases)
    rows = ["image", "reference", "prediction", "difference", *["uncertainty"] * uncertain]
    highest = max(case.reference.shape[0] / case.reference.shape[1] for case in cases)
    width = _COLUMN * min(1.0, max(0.8, _UPRIGHT / highest))
    size = (0.9 + width * len(cases), 0.7 + width * highest * len(rows))
    figure, panels = new_figure(*size, nrows=len(rows), ncols=len(cases), squeeze=False)
    for column, case in zip(panels.T, cases, strict=True):
        grey = _grey(case.image)
        shown = [
            overlay(grey, np.zeros_like(case.reference)),
            overlay(grey, case.reference, fill=0),
            overlay(grey, case.prediction),
            overlay(grey // 2, differences(case.reference, case.prediction), fill=0.8),
        ]
        for panel, picture in zip(column, shown, strict=False):
            panel.imshow(np.moveaxis(picture, 0, -1))
        if uncertain:
            column[-1].imshow(case.uncertainty, cmap="viridis", vmin=0, vmax=1)
        column[0].set_title(case.title, fontsize=8, loc="center")
    _label_rows(panels, rows)
    named = {plain(name): label for label, name in enumerate(class_names[: _NAMED + 1]) if label}
    what = [name for name in _DIFFERENCES if len(class_names) > 2 or name != "another class"]
    _legend(figure, {**named, **{name: _DIFFERENCES[name] for name in what}})
    return figure


def piece_panel(
    before: tuple[Array, Array], after: tuple[Array, Array], class_names: Sequence[str]
) -> Figure:
    """Pieces ``(N, C, h, w)`` with their label maps ``(N, h, w)``, over the same when augmented."""
    count, _, height, width = before[0].shape
    figure, panels = new_figure(
        0.9 + _COLUMN * count, 0.5 + 2 * _COLUMN * height / width, nrows=2, ncols=count,
        squeeze=False,
    )  # fmt: skip
    for row, pieces in zip(panels, (before, after), strict=True):
        for panel, image, labels in zip(row, *pieces, strict=True):
            panel.imshow(np.moveaxis(overlay(_grey(image), labels, fill=0), 0, -1))
    _label_rows(panels, ["as cut", "augmented"])
    names = class_names[: _NAMED + 1]
    _legend(figure, {plain(name): label for label, name in enumerate(names) if label})
    return figure


def differences(reference: Array, prediction: Array) -> NDArray[np.int16]:
    """Label map ``(H, W)`` of what differs, 0 where nothing does, -1 where it does not count."""
    kinds = [reference < 0, reference == prediction, prediction == 0, reference == 0]
    labels = [-1, 0, _DIFFERENCES["missed"], _DIFFERENCES["added"]]
    return np.select(kinds, labels, _DIFFERENCES["another class"]).astype(np.int16)


def _grey(image: Array) -> NDArray[np.uint8]:
    """An image ``(1, H, W)`` or ``(3, H, W)`` as ``(3, H, W)`` of 8 bits."""
    return overlay(image[0] if len(image) == 1 else image, np.zeros(image.shape[1:], np.int16))


def _label_rows(panels: Any, names: Sequence[str]) -> None:
    for row, name in zip(panels, names, strict=True):
        row[0].set_ylabel(name, rotation=0, ha="right", va="center")
        for panel in row:
            bare(panel)


def _legend(figure: Figure, labels: dict[str, int]) -> None:
    """A patch of colour for each name, under the pictures."""
    patches = [
        Patch(color="#{:02x}{:02x}{:02x}".format(*class_colour(label)), label=name)
        for name, label in labels.items()
    ]
    figure.legend(handles=patches, loc="outside lower left", ncols=min(len(patches), 6))
