"""How much of a region is of some classes."""

from __future__ import annotations

import numpy as np
import pytest

from isthmus.metrics import share

LABELS = np.array([[0, 1, 1, 2], [-1, 2, 3, 1]], np.int16)


@pytest.mark.parametrize(
    ("part", "whole", "expected"),
    [([2], [1, 2], 2 / 5), ([1, 2], [1, 2], 1), ([2, 3], [1, 2, 3], 3 / 6), ([7], [0, 1], 0)],
)
def test_pixels_over_pixels(part: list[int], whole: list[int], expected: float) -> None:
    assert share(LABELS, part, whole) == expected
    assert share(np.stack([LABELS, LABELS]), part, whole) == expected  # a volume


def test_a_share_of_nothing_is_no_number() -> None:
    assert np.isnan(share(LABELS, [2], [5]))
