"""Label volumes and probabilities of volumes, for what knows those of slice after slice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError
from isthmus.models._slices import PLANES, Sliceable

Spacing = tuple[float, float, float]
Probabilities = NDArray[np.float32]
_UNKNOWN: Spacing = (1.0, 1.0, 1.0)


class PredictingVolumesMixin:
    """`predict`, `predict_proba` and `by_slice` of volumes ``(D, H, W)`` of any sizes."""

    if TYPE_CHECKING:  # what the class that is mixed in has
        axis_: int

        def _of_slices(
            self, volume: Sliceable, size: Spacing, flips: bool
        ) -> Iterator[Probabilities]:
            """Probabilities ``(K, h, w)`` of one slice across `axis_` after another."""

    @property
    def plane_(self) -> str:
        """Name of the plane of the slices."""
        return PLANES[self.axis_]

    @property
    def axes_(self) -> set[int]:
        """All axes that slices are taken across."""
        return {self.axis_}

    def predict_proba(
        self, X: Sequence[Any], spacings: Sequence[Spacing] | None = None, *, flips: bool = False
    ) -> list[Probabilities]:
        """Probabilities of the classes, ``(K, D, H, W)``, of each volume; see `predict`."""
        return [
            np.moveaxis(np.stack([*self.by_slice(volume, size, flips=flips)], 1), 1, 1 + self.axis_)
            for volume, size in zip(X, sizes_of(spacings, len(X)), strict=True)
        ]

    def predict(
        self, X: Sequence[Any], spacings: Sequence[Spacing] | None = None, *, flips: bool = False
    ) -> list[NDArray[np.int16]]:
        """Label volumes ``(D, H, W)``: the most probable class of each voxel.

        Parameters
        ----------
        X
            Volumes ``(D, H, W)``; also files (`isthmus.data.volumes.VolumeFile`), of which no more
            than a slab is in memory beside the labels.
        spacings
            Size of a voxel in mm along D, H and W, of each volume.
        flips
            As of `Segmenter.predict_proba`.
        """
        found = []
        for volume, size in zip(X, sizes_of(spacings, len(X)), strict=True):
            labels = np.empty(checked_volume(volume).shape, np.int16)
            across = np.moveaxis(labels, self.axis_, 0)
            for place, p in enumerate(self.by_slice(volume, size, flips=flips)):
                across[place] = p.argmax(0)
            found.append(labels)
        return found

    def by_slice(
        self,
        volume: Any,
        spacing: Spacing | None = None,
        *,
        axis: int | None = None,
        flips: bool = False,
    ) -> Iterator[Probabilities]:
        """Probabilities ``(K, h, w)`` of one slice after another, in the volume's own size.

        Parameters
        ----------
        volume, spacing, flips
            As of `predict`, of one volume.
        axis
            That the slices lie across, by default the model's own `axis_`; across another one the
            probabilities of the whole volume are in memory.
        """
        (size,) = sizes_of(None if spacing is None else [spacing], 1)
        if axis is None or axis == self.axis_:
            return self._of_slices(checked_volume(volume), size, flips)
        (p,) = self.predict_proba([volume], [size], flips=flips)
        return iter(np.moveaxis(p, 1 + axis, 0))


def sizes_of(spacings: Sequence[Spacing] | None, count: int) -> list[Spacing]:
    """A spacing for each volume, 1 mm where none are given.

    Raises
    ------
    DataError
        If they are no such numbers.
    """
    if spacings is None:
        return [_UNKNOWN] * count
    sizes = [cast(Spacing, tuple(map(float, one))) for one in spacings]
    if len(sizes) != count or any(
        len(size) != 3 or not all(0 < side < np.inf for side in size) for size in sizes
    ):
        raise DataError(
            f"Spacings are three numbers of mm above 0 for each of {count} volumes, not"
            f" {spacings!r}."
        )
    return sizes


def checked_volume(volume: Any) -> Sliceable:
    """A volume of three axes; files stay as they are.

    Raises
    ------
    DataError
        If it is none.
    """
    whole: Sliceable = volume if hasattr(volume, "shape") else np.asarray(volume)
    if len(whole.shape) != 3 or whole.dtype.kind not in "biuf":
        raise DataError(
            f"A volume is {whole.dtype} of shape {tuple(whole.shape)}; give numbers (D, H, W)."
        )
    return whole
