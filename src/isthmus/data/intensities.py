"""Grey values of an image of any size, brought to the range of a network by the image's own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import SettingError
from isthmus.core.registry import Registry
from isthmus.core.settings import PositiveFloat

Array = NDArray[Any]
Scaled = Callable[[Array], NDArray[np.float32]]
_LOOKED_AT = 2**24  # values of which percentiles are taken, at most


class Intensities(ABC):
    """z = T(x), a function of one image, or volume, alone: nothing is fitted to others."""

    kind: ClassVar[str]

    def __call__(self, image: Array) -> NDArray[np.float32]:
        """Z of an image ``(H, W)`` or ``(C, H, W)``, float32 of the same shape."""
        return self.of([image])(image)

    @abstractmethod
    def of(self, parts: Iterable[Array]) -> Scaled:
        """T of the image that has these parts, such as slabs; it takes a part at a time."""


INTENSITIES: Registry[Intensities] = Registry("intensities")


@INTENSITIES.register("unit")
class Unit(Intensities):
    """x / 255 of images of 8 bits, x / 65535 of 16 bits; other values as they are."""

    def of(self, parts: Iterable[Array]) -> Scaled:
        """T, which looks at no part."""
        return _unit


@INTENSITIES.register("standard")
class Standard(Intensities):
    """(x - mean) / std over the image's pixels, all channels together; 0 where it is constant.

    For images of unlike exposure, as from several cameras or scanners.
    """

    def of(self, parts: Iterable[Array]) -> Scaled:
        """T, by the moments of all parts together (Chan et al. 1983)."""
        count, mean, squares = 0, 0.0, 0.0
        for part in parts:
            values = part.astype(np.float64)
            own, total = float(values.mean()), count + values.size
            apart = own - mean
            squares += float(values.var()) * values.size + apart**2 * count * values.size / total
            mean, count = mean + apart * values.size / total, total
        return _Line(mean, float(np.sqrt(squares / max(count, 1))) or 1.0)


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

    def of(self, parts: Iterable[Array]) -> Scaled:
        """T, by the percentiles of all parts together: of every n-th value where they are many."""
        kept: Array | None = None
        every = 1
        for part in parts:
            values = part.ravel()[::every]
            kept = values if kept is None else np.concatenate([kept, values])
            while kept.size > _LOOKED_AT:
                kept, every = kept[::2], 2 * every
        low, high = np.percentile(0 if kept is None else kept, [self.low, self.high])
        return _Line(float(low), float(high - low) or 1.0, clipped=True)


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

    def of(self, parts: Iterable[Array]) -> Scaled:
        """T, which looks at no part."""
        return _Line(self.centre - self.width / 2, self.width, clipped=True)


class _Line:
    """(x - offset) / scale, clipped to [0, 1] or not."""

    def __init__(self, offset: float, scale: float, *, clipped: bool = False) -> None:
        self._offset, self._scale, self._clipped = offset, scale, clipped

    def __call__(self, part: Array) -> NDArray[np.float32]:
        scaled = (part.astype(np.float64) - self._offset) / self._scale
        return np.asarray(scaled.clip(0, 1) if self._clipped else scaled, np.float32)


def _unit(part: Array) -> NDArray[np.float32]:
    whole = np.issubdtype(part.dtype, np.unsignedinteger)
    return np.asarray(part / np.float32(np.iinfo(part.dtype).max if whole else 1), np.float32)
