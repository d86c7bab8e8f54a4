"""Two segmenters of volumes, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from isthmus.models._base import MODELS
from isthmus.models._cascade import Cases, VolumeStage
from isthmus.models._pairs import check_maps
from isthmus.models._slices import Part, Sliceable
from isthmus.models._volumes import PredictingVolumesMixin, Spacing, checked_volume, sizes_of
from isthmus.models.cascade import Cascade
from isthmus.training import Checkpoints, Observer


@MODELS.register("volume_cascade")
@dataclass(kw_only=True, eq=False, repr=False)
class VolumeCascade(PredictingVolumesMixin, Cascade):  # type: ignore[misc]  # takes voxel sizes too
    """A `Cascade` of volumes: the organ's box has slices too, and pieces are parts of the volume.

    The first finds the organ in the whole volume, the second lesions in the box ``(d, h, w)``
    around it, with the same rule for every voxel. Whatever planes, neighbours and spacings both
    have: slices lie across the axis of the second. The first runs twice, for the box and for the
    probabilities, so that no more than labels and a slab are in memory.

    Parameters
    ----------
    first, second
        Settings of a segmenter of volumes, or the folder of the run or model of one.
    smallest
        Share of the volume below which a connected piece of organ is none.

    Other settings, attributes and errors are those of `Cascade`.
    """

    first: VolumeStage = "volume_segmenter"
    second: VolumeStage = "volume_segmenter"

    task: ClassVar[str] = "volumes"

    @property
    def axis_(self) -> int:  # type: ignore[override]  # computed, not kept
        """The axis that slices lie across."""
        axis: int = self.second_.axis_
        return axis

    @property
    def axes_(self) -> set[int]:
        """Those of both."""
        axes: set[int] = self.first_.axes_ | self.second_.axes_
        return axes

    def fit(
        self,
        X: Sequence[Any],
        y: Sequence[NDArray[Any]],
        spacings: Sequence[Spacing] | None = None,
        *,
        class_names: Sequence[str] | None = None,
        validation: tuple[Sequence[Any], ...] | None = None,
        observer: Observer | None = None,
        checkpoints: Checkpoints | None = None,
    ) -> Self:
        """Train both on volumes and label volumes of background, organs and lesions.

        Parameters are those of `VolumeSegmenter.fit`.
        """
        return self._fit((X, y, spacings), class_names, validation, observer, checkpoints)

    def _cases(
        self,
        X: Sequence[Any],
        y: Sequence[NDArray[Any]],
        spacings: Sequence[Spacing] | None = None,
        *,
        classes: int | None,
        like: Cases | None = None,
    ) -> Cases:
        volumes = [np.asarray(checked_volume(one)) for one in X]
        return volumes, check_maps(y, volumes, classes, axes=3), sizes_of(spacings, len(volumes))

    def _refuse_unlike(self, first: Any, second: Any) -> None:
        """None: each has neighbouring slices of its own as channels."""

    def _of_slices(
        self, volume: Sliceable, size: Spacing, flips: bool
    ) -> Iterator[NDArray[np.float32]]:
        check_is_fitted(self)
        axis = self.axis_
        (of_first,) = self.first_.predict([volume], [size], flips=flips)
        organ = self._organ(of_first, self.roles_)
        box = self._box(organ) if organ.any() else (slice(0, 0),) * 3
        within, beside = range(box[axis].start, box[axis].stop), box[:axis] + box[axis + 1 :]
        inner = self.second_.by_slice(Part(volume, box), size, flips=flips)
        outer = self.first_.by_slice(volume, size, axis=axis, flips=flips)
        for place, (p, here) in enumerate(zip(outer, np.moveaxis(organ, axis, 0), strict=True)):
            yield self._joined(p, here, (beside, next(inner)) if place in within else None)
