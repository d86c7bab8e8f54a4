"""Volumes, and files of them that are read slab by slab."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError
from isthmus.data.limits import check_memory
from isthmus.data.volumes.geometry import Floats, Geometry

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Volume:
    """Voxels in the order (up, backwards, to the left), see `isthmus.data.volumes.AXES`.

    Attributes
    ----------
    name : str
        Of the file or folder.
    array : ndarray
        ``(D, H, W)``: integers as they were stored where nothing rescales them, else float32; of
        CT in Hounsfield units.
    geometry : Geometry
        Of the file that it is from.
    """

    name: str
    array: Array
    geometry: Geometry

    @property
    def affine(self) -> Floats:
        """``(4, 4)``: from (d, h, w, 1) to mm (RAS)."""
        return self.geometry.canonical_affine

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Size of a voxel in mm along D, H and W."""
        return self.geometry.spacing


class VolumeFile(ABC):
    """A volume whose header is read, and whose voxels are read when they are asked for.

    Attributes
    ----------
    path : Path
        The file, or the folder of a DICOM series.
    name : str
        Its name without suffix.
    geometry : Geometry
        Where the voxels lie.
    dtype : dtype
        In which they are read.
    """

    path: Path
    name: str
    geometry: Geometry
    dtype: np.dtype[Any]

    @property
    def place(self) -> str:
        """The path, for messages."""
        return str(self.path)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(D, H, W)."""
        return self.geometry.canonical_shape

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Size of a voxel in mm along D, H and W."""
        return self.geometry.spacing

    @property
    def size(self) -> int:
        """Bytes of all voxels."""
        return int(np.prod(self.shape)) * self.dtype.itemsize

    def __getitem__(self, slices: tuple[slice, ...]) -> Array:
        """A part, three slices of steps of 1 in (d, h, w).

        Raises
        ------
        DataError
            If the file is damaged, or holds values that are not finite.
        """
        part = self._read(self.geometry.file_slices(slices)).astype(self.dtype, copy=False)
        if part.dtype.kind == "f" and not np.isfinite(part).all():
            raise DataError(
                f"{self.place} holds voxels that are no finite numbers; give them a value, such as"
                " that of air."
            )
        return self.geometry.to_canonical(part)

    def read(self) -> Volume:
        """The whole volume.

        Raises
        ------
        DataError
            If the file is damaged, or larger than the memory.
        """
        check_memory(self.size, self.path, "cut it into parts")
        return Volume(self.name, self[(slice(None),) * 3], self.geometry)

    def sliced(self, axis: int) -> VolumeFile | Array:
        """What gives slices across an axis: the file, or the array where that is far quicker."""
        return self if self._cheap(axis) else self.read().array

    @abstractmethod
    def _read(self, slices: tuple[slice, ...]) -> Array:
        """A part in the file's order of axes."""

    @abstractmethod
    def _cheap(self, axis: int) -> bool:
        """Whether slices across an axis can be read one after another without reading all."""
