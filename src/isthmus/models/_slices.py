"""Volumes as the slices that a network of images sees."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError
from isthmus.data.intensities import Intensities
from isthmus.inference.segmentation import resized, resized_labels

Array = NDArray[Any]
Floats = NDArray[np.float32]
PLANES = ("axial", "coronal", "sagittal")
"""Planes of slices across the axes D, H and W of a volume."""
_SLAB = 2**22  # voxels that are read at once


class Sliceable(Protocol):
    """What gives parts of a volume ``(D, H, W)``: an array, or a file."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(D, H, W)."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of voxels."""

    def __getitem__(self, slices: tuple[slice, ...], /) -> Array:
        """A part."""


@dataclass(frozen=True)
class Part:
    """A box of a volume, which is read as it is asked for."""

    whole: Sliceable
    box: tuple[slice, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """(D, H, W)."""
        return tuple(one.stop - one.start for one in self.box)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of voxels."""
        return self.whole.dtype

    def __getitem__(self, slices: tuple[slice, ...], /) -> Array:
        """A part, of steps of 1."""
        inner = [one.indices(side) for one, side in zip(slices, self.shape, strict=True)]
        starts = [one.start for one in self.box]
        return self.whole[
            tuple(
                slice(start + first, start + last)
                for start, (first, last, _) in zip(starts, inner, strict=True)
            )
        ]


@dataclass(frozen=True)
class Slicer:
    """From volumes to slices, and their label slices.

    Attributes
    ----------
    axis
        The slices lie across it: 0, 1 or 2.
    neighbours
        Slices on either side that become channels; the first and last stand for those beyond.
    spacing
        Size in mm of the pixels to which slices are brought; None keeps them.
    intensities
        How grey values are scaled, by the whole volume.
    """

    axis: int
    neighbours: int
    spacing: float | None
    intensities: Intensities

    def size(self, shape: tuple[int, ...], spacing: tuple[float, ...]) -> tuple[int, int]:
        """Height and width of the slices of a volume."""
        sides = _without(shape, self.axis)
        if self.spacing is None:
            return sides[0], sides[1]
        height, width = (
            max(1, round(side * own / self.spacing))
            for side, own in zip(sides, _without(spacing, self.axis), strict=True)
        )
        return height, width

    def images(self, volume: Sliceable, spacing: tuple[float, ...]) -> list[Floats]:
        """All slices ``(1 + 2 neighbours, h, w)``, which share their memory."""
        stack = np.concatenate([*self._slabs(volume, spacing)])
        beside = self.neighbours
        padded = np.pad(stack, [(beside, beside), (0, 0), (0, 0)], "edge") if beside else stack
        return [padded[place : place + 1 + 2 * beside] for place in range(len(stack))]

    def labels(self, labels: Array, spacing: tuple[float, ...]) -> list[NDArray[np.int16]]:
        """Label slices ``(h, w)`` of a label volume."""
        size = self.size(labels.shape, spacing)
        return [resized_labels(one, size) for one in np.moveaxis(labels, self.axis, 0)]

    def one_by_one(self, volume: Sliceable, spacing: tuple[float, ...]) -> Iterator[Floats]:
        """The same slices as `images`, while no more than a slab is in memory."""
        window: deque[Floats] = deque(maxlen=1 + 2 * self.neighbours)
        for slab in self._slabs(volume, spacing):
            for one in slab:
                window.extend([one] * (1 if window else 1 + self.neighbours))
                if len(window) == window.maxlen:
                    yield np.stack(window)
        for _ in range(self.neighbours):
            window.append(window[-1])
            if len(window) == window.maxlen:
                yield np.stack(window)

    def _slabs(self, volume: Sliceable, spacing: tuple[float, ...]) -> Iterator[Floats]:
        """Scaled slices, some at a time, ``(n, h, w)``."""
        scaled = self.intensities.of(slabs(volume, self.axis))
        size = self.size(volume.shape, spacing)
        for slab in slabs(volume, self.axis):
            yield resized(scaled(np.moveaxis(slab, self.axis, 0)), size)


def slabs(volume: Sliceable, axis: int) -> Iterator[Array]:
    """Parts of a volume, one after another along an axis.

    Raises
    ------
    DataError
        If some voxels are no finite numbers.
    """
    depth = volume.shape[axis]
    thickness = max(1, _SLAB * depth // int(np.prod(volume.shape)))
    for start in range(0, depth, thickness):
        slices = [slice(None)] * 3
        slices[axis] = slice(start, min(start + thickness, depth))
        part = volume[tuple(slices)]
        if not np.isfinite(part).all():
            raise DataError("A volume holds voxels that are no finite numbers; give them a value.")
        yield part


def _without(values: tuple[Any, ...], axis: int) -> list[Any]:
    return [value for place, value in enumerate(values) if place != axis]
