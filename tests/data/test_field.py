"""The field of view of photographs with a black surround."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from isthmus.data import read_pairs, write_images, write_label_map
from isthmus.data.field import lit_field

ROWS, COLUMNS = np.mgrid[:60, :70]
CIRCLE = (ROWS - 30) ** 2 + (COLUMNS - 35) ** 2 < 25**2


def photograph(seed: int = 0) -> np.ndarray:
    """A circle with dark vessels and a black spot, red alone, in a surround with noise."""
    noise = np.random.default_rng(seed).integers(0, 8, (3, 60, 70))
    red = np.where(CIRCLE, 150 - 2 * abs(COLUMNS - 35), 0)
    red[25:35, 30:40] = 0
    noise[0] += red
    return noise.astype(np.uint8)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_the_circle_is_found_with_what_is_dark_inside(dtype: type) -> None:
    field = lit_field(photograph().astype(dtype) * dtype(1))
    assert (field != CIRCLE).mean() < 0.02
    assert field[30, 35]


def test_an_image_without_surround_counts_as_a_whole() -> None:
    image = np.random.default_rng(0).integers(60, 200, (40, 30)).astype(np.uint8)
    assert lit_field(image).all()
    assert lit_field(np.zeros((5, 5), np.uint8)).all()


def test_pixels_outside_are_ignored(tmp_path: Path) -> None:
    write_images(tmp_path / "images", photograph()[None], ["a"])
    write_label_map(tmp_path / "masks" / "a.png", (COLUMNS == 35).astype(np.uint8))
    values = {"background": 0, "vessel": 1}
    (plain,) = read_pairs(tmp_path, values=values).masks
    (inside,) = read_pairs(tmp_path, values=values, field_of_view="lit").masks
    field = lit_field(photograph())
    assert plain.min() == 0
    np.testing.assert_array_equal(inside, np.where(field, plain, -1))
