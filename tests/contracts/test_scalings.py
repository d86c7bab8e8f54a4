"""What every scaling keeps to, and what each one is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from isthmus.core.errors import SettingError
from isthmus.data.scaling import SCALINGS, NoScaling, Standard, Unit, value_range

each = pytest.mark.parametrize("kind", list(SCALINGS))
samples = arrays(
    np.float32,
    array_shapes(min_dims=2, max_dims=4, max_side=6),
    elements=st.floats(-1000, 1000, width=32, allow_subnormal=False),
)


def fitted(spec, x):
    scaling = SCALINGS.build(spec)
    scaling.fit(x)
    return scaling


def table(rows=50, columns=4):
    x = np.random.default_rng(0).normal(size=(rows, columns)) * [1, 10, 0.01, 1000] + [
        0,
        5,
        3,
        -1e4,
    ]
    return x.astype(np.float32)


@each
@given(x=samples)
def test_undo_is_the_inverse_of_apply(kind, x):
    scaling = fitted(kind, x)
    scaled = scaling.apply(x)
    assert scaled.dtype == np.float32
    assert scaled.shape == x.shape
    assert np.isfinite(scaled).all()
    np.testing.assert_allclose(scaling.undo(scaled), x, rtol=1e-5, atol=1e-6 * np.abs(x).max())


@each
@given(x=samples)
def test_scale_is_positive_and_numbers_fit_a_sample(kind, x):
    scaling = fitted(kind, x)
    for numbers in (scaling.offset, scaling.scale):
        assert numbers.dtype == np.float32
        assert numbers.shape in [(), x.shape[1:]]
    assert (scaling.scale > 0).all()


@each
def test_tensors_are_scaled_as_arrays_are(kind):
    x = table()
    scaling = fitted(kind, x)
    tensor = scaling.apply(torch.from_numpy(x))
    assert tensor.dtype == torch.float32
    np.testing.assert_allclose(tensor, scaling.apply(x), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(scaling.undo(tensor), scaling.undo(scaling.apply(x)), rtol=1e-6)


@each
def test_mapped_file_of_many_rows_gives_the_same_numbers(kind, tmp_path):
    x = table(20_000)
    mapped = np.memmap(tmp_path / "x.dat", x.dtype, "w+", shape=x.shape)
    mapped[:] = x
    one, other = fitted(kind, x), fitted(kind, mapped)
    assert np.array_equal(one.offset, other.offset)
    assert np.array_equal(one.scale, other.scale)
    assert type(other.offset) is np.ndarray
    assert value_range(mapped) == (x.min(), x.max())


@each
@pytest.mark.parametrize("value", [0.0, 0.1, -3.7, 1e6])
def test_constant_columns_are_not_blown_up(kind, value):
    x = np.full((30, 3), value, np.float32)
    x[:, 1] = np.arange(30)
    scaling = fitted(kind, x)
    scaled = scaling.apply(x)
    assert np.ptp(scaled[:, 0]) == 0
    shifted = x + np.float32(1)
    assert np.abs(scaling.apply(shifted)[:, 0] - scaled[:, 0]).max() <= 1.1


@given(x=samples)
def test_standard_agrees_with_scikit_learn(x):
    x = x.reshape(len(x), -1)
    scaling = fitted("standard", x)
    oracle = StandardScaler().fit(x.astype(np.float64))
    np.testing.assert_allclose(scaling.offset, oracle.mean_, rtol=1e-6, atol=1e-6)
    # A spread below the rounding of float32 counts as none here.
    seen = np.sqrt(oracle.var_) > 1e-6 * np.abs(oracle.mean_)
    np.testing.assert_allclose(scaling.scale[seen], oracle.scale_[seen], rtol=1e-5)


@given(x=samples)
def test_unit_agrees_with_scikit_learn_on_all_values_together(x):
    scaling = fitted("unit", x)
    oracle = MinMaxScaler().fit_transform(x.reshape(-1, 1).astype(np.float64))
    span = np.ptp(x) or 1
    error = np.abs(scaling.apply(x).reshape(-1, 1) - oracle).max()
    assert error <= 1e-6 * max(1, np.abs(x).max() / span)


@pytest.mark.parametrize(
    ("settings", "dtype", "expected"),
    [
        ({}, np.uint8, (0, 255)),
        ({}, np.uint16, (0, 65535)),
        ({}, np.float32, (2, 9)),
        ({"low": -1}, np.float32, (-1, 9)),
        ({"high": 20}, np.float32, (2, 20)),
        ({"low": 0, "high": 4095}, np.uint16, (0, 4095)),
    ],
    ids=str,
)
def test_unit_takes_its_range_from_settings_type_or_samples(settings, dtype, expected):
    scaling = fitted({"kind": "unit", **settings}, np.array([[2, 5], [9, 4]], dtype))
    assert (scaling.offset, scaling.offset + scaling.scale) == expected


@pytest.mark.parametrize(
    "settings", [{"low": 1, "high": 1}, {"low": 2, "high": 1}, {"low": 10}, {"high": -3}], ids=str
)
def test_unit_refuses_a_range_upside_down(settings):
    with pytest.raises(SettingError, match=r"scaling 'unit': high \(.*\) must be greater than low"):
        fitted({"kind": "unit", **settings}, np.array([[2.0], [9.0]]))


IMAGE = np.linspace(0, 1, 3 * 4 * 5, dtype=np.float32).reshape(3, 4, 5)


@pytest.mark.parametrize(
    ("x", "same_as"),
    [
        ((IMAGE * 255).astype(np.uint8), Unit(low=0, high=255)),
        ((IMAGE * 200).astype(np.uint16), Unit(low=0, high=65535)),
        ((IMAGE * 1).astype(np.uint8)[:, 0], Unit(low=0, high=255)),
        (IMAGE, NoScaling()),
        (IMAGE[:, 0], NoScaling()),
        (IMAGE * 1.01, Unit()),
        (IMAGE - 0.1, Unit()),
        (IMAGE[:, None] * 16, Unit()),
        (IMAGE[:, 0] - 0.1, Standard()),
        (table(), Standard()),
    ],
)
def test_auto_follows_its_rule(x, same_as):
    scaling = fitted("auto", x)
    same_as.fit(x)
    assert np.array_equal(scaling.offset, same_as.offset)
    assert np.array_equal(scaling.scale, same_as.scale)


def test_value_range_is_taken_after_the_scaling():
    x = table()
    assert value_range(x, fitted("unit", x)) == pytest.approx((0, 1), abs=1e-6)
