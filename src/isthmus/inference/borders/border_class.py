"""A class of its own for the border of objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from isthmus.core.settings import PositiveInt
from isthmus.inference.borders._base import BORDERS, Borders, Relief, deepest, depths


@BORDERS.register("class")
class BorderClass(Borders):
    """Background, the inside of each class of objects, and the border of any: K + 2 pixel classes.

    The border consists of pixels of objects, so that all but the background is an object. The
    deepest pixels of an object always are inside, however small it is.

    Parameters
    ----------
    width
        Pixels from the rim of an object that are border.
    where
        ``"rim"``: all along the rim; ``"touching"``: only along other objects.
    """

    def __init__(
        self, *, width: PositiveInt = 2, where: Literal["rim", "touching"] = "rim"
    ) -> None:
        self.width, self.where = width, where

    def pixel_classes(self, class_names: Sequence[str]) -> list[str]:
        """Background, each class, border."""
        return [*class_names, "border"]

    def targets(
        self, objects: NDArray[np.integer], classes: NDArray[np.integer], count: int
    ) -> NDArray[np.int16]:
        """Class of the object inside, K + 1 at its border."""
        depth = depths(objects)
        near = depth <= self.width if self.where == "rim" else self._near_others(objects)
        border = (objects > 0) & near & (depth < deepest(objects, depth))
        return np.where(border, count + 1, np.where(objects > 0, classes, 0)).astype(np.int16)

    def _near_others(self, objects: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Whether another object lies within the width."""
        from scipy.ndimage import maximum_filter, minimum_filter
        from skimage.morphology import disk

        disc = disk(self.width)
        labels = objects.astype(np.int64)
        most = maximum_filter(labels, footprint=disc)
        least = minimum_filter(np.where(labels > 0, labels, labels.max() + 1), footprint=disc)
        return np.asarray((most != labels) | (least != labels))

    def relief(self, probabilities: NDArray[np.float32], count: int) -> Relief:
        """The height is the probability of the inside."""
        inside = probabilities[1 : count + 1]
        return Relief(inside.sum(0), 1 - probabilities[0], inside)
