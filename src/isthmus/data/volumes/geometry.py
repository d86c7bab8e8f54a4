"""Where the voxels of a file lie, and the one order of axes in which volumes are worked on."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError

Array = NDArray[Any]
Floats = NDArray[np.float64]
AXES = ("S", "P", "L")
"""To which side of the patient the indices (d, h, w) of a volume grow: up, backwards, to the left.

An axial slice is thus seen as radiologists see it, the patient's right side at the left.
"""
_SAME_PLACE = 0.02  # of the smallest spacing, by which rounding may move a corner


@dataclass(frozen=True, eq=False)
class Geometry:
    """Shape and place of the voxels of a file, in the file's own order of axes.

    Attributes
    ----------
    place : str
        The file or folder, for messages.
    shape : tuple of int
        Of three axes; more of length 1 may follow.
    affine : ndarray of float64
        ``(4, 4)``: from indices to mm, to the patient's right, front and top side (RAS).
    fields : dict
        The fields of a NIfTI header that say the same, to be written again as they are; empty for
        another format.
    header_type : type or None
        Class of that header.

    Raises
    ------
    DataError
        If the affine is not finite, or takes a voxel to nothing.
    """

    place: str
    shape: tuple[int, ...]
    affine: Floats
    fields: dict[str, Array] = field(default_factory=dict)
    header_type: type | None = None

    def __post_init__(self) -> None:
        """Check that the voxels lie somewhere."""
        if len(self.shape) < 3 or any(side != 1 for side in self.shape[3:]) or 0 in self.shape:
            axes = " x ".join(map(str, self.shape))
            raise DataError(
                f"{self.place} has the shape {axes}, but a volume has three axes; save each volume"
                " of a series in a file of its own."
            )
        directions = self.affine[:3, :3]
        sizes = np.linalg.norm(directions, axis=0)
        # Of directions of length 1 the determinant is 1, or less as they come to lie in a plane.
        if not (
            np.isfinite(self.affine).all()
            and (sizes > 0).all()
            and abs(np.linalg.det(directions / sizes)) > 1e-3
        ):
            raise DataError(
                f"{self.place} has a geometry that cannot be (an affine that is not finite, or a"
                " voxel without size); convert the volume again from its source."
            )

    @cached_property
    def _order(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Of each canonical axis that of the file, and 1, or -1 where it runs the other way."""
        from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform

        found = ornt_transform(io_orientation(self.affine), axcodes2ornt(AXES))
        axes = np.argsort(found[:, 0])
        return tuple(axes.tolist()), tuple(found[axes, 1].astype(int).tolist())

    def file_axis(self, axis: int) -> tuple[int, bool]:
        """Axis of the file that is a canonical one, and whether it runs the same way."""
        axes, signs = self._order
        return axes[axis], signs[axis] > 0

    @property
    def canonical_shape(self) -> tuple[int, int, int]:
        """(D, H, W)."""
        depth, height, width = (self.shape[axis] for axis in self._order[0])
        return depth, height, width

    @cached_property
    def canonical_affine(self) -> Floats:
        """``(4, 4)``: from (d, h, w, 1) to mm (RAS)."""
        axes, signs = self._order
        turn = np.zeros((4, 4))
        for canonical, (own, sign) in enumerate(zip(axes, signs, strict=True)):
            turn[own, canonical] = sign
            turn[own, 3] = 0 if sign > 0 else self.shape[own] - 1
        turn[3, 3] = 1
        return np.asarray(self.affine @ turn)

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Size of a voxel in mm along D, H and W."""
        down, back, across = np.linalg.norm(self.canonical_affine[:3, :3], axis=0).tolist()
        return down, back, across

    @property
    def voxel_ml(self) -> float:
        """Size of a voxel in millilitres."""
        return float(abs(np.linalg.det(self.affine[:3, :3]))) / 1000

    def to_canonical(self, array: Array) -> Array:
        """A view ``(D, H, W)`` of an array in the file's order of axes."""
        axes, signs = self._order
        steps = tuple(slice(None, None, sign) for sign in signs)
        return array.transpose(axes)[steps]

    def from_canonical(self, array: Array) -> Array:
        """A view of a whole ``(D, H, W)`` in the file's order and shape."""
        axes, signs = self._order
        steps = tuple(slice(None, None, sign) for sign in signs)
        return array[steps].transpose(np.argsort(axes)).reshape(self.shape)

    def file_slices(self, slices: tuple[slice, ...]) -> tuple[slice, ...]:
        """What a part of the canonical array, of steps of 1, is in the file."""
        axes, signs = self._order
        found = [slice(None)] * 3
        for own, sign, wanted in zip(axes, signs, slices, strict=True):
            size = self.shape[own]
            start, stop, _ = wanted.indices(size)
            found[own] = slice(start, stop) if sign > 0 else slice(size - stop, size - start)
        return tuple(found)

    def same_place(self, other: Geometry) -> bool:
        """Whether the voxels of both lie at the same places, in whatever order of axes."""
        if self.canonical_shape != other.canonical_shape:
            return False
        corners = np.stack(np.meshgrid(*([0, side - 1] for side in self.canonical_shape)), -1)
        whole = np.append(corners.reshape(-1, 3), np.ones((8, 1)), axis=1)
        moved = whole @ (self.canonical_affine - other.canonical_affine).T
        return bool(np.abs(moved).max() <= _SAME_PLACE * min(self.spacing))
