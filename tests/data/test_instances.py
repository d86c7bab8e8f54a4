"""Reading of images whose objects are numbered."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tifffile
from PIL import Image

from isthmus.core.errors import DataError, SettingError
from isthmus.data import draw_pictures, read_instances, split, write_label_map, write_pairs
from isthmus.data.instances import instance_problems
from support.touching import touching, write_touching


@pytest.fixture
def folder(tmp_path):
    return write_touching(tmp_path / "discs", 6)


def test_masks_that_number_objects(folder):
    dataset = read_instances(folder, kinds="kind")
    assert dataset.class_names == ("background", "object")
    assert dataset.kinds.tolist() == ["even"] * 5 + ["odd"]
    for objects, mask, wanted in zip(dataset.objects, dataset.masks, touching(6)[1], strict=True):
        np.testing.assert_array_equal(objects, wanted)
        np.testing.assert_array_equal(mask, wanted > 0)
    parts = split(dataset)
    assert [len(part) for part in (parts.train, parts.validation, parts.test)] == [4, 1, 1]
    some = dataset.subset([5, 0])
    assert (some.names, some.kinds.tolist()) == (("t05", "t00"), ["odd", "even"])
    np.testing.assert_array_equal(some.objects[0], dataset.objects[5])
    assert some.fingerprint() != dataset.fingerprint()


def test_numbers_with_gaps_become_1_to_n_and_ignored_pixels_belong_to_none(folder):
    labels = np.array(touching(1)[1][0])
    labels[labels == 2] = 300
    write_label_map(folder / "masks" / "t00.png", labels)
    dataset = read_instances(folder, ignore=[300])
    assert np.unique(dataset.objects[0]).tolist() == [0, 1, 2, 3]
    assert (dataset.masks[0] == -1).sum() == (labels == 300).sum()


def test_32_bits_and_a_folder_of_their_own(tmp_path):
    write_pairs("made-scenes", tmp_path / "scenes", 3)
    pictures = list(draw_pictures("made-scenes", 3))
    for path in (tmp_path / "scenes" / "objects").iterdir():
        many = 70_000 * np.asarray(Image.open(path)).astype(np.uint32)
        tifffile.imwrite(path.with_suffix(".tif"), many)
        path.unlink()
    values = {"background": 0, "person": 127, "cat": 255}
    dataset = read_instances(tmp_path / "scenes", values=values, objects="objects")
    for objects, picture in zip(dataset.objects, pictures, strict=True):
        np.testing.assert_array_equal(objects, picture.objects)
    made = read_instances("made-scenes")
    np.testing.assert_array_equal(made.objects[2], dataset.objects[2])
    problems = instance_problems(tmp_path / "scenes", values=values, objects="objects")
    assert problems  # who is hidden in part is in pieces
    assert not any(problem.fatal for problem in problems)


def test_made_sets_without_objects_are_refused():
    with pytest.raises(DataError, match="made-smoke has no single objects; choose made-cells"):
        read_instances("made-smoke")
    with pytest.raises(SettingError, match="has no objects to choose"):
        read_instances("made-cells", objects="objects")


def test_what_does_not_fit_is_refused(folder):
    dataset = read_instances(folder)
    torn = np.where(np.arange(36) < 18, dataset.masks[0], 2 * dataset.masks[0]).astype(np.int16)
    names = ("background", "left", "right")
    with pytest.raises(DataError, match=r"lies in the classes (right and left|left and right)"):
        replace(dataset, masks=(torn, *dataset.masks[1:]), class_names=names)
    for objects, message in (
        (dataset.objects[0] + 1, "pixels of objects are background"),
        (0 * dataset.objects[0], "pixels of a class belong to no object"),
        (dataset.objects[0][1:], "same size"),
    ):
        with pytest.raises(DataError, match=message):
            replace(dataset, objects=(objects, *dataset.objects[1:]))
    with pytest.raises(DataError, match="has no 'sort' in the index"):
        read_instances(folder, kinds="sort")
    with pytest.raises(DataError, match=r"t00 has no instance map .*counted/t00\.png"):
        read_instances(folder, objects="counted", values={"background": 0, "object": ">0"})
    write_label_map(folder / "counted" / "t00.png", np.ones((3, 4), int))
    with pytest.raises(DataError, match=r"t00\.png is 4 x 3, but its image 36 x 40"):
        read_instances(folder, objects="counted", values={"background": 0, "object": ">0"})


def test_objects_in_pieces_are_worth_a_look(folder):
    labels = np.array(touching(1)[1][0])
    labels[labels == 3] = 1
    write_label_map(folder / "masks" / "t00.png", labels)
    (problem,) = instance_problems(folder)
    assert not problem.fatal
    assert problem.sentence.startswith("t00 has objects in several pieces (1)")
