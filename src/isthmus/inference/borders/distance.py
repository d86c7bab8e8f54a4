"""The distance to the border of an object, in steps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from isthmus.core.settings import PositiveInt
from isthmus.inference.borders._base import BORDERS, Borders, Relief, deepest, depths


@BORDERS.register("distance")
class Distance(Borders):
    """Background, and for each class of objects steps of the depth by the object's greatest one.

    Step b of B holds the pixels of relative depth d in (b / B, (b + 1) / B]; the expected d is the
    height. Steps are classes, so that every loss of label maps can learn them.

    Parameters
    ----------
    steps
        B.
    """

    def __init__(self, *, steps: PositiveInt = 5) -> None:
        self.steps = steps

    def pixel_classes(self, class_names: Sequence[str]) -> list[str]:
        """Background, then the steps of each class from its rim inwards."""
        background, *names = class_names
        steps = range(1, self.steps + 1)
        return [background, *(f"{name}, depth {step}" for name in names for step in steps)]

    def targets(
        self, objects: NDArray[np.integer], classes: NDArray[np.integer], count: int
    ) -> NDArray[np.int16]:
        """1 + B (class - 1) + step."""
        depth = depths(objects)
        step = np.ceil(self.steps * depth / deepest(objects, depth)).clip(1, self.steps)
        labels = self.steps * (classes.astype(np.int64) - 1) + step
        return np.where(objects > 0, labels, 0).astype(np.int16)

    def relief(self, probabilities: NDArray[np.float32], count: int) -> Relief:
        """The height is the expected relative depth, 0 for the background."""
        of_steps = probabilities[1:].reshape(count, self.steps, *probabilities.shape[1:])
        middles = (np.arange(self.steps, dtype=np.float32) + 0.5) / self.steps
        height = np.tensordot(middles, of_steps.sum(0), 1)
        return Relief(height.astype(np.float32), 1 - probabilities[0], of_steps.sum(1))
