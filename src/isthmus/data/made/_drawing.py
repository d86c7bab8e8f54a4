"""What the made images are drawn with."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float64]
Mask = NDArray[np.bool_]
Size = tuple[int, int]


class Picture(NamedTuple):
    """A made image, its label map and, of some sets, its single objects or what else is known.

    Attributes
    ----------
    image : ndarray of uint8 or uint16, or of volumes int16
        ``(H, W)`` or ``(3, H, W)``.
    labels : ndarray of int16
        ``(H, W)``: the class of each pixel.
    objects : ndarray of int16 or None
        ``(H, W)``: 0 for the background, and a number from 1 for each object that is to be seen.
    facts : mapping of str to text or number
        Columns of the index, such as the patient; empty of most sets.
    """

    image: NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.int16]
    labels: NDArray[np.int16]
    objects: NDArray[np.int16] | None = None
    facts: Mapping[str, Any] = MappingProxyType({})


def grid(size: Size) -> tuple[Field, Field]:
    """Rows ``(H, 1)`` from -1 at the top to 1, and columns ``(1, W)`` from -1 at the left to 1."""
    rows, columns = (np.linspace(-1, 1, side) for side in size)
    return rows[:, None], columns[None]


def fractal(random: np.random.Generator, size: Size, slope: float) -> Field:
    """Noise ``(H, W)`` of mean 0 and deviation 1 whose spectrum falls as frequency^-slope."""
    height, width = size
    rows, columns = height * np.fft.fftfreq(height), width * np.fft.rfftfreq(width)
    frequency = np.hypot(rows[:, None], columns).clip(1)
    frequency[0, 0] = np.inf
    noise = np.fft.irfft2(np.fft.rfft2(random.normal(size=size)) * frequency**-slope, size)
    return np.asarray(noise / noise.std())


def blurred(field: NDArray[Any], sigma: float) -> Field:
    """A Gaussian blur of the last two axes, by pixels."""
    from scipy.ndimage import gaussian_filter

    return np.asarray(gaussian_filter(np.asarray(field, float), sigma, axes=(-2, -1)))


def ridge(distance: Field, width: float) -> Field:
    """1 on a line, falling to 0 at some widths from it."""
    return np.asarray(np.exp(-np.square(distance / width)))


def inside(y: Field, x: Field, centre: Any, radii: Any, turn: float = 0.0) -> Field:
    """Distance from the centre of an ellipse in radii: below 1 within; `turn` in radians."""
    down, right = y - centre[0], x - centre[1]
    along = np.cos(turn) * down + np.sin(turn) * right
    across = np.cos(turn) * right - np.sin(turn) * down
    return np.asarray(np.hypot(along / radii[0], across / radii[1]))


def tinted(grey: NDArray[Any], colour: Any) -> Field:
    """A grey field ``(H, W)`` in a colour: ``(3, H, W)``."""
    return np.asarray(np.multiply.outer(colour, grey))


def numbered(objects: NDArray[Any]) -> NDArray[np.int16]:
    """Objects 1, 2, ... without gaps, where some were hidden as a whole; 0 stays 0."""
    there = np.unique(objects[objects > 0])
    return np.asarray(np.where(objects > 0, 1 + np.searchsorted(there, objects), 0), np.int16)


def exposed(random: np.random.Generator, image: Field, noise: float) -> NDArray[np.uint8]:
    """Add noise and round values from 0 to 1 to 8 bits."""
    noisy = image + noise * random.normal(size=image.shape)
    return np.asarray(np.rint(255 * noisy.clip(0, 1)), np.uint8)
