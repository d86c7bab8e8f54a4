"""Volumes, ejection fraction, wall thickness, of shapes whose own are known."""

from __future__ import annotations

import numpy as np
import pytest

from isthmus.core.errors import DataError
from isthmus.metrics import ejection_fraction, volumes_ml, wall_thickness


def test_volumes_of_a_ball() -> None:
    z, y, x = np.indices((40, 80, 80)) - np.array([19.5, 39.5, 39.5])[:, None, None, None]
    ball = (np.square(2 * z) + np.square(y) + np.square(x) <= 30**2).astype(np.int16)
    ml = volumes_ml(ball, 2, 0.5, 1.0)  # slices are two pixels apart
    assert ml[1] == pytest.approx(4 / 3 * np.pi * 1.5**3, rel=0.005)
    assert ml.sum() == pytest.approx(40 * 80 * 80 * 0.25 / 1000)
    assert volumes_ml(ball, 3, 0.5, 1.0)[2] == 0


def test_ejection_fraction() -> None:
    assert ejection_fraction(120, 48) == pytest.approx(0.6)
    assert np.isnan(ejection_fraction(0, 0))


@pytest.mark.parametrize(("inner", "outer"), [(8, 13), (15, 19), (5, 20)])
@pytest.mark.parametrize("pixel", [1.0, 1.5])
def test_thickness_of_a_ring(inner: float, outer: float, pixel: float) -> None:
    away = np.hypot(*(np.indices((64, 64)) - 31.3))
    labels = np.where(away < inner, 3, np.where(away < outer, 2, 0))
    found = wall_thickness(labels, 3, 2, pixel)
    assert found.mean() == pytest.approx((outer - inner) * pixel, abs=0.5 * pixel)
    assert np.ptp(found) < 1.6 * pixel


def test_nothing_to_measure() -> None:
    assert wall_thickness(np.zeros((5, 5), int), 3, 2, 1.0).size == 0
    assert wall_thickness(np.full((5, 5), 2), 3, 2, 1.0).size == 0
    with pytest.raises(DataError, match="give one slice"):
        wall_thickness(np.zeros((2, 5, 5)), 3, 2, 1.0)
