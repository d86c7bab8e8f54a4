"""Scaling of data for the network, recorded with the model and undone at its output."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import SettingError
from isthmus.core.registry import Registry
from isthmus.core.settings import PositiveFloat
from isthmus.data.chunks import chunks


class Scaling(ABC):
    """z = (x - offset) / scale, with numbers fitted to the training samples.

    Attributes
    ----------
    offset, scale : ndarray of float32
        Broadcast against one sample: a single number, or one per value. `scale` is never 0.
    """

    kind: ClassVar[str]

    def __init__(self) -> None:
        self.offset: NDArray[np.float32] = np.zeros((), np.float32)
        self.scale: NDArray[np.float32] = np.ones((), np.float32)

    @abstractmethod
    def fit(self, samples: NDArray[Any]) -> None:
        """Set `offset` and `scale` from samples ``(N, ...)``."""

    def _set(self, offset: Any, scale: Any) -> None:
        self.offset = np.asarray(offset, np.float32)
        scale = np.asarray(scale, np.float32)
        self.scale = np.where(scale > 0, scale, np.float32(1))

    def apply(self, x: Any) -> Any:
        """Scaled copy of a float32 array or tensor ``(N, ...)``; its device is x's."""
        return (x - _like(self.offset, x)) / _like(self.scale, x)

    def undo(self, z: Any) -> Any:
        """Inverse of `apply`."""
        return z * _like(self.scale, z) + _like(self.offset, z)


SCALINGS: Registry[Scaling] = Registry("scaling")


@SCALINGS.register("none")
class NoScaling(Scaling):
    """z = x."""

    def fit(self, samples: NDArray[Any]) -> None:
        """Nothing to learn."""


@SCALINGS.register("unit")
class Unit(Scaling):
    """z = (x - low) / (high - low): pixels to [0, 1], one range for all values.

    Parameters
    ----------
    low, high
        The range; where one is not given it is the type's for whole numbers without sign (0 and
        255 or 65535), else the least and greatest value of the training samples.
    """

    def __init__(self, *, low: float | None = None, high: float | None = None) -> None:
        super().__init__()
        if low is not None and high is not None and high <= low:
            raise _upside_down(low, high)
        self.low = low
        self.high = high

    def fit(self, samples: NDArray[Any]) -> None:
        """Set the range."""
        if np.issubdtype(samples.dtype, np.unsignedinteger):
            found: tuple[float, float] = (0, np.iinfo(samples.dtype).max)
        else:
            found = value_range(samples)
        low = found[0] if self.low is None else self.low
        high = found[1] if self.high is None else self.high
        if high < low:
            raise _upside_down(low, high)
        self._set(low, high - low)


def _upside_down(low: float, high: float) -> SettingError:
    return SettingError(f"scaling 'unit': high ({high:g}) must be greater than low ({low:g}).")


@SCALINGS.register("standard")
class Standard(Scaling):
    """z_i = (x_i - mean_i) / std_i, value by value; a constant value is only centred."""

    def fit(self, samples: NDArray[Any]) -> None:
        """Mean and standard deviation (of the population) of each value."""
        count = len(samples)
        mean = sum(part.sum(0) for part in _parts(samples)) / count
        variance = sum(np.square(part - mean).sum(0) for part in _parts(samples)) / count
        # Rounding leaves a constant column with a variance that is tiny, not 0.
        noise = np.square(np.abs(mean) * 1e-7)
        self._set(mean, np.sqrt(np.where(variance > noise, variance, 0)))


@SCALINGS.register("centre")
class Centre(Scaling):
    """z_i = (x_i - mean_i) / scale: what PCA does, with one scale for all values.

    Parameters
    ----------
    scale
        255 brings the squared error of 8-bit images to that of pixels in [0, 1].
    """

    def __init__(self, *, scale: PositiveFloat = 1.0) -> None:
        super().__init__()
        self.divisor = scale

    def fit(self, samples: NDArray[Any]) -> None:
        """Mean of each value."""
        self._set(sum(part.sum(0) for part in _parts(samples)) / len(samples), self.divisor)


@SCALINGS.register("auto")
class Auto(Scaling):
    """The scaling that suits the samples, by a fixed rule.

    - whole numbers without sign (image files): ``unit`` by the range of their type;
    - values within [0, 1]: ``none``;
    - other images ``(N, H, W)`` or ``(N, C, H, W)``: ``unit`` by their least and greatest value;
    - all else (tables): ``standard``.
    """

    def fit(self, samples: NDArray[Any]) -> None:
        """Choose, fit and take over the numbers."""
        low, high = value_range(samples)
        chosen: Scaling
        if np.issubdtype(samples.dtype, np.unsignedinteger):
            chosen = Unit()
        elif low >= 0 and high <= 1:
            chosen = NoScaling()
        else:
            chosen = Unit() if samples.ndim > 2 else Standard()
        chosen.fit(samples)
        self.offset, self.scale = chosen.offset, chosen.scale


def value_range(samples: NDArray[Any], scaling: Scaling | None = None) -> tuple[float, float]:
    """Least and greatest value, after the scaling if one is given."""
    scaled = _parts(samples) if scaling is None else map(scaling.apply, _parts(samples))
    parts = [(part.min(), part.max()) for part in scaled]
    return float(min(low for low, _ in parts)), float(max(high for _, high in parts))


def _parts(samples: NDArray[Any]) -> Iterator[NDArray[np.float64]]:
    return (np.asarray(part, np.float64) for _, part in chunks(samples))


def _like(numbers: NDArray[np.float32], x: Any) -> Any:
    """The numbers as what x is: an array, or a tensor on x's device."""
    if isinstance(x, np.ndarray):
        return numbers
    return x.new_tensor(numbers)
