from __future__ import annotations

import numpy as np
import pytest
from skimage.segmentation import find_boundaries

from isthmus.core.errors import DataError
from isthmus.data import overlay
from isthmus.data.overlay import class_colour, displayed


def blobs() -> np.ndarray:
    labels = np.zeros((20, 30), np.int16)
    labels[3:12, 4:15] = 1
    labels[8:18, 12:28] = 2
    return labels


def test_background_stays_and_outlines_are_stronger() -> None:
    image = np.random.default_rng(0).integers(0, 256, (20, 30)).astype(np.uint8)
    labels = blobs()
    shown = overlay(image, labels)
    assert (shown.shape, shown.dtype) == ((3, 20, 30), np.uint8)
    np.testing.assert_array_equal(shown[:, labels == 0], np.stack([image[labels == 0]] * 3))
    edge = find_boundaries(labels, connectivity=1, mode="thick")
    for label in (1, 2):
        colour = np.array(class_colour(label))[:, None]
        away = [
            np.abs(shown[:, (labels == label) & which] - colour.astype(float)).max()
            for which in (edge, ~edge)
        ]
        assert away[0] <= 26 < away[1]


def test_any_image_becomes_bytes() -> None:
    labels = np.zeros((20, 30), np.int16)
    image = np.random.default_rng(0).normal(size=(3, 20, 30)).astype(np.float32)
    shown = overlay(image, labels)
    assert (shown.min(), shown.max()) == (0, 255)
    expected = 255 * (image - image.min()) / np.ptp(image)
    np.testing.assert_allclose(shown, expected, atol=0.51)
    np.testing.assert_array_equal(overlay(np.full((20, 30), 7, np.uint16), labels), 0)


def test_ignored_pixels_are_grey() -> None:
    shown = overlay(np.zeros((4, 4), np.uint8), np.full((4, 4), -1, np.int16))
    assert len(np.unique(shown)) == 1
    assert shown[0, 0, 0] > 0


def test_colours_stay_apart() -> None:
    colours = np.array([class_colour(label) for label in range(1, 25)], float)
    distances = np.linalg.norm(colours[:, None] - colours, axis=-1)
    assert distances[~np.eye(24, dtype=bool)].min() > 50
    assert ((colours >= 0) & (colours <= 255)).all()


def test_sizes_must_agree() -> None:
    with pytest.raises(DataError, match=r"shape \(2, 3\) do not fit an image of shape \(3, 2\)"):
        overlay(np.zeros((3, 2), np.uint8), np.zeros((2, 3), np.int16))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_an_image_is_displayed_as_the_overlay_shows_it(dtype: type) -> None:
    image = np.random.default_rng(0).integers(0, 200, (2, 20, 30)).astype(dtype)[0]
    shown = displayed(image)
    assert (shown.shape, shown.dtype) == ((20, 30), np.uint8)
    np.testing.assert_array_equal(np.stack([shown] * 3), overlay(image, np.zeros((20, 30), int)))
