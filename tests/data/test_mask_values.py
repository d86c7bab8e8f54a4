from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.core.errors import DataError, SettingError
from isthmus.data.mask_values import MaskValues

BYTES = st.integers(0, 255)


@given(
    classes=st.lists(st.lists(BYTES, min_size=1, max_size=3), min_size=2, max_size=6),
    ignore=st.lists(BYTES, max_size=2),
    kind=st.sampled_from(["uint8", "uint16", "float32"]),
    seed=st.integers(0, 2**32 - 1),
)
def test_each_value_becomes_the_label_of_its_class(
    classes: list[list[int]], ignore: list[int], kind: str, seed: int
) -> None:
    values = {f"class {place}": tuple(each) for place, each in enumerate(classes)}
    listed = [value for each in classes for value in each] + ignore
    if len(set(listed)) < len(listed):
        with pytest.raises(SettingError, match="twice"):
            MaskValues(values, ignore)
        return
    pixels = np.random.default_rng(seed).choice(listed, (7, 5)).astype(kind)
    label_of = {value: label for label, each in enumerate(classes) for value in each}
    expected = [[label_of.get(int(value), -1) for value in row] for row in pixels]
    labels = MaskValues(values, ignore).encode(pixels, "m.png")
    assert labels.dtype == np.int16
    assert labels.tolist() == expected
    in_three_channels = MaskValues(values, ignore).encode(np.stack([pixels] * 3), "m.png")
    np.testing.assert_array_equal(in_three_channels, labels)


@given(st.lists(st.integers(0, 2**24 - 1), min_size=2, max_size=5, unique=True), st.integers(0, 99))
def test_colours(colours: list[int], seed: int) -> None:
    values = {f"class {place}": f"#{colour:06X}" for place, colour in enumerate(colours)}
    labels = np.random.default_rng(seed).integers(0, len(colours), (4, 6))
    rgb = np.array([[c >> 16, c >> 8 & 255, c & 255] for c in colours], np.uint8)[labels]
    found = MaskValues(values).encode(np.moveaxis(rgb, -1, 0), "m.png")
    np.testing.assert_array_equal(found, labels)


def test_everything_above_zero() -> None:
    values = MaskValues({"background": 0, "nucleus": ">0", "debris": 7}, ignore=(9,))
    pixels = np.array([[0, 1, 65535], [7, 9, 2]], np.uint16)
    assert values.encode(pixels, "m.png").tolist() == [[0, 1, 1], [2, -1, 1]]
    assert values.encode(pixels.astype(np.float32), "m.tif").tolist() == [[0, 1, 1], [2, -1, 1]]
    with pytest.raises(DataError, match="holds -3 in 1 pixels"):
        values.encode(np.array([[-3]], np.float32), "m.tif")


def test_grey_masks_of_colours() -> None:
    values = MaskValues({"a": "#000000", "b": "#ffffff"})
    assert values.encode(np.array([[0, 255]], np.uint8), "m.png").tolist() == [[0, 1]]
    with pytest.raises(DataError, match=r"m\.png holds #010101 in 1 pixels"):
        values.encode(np.array([[0, 1]], np.uint8), "m.png")
    with pytest.raises(DataError, match=r"m\.png has uint16 values; save its colours in 8 bits"):
        values.encode(np.zeros((3, 1, 1), np.uint16), "m.png")


def test_values_as_the_command_line_has_them() -> None:
    values = MaskValues({"a": ["0"], "b": ["128", " 255"]}, ["7"])
    assert values.encode(np.array([[0, 128, 255, 7]], np.uint8), "m").tolist() == [[0, 1, 1, -1]]


def test_stray_values_are_counted_and_named() -> None:
    values = MaskValues({"background": 0, "lung": [128, 255]})
    pixels = np.repeat(np.array([0, 255, 1, 2, 3, 4], np.uint8), [9, 9, 5, 7, 1, 1])[None]
    with pytest.raises(
        DataError,
        match=r"m\.png holds 2 in 7 pixels, 1 in 5 pixels, 3 in 1 pixels and 1 more values,"
        r" which no class has \(background = 0, lung = 128 or 255\); .* data\.ignore",
    ):
        values.encode(pixels, "m.png")
    with pytest.raises(DataError, match=r"holds 1\.5 in 1 pixels"):
        values.encode(np.array([[0, 1.5]], np.float32), "m.tif")
    with pytest.raises(DataError, match=r"m\.png is a mask in colours; .*#ff0000"):
        values.encode(np.array([255, 0, 0], np.uint8).reshape(3, 1, 1), "m.png")


@pytest.mark.parametrize(
    ("values", "ignore", "message"),
    [
        ({}, (), "name two classes at least"),
        ({"a": 0}, (), "name two classes at least"),
        ({"a": 0, "b": []}, (), "gives the class 'b' no value"),
        ({"a": 0, "b": (1, 0)}, (), "gives 0 twice"),
        ({"a": 0, "b": 1}, (1,), "gives 1 twice"),
        ({"a": 0, "b": "lung"}, (), "'lung' is no value of a mask"),
        ({"a": 0, "b": "#ff00"}, (), "'#ff00' is no value of a mask"),
        ({"a": 0, "b": "#ff0000"}, (), "colours and numbers"),
        ({"a": "#000000", "b": ">0"}, (), "colours and numbers"),
        ({"a": ">0", "b": ">0"}, (), "'>0' is no value of a mask, or stands there twice"),
        ({"a": 0, "b": 1}, (">0",), "'>0' is no value of a mask"),
    ],
)
def test_values_that_cannot_be_used(values: dict, ignore: tuple, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        MaskValues(values, ignore)
