"""What an instance segmenter finds in files: instance maps, and tables of the objects."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError, SettingError
from isthmus.core.files import atomic_file
from isthmus.data import overlay, write_table
from isthmus.data.pixels import convert
from isthmus.inference.instances import Instances
from isthmus.recipes.restore import write_image
from isthmus.recipes.score_objects import OBJECTS

if TYPE_CHECKING:
    from isthmus.models import Ensemble
    from isthmus.recipes.segmented import Found, Wanted

Array = NDArray[Any]
COUNTS = "counts.csv"
_MOST = {".png": 2**16 - 1}  # objects that a format can number; TIFF takes 32 bits


class ObjectWriter:
    """An instance map for each image, its overlay, and tables of objects and counts.

    ``NAME.png`` has 16 bits, ``NAME.tif`` 32 where there are more than 65,535 objects: 0 is the
    background, 1 to n are the objects. ``NAME.overlay.png`` draws their outlines. ``objects.csv``
    has a row for each object, ``counts.csv`` one for each image and class.

    Raises
    ------
    SettingError
        If the models of an ensemble have other pixel classes.
    """

    def __init__(self, ensemble: Ensemble, wanted: Wanted) -> None:
        first, *others = ensemble.members
        if any(one.settings_["borders"] != first.settings_["borders"] for one in others):
            raise SettingError(
                "The models have other settings of 'borders', so that their probabilities mean"
                " other things; give models that were trained alike."
            )
        self._names, self._wanted = ensemble.class_names, wanted
        self._objects: dict[str, list[Any]] = defaultdict(list)
        self._counts: dict[str, list[Any]] = defaultdict(list)

    def write(self, target: Path, name: str, image: Array, found: Found) -> bool:
        """Write the instance map, and note its objects.

        Raises
        ------
        DataError
            If there are more objects than the format can number.
        """
        assert found.objects is not None  # noqa: S101  # the models tell them apart
        suffix, count = self._wanted.suffix, len(found.objects.classes)
        if count > _MOST.get(suffix, 2**32 - 1):
            raise DataError(
                f"{name} has {count:,} objects, but {suffix} numbers {_MOST[suffix]:,} at most; use"
                " --format tif, which takes 32 bits."
            )
        found.write_map(target.with_name(target.name + suffix))
        if self._wanted.overlay:
            with atomic_file(target.with_name(target.name + ".overlay.png")) as temporary:
                write_image(temporary, overlay(image, found.map, fill=0))
        self._note(name, image, found.objects)
        return True

    def _note(self, name: str, image: Array, found: Instances) -> None:
        columns = object_columns(found, image, self._wanted.spacing)
        names = np.array(self._names)
        columns = {
            "image": np.full(len(found.classes), name),
            "object": columns.pop("object"),
            "class": names[found.classes],
            **columns,
        }
        for column, values in columns.items():
            self._objects[column].append(values)
        for label, title in enumerate(self._names[1:], 1):
            areas = columns["area_px"][found.classes == label]
            row = {
                "image": name,
                "class": title,
                "objects": len(areas),
                "mean_area_px": float(areas.mean()) if len(areas) else float("nan"),
                "share": float(areas.sum() / found.map.size),
            }
            for column, value in row.items():
                self._counts[column].append(value)

    def finish(self, out: Path) -> None:
        """Write the tables."""
        objects = {name: np.concatenate(parts) for name, parts in self._objects.items()}
        write_table(out / OBJECTS, objects)
        write_table(out / COUNTS, {name: np.array(values) for name, values in self._counts.items()})


def object_columns(
    found: Instances, image: Array, spacing: tuple[float, float] | None = None
) -> dict[str, Array]:
    """Measures of the objects ``(n,)`` by name, of an image ``(H, W)`` or ``(C, H, W)``.

    ``object``, ``area_px``, with `spacing` (height and width of a pixel in mm) ``area_mm2``,
    ``centroid_y`` and ``centroid_x``, the box ``y0``, ``x0``, ``y1``, ``x1``, of which the last two
    lie one beyond its pixels, ``mean_intensity`` of the image's brightness in its own units, and
    ``eccentricity`` of the ellipse of the same second moments: 0 is a circle.
    """
    from skimage.measure import regionprops_table

    grey = convert(image, False, None) if image.ndim == 3 else image
    wanted = ("label", "area", "centroid", "mean_intensity", "eccentricity")
    table = regionprops_table(found.map, grey, properties=wanted)
    boxes = found.boxes
    columns: dict[str, Array] = {
        "object": table["label"].astype(np.int64),
        "area_px": table["area"].astype(np.int64),
    }
    if spacing is not None:
        columns["area_mm2"] = np.round(columns["area_px"] * spacing[0] * spacing[1], 6)
    columns |= {
        "centroid_y": table["centroid-0"],
        "centroid_x": table["centroid-1"],
        **{name: boxes[:, place] for place, name in enumerate(("y0", "x0", "y1", "x1"))},
        "mean_intensity": table["mean_intensity"],
        "eccentricity": table["eccentricity"],
    }
    return columns
