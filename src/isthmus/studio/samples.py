"""Some test images of runs whose data are at hand, with their references."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import IsthmusError
from isthmus.recipes.runner import TASKS, read_recipe
from isthmus.studio.answers import absent
from isthmus.studio.workspace import Workspace

OF_IMAGES = ("segmentation", "instances")  # tasks of segmenters of images
_MOST = 12  # images of a run
_MOST_RUNS = 4


class Sample(NamedTuple):
    """An image with its label map, -1 where it does not count, and the numbers of its objects."""

    name: str
    image: NDArray[Any]
    mask: NDArray[np.int16]
    objects: NDArray[np.int32] | None


class Samples(NamedTuple):
    """Those of a run, evenly spread over its test part; or why there are none."""

    cases: list[Sample]
    class_names: list[str]
    part: str
    why: str = ""


class Shelf:
    """Samples of the runs that were looked at last; the rest of their data is let go."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._kept: OrderedDict[tuple[str, float], Samples] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, name: str) -> Samples:
        """Those of a run, read when first asked for; 404 if there is no such run."""
        key = (name, self._workspace.card(name).trained)
        with self._lock:
            if key not in self._kept:
                self._kept[key] = _read(self._workspace, name)
                while len(self._kept) > _MOST_RUNS:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
            return self._kept[key]

    def one(self, name: str, number: int) -> tuple[Sample, list[str]]:
        """A sample by its place, and the names of its classes; 404 if there is none."""
        samples = self.of(name)
        if not 0 <= number < len(samples.cases):
            raise absent(f"'{name}' has no sample {number}.")
        return samples.cases[number], samples.class_names


def _read(workspace: Workspace, name: str) -> Samples:
    try:
        task = workspace.card(name).task
        if task not in OF_IMAGES:
            return Samples([], [], "", f"'{name}' is no segmenter of images.")
        dataset, parts = TASKS[task].read_data(read_recipe(workspace.path(name)).data)
    except IsthmusError as error:
        return Samples([], [], "", str(error))
    part = "test" if len(parts.test) else "training"
    places = parts.test if len(parts.test) else parts.train
    chosen = places[np.unique(np.linspace(0, len(places) - 1, _MOST).round().astype(int))]
    some = dataset.subset(chosen)
    objects = getattr(some, "objects", None) or [None] * len(some)
    cases = zip(some.names, some.images, some.masks, objects, strict=True)
    return Samples([Sample(*case) for case in cases], list(some.class_names), part)
