"""What a way to tell touching objects apart is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from isthmus.core.registry import Registry


class Relief(NamedTuple):
    """What objects are cut from.

    Attributes
    ----------
    height : ndarray of float32
        ``(H, W)`` from 0 to 1, high in the middle of an object and low where two touch.
    objects : ndarray of float32
        ``(H, W)``: probability that there is any object.
    classes : ndarray of float32
        ``(K, H, W)``: how much speaks for each class of objects.
    """

    height: NDArray[np.float32]
    objects: NDArray[np.float32]
    classes: NDArray[np.float32]


class Borders(ABC):
    """A label map of pixel classes that is made of objects, and a relief that is made of it.

    So a segmenter of label maps learns to tell touching objects apart. Pixel class 0 is the
    background.
    """

    kind: ClassVar[str]

    @abstractmethod
    def pixel_classes(self, class_names: Sequence[str]) -> list[str]:
        """Names of the pixel classes for K classes of objects, the background first."""

    @abstractmethod
    def targets(
        self, objects: NDArray[np.integer], classes: NDArray[np.integer], count: int
    ) -> NDArray[np.int16]:
        """Pixel classes ``(H, W)``.

        Parameters
        ----------
        objects
            ``(H, W)``: 0 for the background, 1 to n for the objects.
        classes
            ``(H, W)``: class of the object, from 1 on, of each of its pixels.
        count
            K, the number of classes of objects.
        """

    @abstractmethod
    def relief(self, probabilities: NDArray[np.float32], count: int) -> Relief:
        """The relief of the probabilities of the pixel classes, ``(C, H, W)``."""


BORDERS: Registry[Borders] = Registry("borders")


def depths(objects: NDArray[np.integer]) -> NDArray[np.float64]:
    """Distance in pixels ``(H, W)`` of each pixel of an object to what is not this object.

    1 at its rim, 0 in the background; the edge of the image is no rim.
    """
    from scipy.ndimage import distance_transform_edt
    from skimage.segmentation import find_boundaries

    inside = objects > 0
    rim = find_boundaries(objects, connectivity=1, mode="inner")
    if not rim.any():  # one object fills the image, or there is none
        return inside.astype(np.float64)
    return np.where(inside, distance_transform_edt(~rim) + 1, 0.0)


def deepest(objects: NDArray[np.integer], depth: NDArray[np.float64]) -> NDArray[np.float64]:
    """The greatest depth of the object that each pixel ``(H, W)`` belongs to; 1 elsewhere."""
    from scipy.ndimage import maximum

    numbers = np.arange(1, int(objects.max(initial=0)) + 1)
    greatest = np.ones(len(numbers) + 1)
    if len(numbers):
        greatest[1:] = maximum(depth, objects, numbers)
    return np.asarray(greatest[objects])
