from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from isthmus.core.errors import DataError
from isthmus.studio.serving.tensors import (
    DATATYPES,
    Tensor,
    array_of,
    read_binary,
    read_data,
)

SHAPES = arrays.array_shapes(max_dims=4, max_side=3)
FINITE = {"allow_nan": False, "allow_infinity": False}


@given(arrays.arrays(np.float64, SHAPES, elements=st.floats(**FINITE)))
def test_nested_lists_become_the_array_that_numpy_makes_of_them(array: Any) -> None:
    np.testing.assert_array_equal(array_of(array.tolist(), "x"), array)


@given(st.data(), st.sampled_from(sorted(DATATYPES)))
def test_every_type_survives_json_and_bytes(data: Any, datatype: str) -> None:
    kind = np.dtype(DATATYPES[datatype])
    elements = st.floats(-100, 100, width=16) if kind.kind == "f" else arrays.from_dtype(kind)
    if kind.itemsize == 8 and kind.kind in "iu":  # JSON's numbers are exact up to 2^53
        elements = st.integers(0, 2**53)
    array = data.draw(arrays.arrays(kind, SHAPES, elements=elements))
    shape = array.shape
    binary = read_binary(array.tobytes(), datatype, shape, "x")
    nested = read_data(array.tolist(), datatype, shape, "x")
    flat = read_data(array.ravel().tolist(), datatype, shape, "x")
    for found in (binary, nested, flat):
        assert found.dtype == kind
        np.testing.assert_array_equal(found, array)


@settings(max_examples=30)
@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists, max_leaves=12))
def test_whatever_comes_as_json_is_an_array_or_refused(data: Any) -> None:
    with suppress(DataError):
        assert array_of(data, "x").dtype == np.float64


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ([[1, 2], [3]], "ragged"),
        ([[1], 2], "ragged"),
        ([1, "2"], "numbers alone"),
        ([1, True], "numbers alone"),
        ([1, None], "numbers alone"),
        ([10**400], "too large"),
    ],
)
def test_lists_that_are_no_array_are_refused(data: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        array_of(data, "x")


@pytest.mark.parametrize(
    ("datatype", "values"),
    [("UINT8", [256]), ("UINT8", [-1]), ("INT32", [1.5]), ("FP32", [1e300]), ("FP16", [1e5])],
)
def test_values_that_are_not_of_the_type_are_refused(datatype: str, values: list[Any]) -> None:
    with pytest.raises(DataError, match=datatype):
        read_data(values, datatype, (1,), "x")


def test_a_shape_that_lies_is_refused() -> None:
    with pytest.raises(DataError, match="said to be"):
        read_data([1, 2, 3], "FP32", (2, 2), "x")
    with pytest.raises(DataError, match="bytes"):
        read_binary(b"1234", "FP32", (2**40, 2**40), "x")


def test_a_tensor_takes_its_own_shape_alone() -> None:
    tensor = Tensor("x", "FP32", (-1, 2))
    assert tensor.fitted(np.ones((3, 2), np.uint8)).dtype == np.float32
    for wrong in (np.ones((3, 3)), np.ones(2), np.ones((0, 2)), np.full((1, 2), np.nan)):
        with pytest.raises(DataError, match="'x'"):
            tensor.fitted(wrong)
