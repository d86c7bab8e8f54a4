"""Classes that become a piece of others."""

from __future__ import annotations

import numpy as np
import pytest

from isthmus.core.errors import SettingError
from isthmus.data.absorbed import absorbed


def test_each_pixel_goes_to_the_nearest_class() -> None:
    generator = np.random.default_rng(0)
    labels = generator.choice(5, (12, 9), p=[0.6, 0.1, 0.1, 0.1, 0.1]).astype(np.int16)
    found = absorbed(labels, (3, 4), (1, 2))
    places = {label: np.argwhere(labels == label) for label in (1, 2)}
    for row, column in np.ndindex(labels.shape):
        if labels[row, column] not in (3, 4):
            assert found[row, column] == labels[row, column]
            continue
        distance = {
            label: np.square(there - (row, column)).sum(1).min() for label, there in places.items()
        }
        assert distance[int(found[row, column])] == min(distance.values())


def test_with_one_class_or_none_there_is_nothing_to_measure() -> None:
    labels = np.array([[0, 2, -1, 3]])
    assert absorbed(labels, (2,), (1,)).tolist() == [[0, 1, -1, 3]]
    assert absorbed(labels, (2, 3), (5, 6)).tolist() == [[0, 5, -1, 5]]
    with pytest.raises(SettingError, match="name a class"):
        absorbed(labels, (2,), ())
