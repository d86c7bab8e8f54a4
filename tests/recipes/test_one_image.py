from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from isthmus.core.errors import DataError
from isthmus.data.scaling import SCALINGS
from isthmus.recipes.one_image import sample_of

IMAGE = np.arange(16, dtype=np.uint8).reshape(4, 4)


def model(shape: tuple[int, ...], dtype: str = "uint8", **data: Any) -> Any:
    scaling = SCALINGS.build({"kind": "unit", "low": 0, "high": 255})
    scaling.fit(np.array([[0, 255]], np.uint8))
    return SimpleNamespace(sample_shape_=shape, sample_dtype_=dtype, data_=data, scaling_=scaling)


def test_of_the_model_s_own_kind_it_stays_as_it_is() -> None:
    np.testing.assert_array_equal(sample_of(model((4, 4), low=0, high=255), IMAGE), IMAGE)


def test_colour_size_and_bits_become_the_model_s() -> None:
    colour = sample_of(model((3, 4, 4), low=0, high=255), IMAGE)
    np.testing.assert_array_equal(colour, np.stack([IMAGE] * 3))
    grey = sample_of(model((4, 4), low=0, high=255), np.stack([IMAGE] * 3))
    np.testing.assert_allclose(grey, IMAGE, atol=1)
    resized = model((2, 2), low=0, high=255, reading={"size": 2})
    assert sample_of(resized, IMAGE).shape == (2, 2)
    fine = IMAGE.astype(np.uint16) * 257
    np.testing.assert_allclose(sample_of(model((4, 4), low=0, high=255), fine), IMAGE, atol=1e-3)


def test_labels_become_channels() -> None:
    labels = np.array([[0, 1], [2, 1]], np.uint8)
    maps = model((3, 2, 2), structures={"a": 0, "b": 1, "c": 2})
    np.testing.assert_array_equal(sample_of(maps, labels).argmax(0), labels)
    with pytest.raises(DataError, match="from 0 to 2"):
        sample_of(maps, labels + 1)


@pytest.mark.parametrize(("shape", "said"), [((5, 5), "4 x 4"), ((7,), "not images")])
def test_what_does_not_fit_is_refused(shape: tuple[int, ...], said: str) -> None:
    with pytest.raises(DataError, match=said):
        sample_of(model(shape, low=0, high=255), IMAGE)
