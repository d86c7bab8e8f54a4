"""The segmenter of volumes: that of images, slice by slice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from isthmus.core.errors import DataError, ModelFileError
from isthmus.core.registry import Spec, check_settings
from isthmus.core.settings import NonNegativeInt, PositiveFloat
from isthmus.data.fingerprint import fingerprint_of_all
from isthmus.data.intensities import INTENSITIES, Unit
from isthmus.inference.segmentation import resized
from isthmus.models._base import MODELS
from isthmus.models._files import Document
from isthmus.models._slices import PLANES, Sliceable, Slicer
from isthmus.models._volumes import PredictingVolumesMixin, Spacing, checked_volume, sizes_of
from isthmus.models.segmenter import Segmenter
from isthmus.training import Checkpoints, Observer

Array = NDArray[Any]
_TIE = 3  # decimals of mm; rounding makes no voxel thicker


@MODELS.register("volume_segmenter")
@dataclass(kw_only=True, eq=False, repr=False)
class VolumeSegmenter(PredictingVolumesMixin, Segmenter):  # type: ignore[misc]  # volumes come with the sizes of their voxels
    """A label for every voxel: a `Segmenter` of the slices of volumes.

    Volumes are arrays ``(D, H, W)`` in the order up, backwards, left, as `isthmus.data.volumes`
    reads them, with the sizes of their voxels in mm; label volumes have the same shape. Other
    settings and attributes are those of `Segmenter`.

    Parameters
    ----------
    plane
        Of the slices: "axial", "coronal" or "sagittal", across D, H or W; or "thickest", across
        the axis along which voxels of the training volumes are largest (axial where none is).
    neighbours
        Slices on either side that the network sees as further channels.
    spacing
        Size in mm of the square pixels to which slices are brought before the network sees them;
        labels come back in the volume's own. ``None`` works on the pixels as they are.
    intensities
        How grey values are scaled, by all voxels of a volume together: percentiles for MR, a
        window for CT.

    Attributes
    ----------
    axis_ : int
        Across which the slices lie: 0, 1 or 2.
    """

    plane: Literal["thickest", "axial", "coronal", "sagittal"] = "thickest"
    neighbours: NonNegativeInt = 0
    spacing: PositiveFloat | None = None
    intensities: Annotated[Spec, INTENSITIES] = "percentiles"

    plannable: ClassVar[bool] = False
    task: ClassVar[str] = "volumes"

    # -- fitting ----------------------------------------------------------------------------

    def fit(
        self,
        X: Sequence[Any],
        y: Sequence[Array],
        spacings: Sequence[Spacing] | None = None,
        *,
        class_names: Sequence[str] | None = None,
        validation: tuple[Sequence[Any], ...] | None = None,
        observer: Observer | None = None,
        checkpoints: Checkpoints | None = None,
    ) -> Self:
        """Train on volumes and their label volumes.

        Parameters
        ----------
        X
            Volumes ``(D, H, W)`` of any sizes.
        y
            Label volumes ``(D, H, W)``.
        spacings
            Size of a voxel in mm along D, H and W, of each volume; 1 mm where none are given.
        class_names, observer, checkpoints
            As of `Segmenter.fit`.
        validation
            Held-out volumes, label volumes and spacings.
        """
        images, maps = self.slices(X, y, spacings)
        held_out = None
        if validation is not None:
            held_out = self._slices(self._checked_settings(), *validation)
        super().fit(
            images,
            maps,
            class_names=class_names,
            validation=held_out,
            observer=observer,
            checkpoints=checkpoints,
        )
        self.data_ |= {
            "samples": len(X),
            "slices": len(images),
            "fingerprint": fingerprint_of_all(map(np.asarray, X)),
        }
        return self

    def slices(
        self, X: Sequence[Any], y: Sequence[Array], spacings: Sequence[Spacing] | None = None
    ) -> tuple[list[Array], list[Array]]:
        """What `fit` makes of volumes: slices ``(C, h, w)`` and label slices, for `pieces`."""
        own = self._checked_settings()
        if not len(X):
            raise DataError("There are no volumes; give one at least.")
        self.axis_ = _axis(own["plane"], sizes_of(spacings, len(X)))
        return self._slices(own, X, y, spacings)

    def _checked_settings(self) -> dict[str, Any]:
        return check_settings(type(self), self.get_params(deep=False), type(self).__name__)

    def _slices(
        self,
        settings: dict[str, Any],
        X: Sequence[Any],
        y: Sequence[Array],
        spacings: Sequence[Spacing] | None = None,
    ) -> tuple[list[Array], list[Array]]:
        """The same, across the axis that training has chosen."""
        slicer, sizes = self._slicer(settings), sizes_of(spacings, len(X))
        if len(X) != len(y):
            raise DataError(
                f"There are {len(y)} label volumes for {len(X)} volumes; give one each."
            )
        images: list[Array] = []
        maps: list[Array] = []
        for volume, labels, size in zip(X, y, sizes, strict=True):
            checked, label = checked_volume(volume), np.asarray(labels)
            if label.shape != checked.shape or label.dtype.kind not in "biu":
                raise DataError(
                    f"A label volume is {label.dtype} of shape {label.shape}, its volume has the"
                    f" shape {checked.shape}; give whole numbers of the same shape."
                )
            images += slicer.images(checked, size)
            maps += slicer.labels(label, size)
        return images, maps

    def _slicer(self, settings: dict[str, Any]) -> Slicer:
        scaled = INTENSITIES.build(settings["intensities"])
        return Slicer(self.axis_, settings["neighbours"], settings["spacing"], scaled)

    def _take_settings(self, own: dict[str, Any]) -> None:
        super()._take_settings(own)
        self._intensities = Unit()  # slices are scaled already, by their whole volume

    # -- using ------------------------------------------------------------------------------

    def _of_slices(
        self, volume: Sliceable, size: Spacing, flips: bool
    ) -> Iterator[NDArray[np.float32]]:
        """Probabilities ``(K, H, W)`` of one slice after another, in its own size."""
        check_is_fitted(self)
        height, width = (side for axis, side in enumerate(volume.shape) if axis != self.axis_)
        for image in self._slicer(self.settings_).one_by_one(volume, size):
            yield resized(self._of_image(image, flips), (height, width))

    # -- saving -----------------------------------------------------------------------------

    def _numbers(self) -> dict[str, Tensor]:
        return {"axis": torch.tensor([float(self.axis_)])}

    def _number_shapes(self, document: Document) -> dict[str, tuple[int, ...]]:
        return {"axis": (1,)}

    def _take_numbers(self, numbers: dict[str, NDArray[Any]]) -> None:
        self.axis_ = int(numbers["axis"][0])
        if self.axis_ not in range(3):
            raise ModelFileError(
                f"This model describes slices across the axis {self.axis_}, which volumes have not;"
                " copy it again."
            )


def _axis(plane: str, sizes: Sequence[Spacing]) -> int:
    """The axis that slices lie across: the one that is named, or that of the coarsest spacing."""
    if plane in PLANES:
        return PLANES.index(plane)
    return int(np.round(np.median(sizes, axis=0), _TIE).argmax())
