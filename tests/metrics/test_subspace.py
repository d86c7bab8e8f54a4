"""Angles between subspaces."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import qr

from isthmus.metrics import principal_angles


@pytest.mark.parametrize("degrees", [0.0, 0.5, 30.0, 90.0])
def test_the_angle_of_a_rotation(degrees: float) -> None:
    plane = np.eye(4)[:, :2]
    angle = np.deg2rad(degrees)
    turned = plane.copy()
    turned[:, 1] = [0, np.cos(angle), np.sin(angle), 0]
    np.testing.assert_allclose(principal_angles(plane, turned), [degrees, 0], atol=1e-6)


def test_the_basis_does_not_matter() -> None:
    generator = np.random.default_rng(0)
    columns = generator.normal(size=(20, 5))
    mixed = columns @ generator.normal(size=(5, 5))
    assert principal_angles(columns, mixed).max() < 1e-5


def test_cosines_are_the_singular_values_of_the_product() -> None:
    generator = np.random.default_rng(1)
    first, second = generator.normal(size=(2, 30, 4))
    bases = [qr(columns, mode="economic")[0] for columns in (first, second)]
    cosines = np.linalg.svd(bases[0].T @ bases[1], compute_uv=False)
    angles = principal_angles(first.astype(np.float32), second)
    np.testing.assert_allclose(angles, np.rad2deg(np.arccos(cosines))[::-1], rtol=1e-5)
