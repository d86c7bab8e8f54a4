"""Images with their label maps, and how a set of them is to be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isthmus.core.errors import DataError
from isthmus.core.labels import IGNORED
from isthmus.data.dataset import PIXEL_RANGES
from isthmus.data.fingerprint import fingerprint_of_all

PARTS = ("train", "validation", "test")
Value = int | str | Sequence[int | str]


@dataclass(frozen=True, eq=False)
class PairSet:
    """Images of any sizes, each with a label map.

    Attributes
    ----------
    name : str
        For messages and reports.
    images : tuple of ndarray
        Each ``(H, W)`` or ``(3, H, W)``, all uint8, all uint16 or all float32; H and W may differ.
    masks : tuple of ndarray of int16
        Label maps ``(H, W)``: the class of each pixel, an index into `class_names`; -1 where it is
        to be ignored.
    names : tuple of str
        A stem or relative name for each pair.
    class_names : tuple of str
        Two at least; class 0, the background, comes first.
    groups : ndarray or None
        ``(N,)``: patient, scene or the like; splits never separate a group.
    predefined : ndarray of str or None
        ``(N,)``: ``"train"``, ``"validation"`` or ``"test"``, as the authors of the set part it.

    Raises
    ------
    DataError
        If the parts do not fit together.
    """

    name: str
    images: tuple[NDArray[Any], ...]
    masks: tuple[NDArray[np.int16], ...]
    names: tuple[str, ...]
    class_names: tuple[str, ...]
    groups: NDArray[Any] | None = None
    predefined: NDArray[np.str_] | None = None

    per_pair: ClassVar[tuple[str, ...]] = ("images", "masks", "names", "groups", "predefined")

    def __post_init__(self) -> None:
        """Check that the parts fit together."""
        for part in self.per_pair:
            value = getattr(self, part)
            if value is not None and len(value) != len(self.images):
                raise DataError(
                    f"{self.name}: {part} has {len(value)} entries for {len(self.images)} images;"
                    " give one for each."
                )
        if not self.images or len(self.class_names) < 2:
            raise DataError(
                f"{self.name} has {len(self.images)} images and {len(self.class_names)} classes;"
                " give an image and two classes at least."
            )
        unknown = set() if self.predefined is None else set(self.predefined.tolist()) - {*PARTS}
        if unknown:
            raise DataError(
                f"{self.name}: predefined holds '{unknown.pop()}'; choose {', '.join(PARTS)}."
            )
        for pair in zip(self.names, self.images, self.masks, strict=True):
            self._check_pair(*pair)

    def _check_pair(self, name: str, image: NDArray[Any], mask: NDArray[np.int16]) -> None:
        first = self.images[0]
        if image.dtype not in (np.uint8, np.uint16, np.float32) or image.shape[:-2] not in (
            (),
            (3,),
        ):
            raise DataError(
                f"{self.name}: the image {name} is {image.dtype} of shape {image.shape}; give"
                " uint8, uint16 or float32 of shape (H, W) or (3, H, W)."
            )
        if (image.dtype, image.ndim) != (first.dtype, first.ndim):
            raise DataError(
                f"{self.name}: the image {name} is {image.dtype} with {image.ndim} axes, but"
                f" {self.names[0]} is {first.dtype} with {first.ndim}; make all images alike."
            )
        if mask.dtype != np.int16 or mask.shape != image.shape[-2:]:
            raise DataError(
                f"{self.name}: the mask of {name} is {mask.dtype} of shape {mask.shape}; give int16"
                f" of the shape {image.shape[-2:]} of its image."
            )
        if mask.size and not IGNORED <= mask.min() <= mask.max() < len(self.class_names):
            raise DataError(
                f"{self.name}: the labels of {name} run from {mask.min()} to {mask.max()}, but"
                f" there are {len(self.class_names)} classes; number them from 0, and give -1 to"
                " what is to be ignored."
            )

    def __len__(self) -> int:
        """Count of pairs."""
        return len(self.images)

    @property
    def channels(self) -> int:
        """1 for grey images, 3 for colour."""
        return 1 if self.images[0].ndim == 2 else 3

    @property
    def value_range(self) -> tuple[float, float] | None:
        """Natural lowest and highest value of a pixel; None for floating-point values."""
        return PIXEL_RANGES.get(self.images[0].dtype.name)

    def fingerprint(self) -> str:
        """A short name for the content of all images and label maps."""
        return fingerprint_of_all((*self.images, *self.masks))

    def subset(self, indices: ArrayLike) -> Self:
        """Return the set of the chosen pairs, in the order of `indices`."""
        chosen = np.asarray(indices, np.int64)
        taken: dict[str, Any] = {
            name: tuple(part[i] for i in chosen) if isinstance(part, tuple) else part[chosen]
            for name in self.per_pair
            if (part := getattr(self, name)) is not None
        }
        return replace(self, **taken)


@dataclass(frozen=True, kw_only=True)
class PairReading:
    """How pairs are found in a folder, and what their mask values mean.

    Attributes
    ----------
    values, masks, images, index, ignore, groups, colour, field_of_view
        See `isthmus.data.read_pairs`.
    validation, test : tuple of str
        Patterns of the names of these parts, for a known set without an index of its own.
    objects, kinds : str or None
        See `isthmus.data.read_instances`.
    """

    values: Mapping[str, Value] = field(default_factory=dict)
    masks: str = "masks"
    images: str = "images"
    index: str = "index.csv"
    ignore: Sequence[int | str] = ()
    groups: str | None = None
    colour: bool | None = None
    field_of_view: str | None = None
    validation: tuple[str, ...] = ()
    test: tuple[str, ...] = ()
    objects: str | None = None
    kinds: str | None = None
