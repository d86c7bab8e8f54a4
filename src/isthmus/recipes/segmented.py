"""What segmenters find in one image, and what is wanted of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError
from isthmus.data import write_label_map
from isthmus.data.field import lit_field
from isthmus.data.images import Page
from isthmus.data.pixels import convert
from isthmus.inference.instances import Instances
from isthmus.metrics import expected_dice, pixel_entropy, structure_entropy
from isthmus.models import Ensemble
from isthmus.recipes.pages import HeldPage

Image = NDArray[Any]  # (H, W) or (C, H, W)
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
        return Found(objects.class_map, _object_classes(model, p), objects)
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


def _labels(ensemble: Ensemble, p: NDArray[np.float32], image: Image) -> NDArray[np.int16]:
    """The most probable classes; background where such pixels were not counted in training."""
    labels: NDArray[np.int16] = p.argmax(0).astype(np.int16)
    if ensemble.members[0].data_.get("reading", {}).get("field_of_view") == "lit":
        labels[~lit_field(image)] = 0
    return labels


def _object_classes(model: Any, p: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probabilities ``(K, H, W)`` of the background and the classes of objects.

    Parameters
    ----------
    model
        An instance segmenter.
    p
        Probabilities ``(C, H, W)`` of its pixel classes.
    """
    relief = model.relief(p)
    share = relief.classes / relief.classes.sum(0).clip(np.finfo(np.float32).tiny)
    return np.concatenate([1 - relief.objects[None], share * relief.objects])


def named(target: Path, ending: str) -> Path:
    """A file whose name is that of the target with an ending."""
    return target.with_name(target.name + ending)  # names may hold dots
