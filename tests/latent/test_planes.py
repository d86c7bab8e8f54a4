from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.decomposition import PCA

from isthmus.core.errors import SettingError
from isthmus.latent.planes import anchor_plane, principal_plane, unit_plane


def draw(count: int, units: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, units)).astype(np.float32)


def test_the_principal_plane_is_that_of_pca() -> None:
    codes = draw(300, 7) * np.arange(1, 8)
    oracle = PCA(2, svd_solver="full").fit(codes)
    places = principal_plane(codes).place(codes)
    np.testing.assert_allclose(np.abs(places), np.abs(oracle.transform(codes)), atol=1e-3)


@given(units=st.integers(2, 9), seed=st.integers(0, 50))
def test_codes_of_a_plane_have_their_places_on_it(units: int, seed: int) -> None:
    codes = draw(30, units, seed)
    places = draw(5, 2, seed)
    planes = [principal_plane(codes), unit_plane(codes[0], 0, units - 1), anchor_plane(*codes[:3])]
    for plane in planes:
        np.testing.assert_allclose(plane.axes @ plane.axes.T, np.eye(2), atol=1e-5)
        np.testing.assert_allclose(plane.place(plane.codes(places)), places, atol=1e-4)


def test_on_a_plane_of_units_the_places_are_the_units() -> None:
    codes = draw(10, 4)
    np.testing.assert_allclose(unit_plane(codes.mean(0), 3, 1).place(codes), codes[:, [3, 1]])


def test_a_plane_of_anchors_holds_them_at_their_distances() -> None:
    codes = draw(3, 6)
    plane = anchor_plane(*codes)
    places = plane.place(codes)
    np.testing.assert_allclose(plane.codes(places), codes, atol=1e-5)
    np.testing.assert_allclose(places[0], 0, atol=1e-6)
    assert places[1, 0] == pytest.approx(np.linalg.norm(codes[1] - codes[0]), rel=1e-5)
    assert places[1, 1] == pytest.approx(0, abs=1e-5)


def test_codes_of_one_unit_lie_on_a_line() -> None:
    codes = draw(9, 1)
    for plane in (principal_plane(codes), unit_plane(codes.mean(0), 0, 0)):
        np.testing.assert_allclose(plane.place(codes)[:, 1], 0)
        np.testing.assert_allclose(plane.codes(plane.place(codes)), codes, atol=1e-6)


@pytest.mark.parametrize("units", [(0, 4), (-1, 0), (2, 2)])
def test_units_that_make_no_plane_are_refused(units: tuple[int, int]) -> None:
    with pytest.raises(SettingError, match="unit"):
        unit_plane(np.zeros(4), *units)


def test_anchors_on_a_line_are_refused() -> None:
    codes = draw(2, 5)
    for third in (codes[0], codes[1], codes.mean(0)):
        with pytest.raises(SettingError, match="line"):
            anchor_plane(codes[0], codes[1], third)
    with pytest.raises(SettingError, match="line"):
        anchor_plane(codes[0], codes[0], codes[1])
