"""Volumes with their label volumes, in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError
from isthmus.data.pairs import PairSet

Spacing = tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class VolumeSet(PairSet):
    """Volumes of any sizes, each with a label volume: a `PairSet` whose images have a depth.

    Attributes
    ----------
    images : tuple of ndarray
        Each ``(D, H, W)``, see `isthmus.data.volumes.Volume`.
    masks : tuple of ndarray of int16
        Label volumes ``(D, H, W)``; -1 where a voxel is to be ignored.
    spacings : tuple
        Size of a voxel in mm along D, H and W, of each volume.
    """

    spacings: tuple[Spacing, ...] = ()

    per_pair: ClassVar[tuple[str, ...]] = (*PairSet.per_pair, "spacings")

    def _check_pair(self, name: str, image: NDArray[Any], mask: NDArray[np.int16]) -> None:
        if image.ndim != 3 or mask.shape != image.shape or mask.dtype != np.int16:
            raise DataError(
                f"{self.name}: the volume {name} has the shape {image.shape}, its labels"
                f" {mask.shape} of {mask.dtype}; give (D, H, W) for both, labels as int16."
            )
