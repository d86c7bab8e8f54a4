"""Ways between codes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial import geometric_slerp

from isthmus.core.errors import SettingError
from isthmus.latent.paths import linear, spherical, traversal

codes = arrays(np.float64, 4, elements=st.floats(-3, 3))


@given(codes, codes, st.integers(2, 20))
def test_a_linear_path_is_even_and_keeps_its_ends(first, last, steps):
    path = linear(first, last, steps)
    assert path.shape == (steps, 4)
    np.testing.assert_allclose(path[[0, -1]], [first, last], atol=1e-6)
    np.testing.assert_allclose(
        np.diff(path, axis=0), np.tile((last - first) / (steps - 1), (steps - 1, 1)), atol=1e-5
    )


@given(st.integers(0, 1000), st.integers(2, 12))
def test_a_spherical_path_of_unit_codes_is_that_of_scipy(seed, steps):
    first, last = np.random.default_rng(seed).normal(size=(2, 5))
    first, last = first / np.linalg.norm(first), last / np.linalg.norm(last)
    expected = geometric_slerp(first, last, np.linspace(0, 1, steps))
    np.testing.assert_allclose(spherical(first, last, steps), expected, atol=1e-5)


def test_a_spherical_path_keeps_away_from_0_where_a_line_does_not():
    first, last = np.random.default_rng(0).normal(size=(2, 100))
    lengths = [np.linalg.norm(path(first, last, 9), axis=1) for path in (linear, spherical)]
    ends = [np.linalg.norm(first), np.linalg.norm(last)]
    assert lengths[0].min() < 0.8 * min(ends)
    assert lengths[1].min() > 0.99 * min(ends)


@pytest.mark.parametrize("last", [[0, 0, 0], [2, 4, 6]], ids=["zero", "same way"])
def test_where_there_is_no_angle_it_is_the_line(last):
    first = np.array([1.0, 2, 3])
    np.testing.assert_array_equal(spherical(first, np.array(last), 5), linear(first, last, 5))


def test_opposite_codes_and_single_steps_are_refused():
    code = np.array([1.0, 2, 3])
    with pytest.raises(SettingError, match=r"opposite to each other.*; use a linear path"):
        spherical(code, -code, 5)
    with pytest.raises(SettingError, match="at least 2 steps, both ends, not 1"):
        linear(code, code, 1)


def test_a_traversal_moves_one_unit():
    code = np.arange(4.0)
    path = traversal(code, 2, np.array([-1.0, 5.0]))
    assert path.tolist() == [[0, 1, -1, 3], [0, 1, 5, 3]]
    assert code.tolist() == [0, 1, 2, 3]
