"""Objects to pixel classes and back."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import binary_erosion
from skimage.measure import regionprops

from isthmus.inference.borders import BORDERS, Relief
from isthmus.inference.instances import Cut, Instances, cut_objects, fill_holes, renumbered
from support.touching import touching

each_kind = pytest.mark.parametrize("kind", list(BORDERS))


def one_hot(labels, count):
    return (labels == np.arange(count)[:, None, None]).astype(np.float32)


@each_kind
def test_objects_come_back_from_their_own_targets(kind):
    borders = BORDERS.build(kind)
    for objects in touching(5)[1]:
        classes = np.where(objects == 0, 0, 1 + objects % 2)
        count = len(borders.pixel_classes(["background", "odd", "even"]))
        labels = borders.targets(objects, classes, 2)
        assert labels.dtype == np.int16
        assert labels.max() < count
        np.testing.assert_array_equal(labels > 0, objects > 0)
        relief = borders.relief(one_hot(labels, count), 2)
        found = cut_objects(relief, Cut(0.75, 0.5, 1))
        assert len(found.classes) == objects.max() == 4
        pairs = np.unique(np.stack([found.map, objects])[:, objects > 0], axis=1)
        common = [((found.map == a) & (objects == b)).sum() for a, b in pairs.T]
        assert sum(sorted(common)[-4:]) > 0.97 * (objects > 0).sum()
        np.testing.assert_array_equal(found.class_map[objects > 0] > 0, True)
        agree = (found.class_map == classes)[objects > 0].mean()
        assert agree > 0.97


@each_kind
def test_an_empty_image_and_one_that_an_object_fills(kind):
    borders = BORDERS.build(kind)
    count = len(borders.pixel_classes(["background", "object"]))
    for objects in (np.zeros((6, 5), int), np.ones((6, 5), int)):
        labels = borders.targets(objects, objects, 1)
        found = cut_objects(borders.relief(one_hot(labels, count), 1), Cut(0.75, 0.5, 1))
        np.testing.assert_array_equal(found.map, objects)


def test_the_border_is_what_erosion_takes_away():
    objects = np.zeros((20, 20), int)
    objects[2:12, 2:12] = 1
    labels = BORDERS.build({"kind": "class", "width": 2}).targets(objects, objects, 1)
    inside = binary_erosion(objects, np.ones((3, 3)), iterations=2)
    np.testing.assert_array_equal(labels == 1, inside)
    np.testing.assert_array_equal(labels == 2, (objects > 0) & ~inside)


def test_touching_borders_lie_between_objects_alone():
    objects = np.zeros((10, 20), int)
    objects[2:8, 2:10], objects[2:8, 10:18] = 1, 2
    spec = {"kind": "class", "width": 2, "where": "touching"}
    labels = BORDERS.build(spec).targets(objects, np.sign(objects), 1)
    expected = np.zeros((10, 20), bool)
    expected[2:8, 8:12] = True
    np.testing.assert_array_equal(labels == 2, expected)


def test_small_objects_keep_an_inside():
    objects = np.zeros((9, 9), int)
    objects[4, 4], objects[1:3, 1:3] = 1, 2
    labels = BORDERS.build({"kind": "class", "width": 3}).targets(objects, np.sign(objects), 1)
    assert (labels[objects > 0] == 1).all()


def test_steps_of_the_distance_rise_to_the_middle():
    objects = np.pad(np.ones((9, 9), int), 2)
    labels = BORDERS.build({"kind": "distance", "steps": 5}).targets(objects, objects, 1)
    np.testing.assert_array_equal(labels[6, 2:11], [1, 2, 3, 4, 5, 4, 3, 2, 1])


def test_small_objects_are_dropped_and_holes_filled():
    objects = np.zeros((12, 12), np.int32)
    objects[1:8, 1:8], objects[3:5, 3:5], objects[10, 10] = 4, 0, 9
    kept = renumbered(objects, smallest=2)
    assert np.unique(kept).tolist() == [0, 1]
    assert (fill_holes(kept)[1:8, 1:8] == 1).all()


def two_squares(waist):
    """Two squares of 9 pixels, joined by a bridge of 5 x `waist` pixels; its middle column."""
    mask = np.zeros((13, 29), bool)
    mask[2:11, 2:11] = mask[2:11, 16:25] = True
    mask[6 - waist // 2 : 7 + waist // 2, 11:16] = True
    return mask, 13


@pytest.mark.parametrize(("rise", "count"), [(1.0, 2), (3.5, 1)])
def test_a_waist_parts_objects_by_how_far_they_rise_above_it(rise, count):
    mask, middle = two_squares(waist=3)
    height = mask.astype(np.float32)
    found = cut_objects(Relief(height, height, height[None]), Cut(rise, 0.5, 1))
    assert len(found.classes) == count
    np.testing.assert_array_equal(found.map > 0, mask)
    assert found.map[6, 6] == 1
    assert found.map[6, 20] == count
    assert set(np.unique(found.map[:, :middle])) == {0, 1}


def test_a_seam_of_the_relief_parts_an_object_without_a_waist():
    mask, middle = two_squares(waist=9)
    height = mask.astype(np.float32)
    assert len(cut_objects(Relief(height, height, height[None]), Cut(1.0, 0.5, 1)).classes) == 1
    height[:, middle] = 0
    found = cut_objects(Relief(height, mask.astype(np.float32), height[None]), Cut(1.0, 0.5, 1))
    assert len(found.classes) == 2
    np.testing.assert_array_equal(found.map > 0, mask)


def test_boxes_are_those_of_scikit_image():
    found = Instances(touching(1)[1][0], np.ones(4, np.int16))
    assert found.boxes.tolist() == [list(one.bbox) for one in regionprops(found.map)]
    assert Instances(np.zeros((3, 3), np.int32), np.zeros(0, np.int16)).boxes.shape == (0, 4)
