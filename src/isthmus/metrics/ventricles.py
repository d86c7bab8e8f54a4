"""What is measured of a heart in label maps: volumes, ejection fraction, wall thickness."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError


def volumes_ml(
    maps: NDArray[Any], classes: int, pixel_mm: float, slice_mm: float
) -> NDArray[np.float64]:
    """Volume of each class in a stack of label maps ``(S, H, W)``: ``(K,)`` in ml.

    Σ_slices pixels · pixel_mm² · slice_mm / 1000, for square pixels and slices that stand
    `slice_mm` apart.
    """
    counts = np.bincount(np.asarray(maps, np.int64).ravel(), minlength=classes)
    return np.asarray(counts * (pixel_mm**2 * slice_mm / 1000))


def ejection_fraction(full: float, empty: float) -> float:
    """(full - empty) / full of the volumes at the ends of diastole and systole; NaN for 0."""
    return (full - empty) / full if full else np.nan


def wall_thickness(
    labels: NDArray[Any], cavity: int, wall: int, pixel_mm: float
) -> NDArray[np.float64]:
    """Thickness in mm of a wall around a cavity, at each pixel of the cavity's edge: ``(n,)``.

    The way from the edge of the cavity to what is nearest beyond the wall; empty where there is no
    cavity or no wall. Edges run between pixels, so that one pixel is taken off the distance of
    their middles.

    Raises
    ------
    DataError
        If `labels` is not ``(H, W)``.
    """
    from scipy.ndimage import binary_erosion, distance_transform_edt

    if np.ndim(labels) != 2:
        raise DataError(f"A label map has shape (H, W), not {np.shape(labels)}; give one slice.")
    inside = np.asarray(labels) == cavity
    whole = inside | (np.asarray(labels) == wall)
    edge = inside & ~binary_erosion(inside, border_value=1)
    distance = distance_transform_edt(np.pad(whole, 1))[1:-1, 1:-1]
    return np.asarray((distance[edge] - 1) * pixel_mm)
