"""Grey values of an image of any size, brought to the range of a network by the image's own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import SettingError
from isthmus.core.registry import Registry
from isthmus.core.settings import PositiveFloat

Array = NDArray[Any]


class Intensities(ABC):
    """z = T(x), a function of one image alone: nothing is fitted."""

    kind: ClassVar[str]

    @abstractmethod
    def __call__(self, image: Array) -> NDArray[np.float32]:
        """Z of an image ``(H, W)`` or ``(C, H, W)``, float32 of the same shape."""


INTENSITIES: Registry[Intensities] = Registry("intensities")


@INTENSITIES.register("unit")
class Unit(Intensities):
    """x / 255 of images of 8 bits, x / 65535 of 16 bits; other values as they are."""

    def __call__(self, image: Array) -> NDArray[np.float32]:
        """Pixels in [0, 1]."""
        whole = np.issubdtype(image.dtype, np.unsignedinteger)
        return np.asarray(image / np.float32(np.iinfo(image.dtype).max if whole else 1), np.float32)


@INTENSITIES.register("standard")
class Standard(Intensities):
    """(x - mean) / std over the image's pixels, all channels together; 0 where it is constant.

    For images of unlike exposure, as from several cameras or scanners.
    """

    def __call__(self, image: Array) -> NDArray[np.float32]:
        """Values of mean 0 and standard deviation 1."""
        values = image.astype(np.float64)
        spread = values.std()
        scaled = (values - values.mean()) / (spread if spread > 0 else 1)
        return np.asarray(scaled, np.float32)


@INTENSITIES.register("percentiles")
class Percentiles(Intensities):
    """(x - p) / (q - p), clipped to [0, 1], p and q being percentiles of the image: for MR.

    Parameters
    ----------
    low, high
        Which percentiles.

    Raises
    ------
    SettingError
        If they are not in order.
    """

    def __init__(self, *, low: float = 0.5, high: float = 99.5) -> None:
        if not 0 <= low < high <= 100:
            raise SettingError(
                f"intensities 'percentiles': low = {low:g} and high = {high:g} are not percentiles"
                " in order; give 0 <= low < high <= 100."
            )
        self.low, self.high = low, high

    def __call__(self, image: Array) -> NDArray[np.float32]:
        """Pixels in [0, 1]."""
        low, high = np.percentile(image, [self.low, self.high])
        scaled = (image.astype(np.float64) - low) / (high - low if high > low else 1)
        return np.asarray(scaled.clip(0, 1), np.float32)


@INTENSITIES.register("window")
class Window(Intensities):
    """(x - c + w / 2) / w, clipped to [0, 1]: the window of a CT image in Hounsfield units.

    Parameters
    ----------
    centre, width
        c and w; -600 and 1500 is the lungs' usual one, 40 and 400 that of soft tissue.
    """

    def __init__(self, *, centre: float = -600.0, width: PositiveFloat = 1500.0) -> None:
        self.centre, self.width = centre, width

    def __call__(self, image: Array) -> NDArray[np.float32]:
        """Pixels in [0, 1]."""
        scaled = (image.astype(np.float64) - self.centre) / self.width + 0.5
        return np.asarray(scaled.clip(0, 1), np.float32)
