"""The instance segmenter."""

from __future__ import annotations

import numpy as np
import pytest

import isthmus
from isthmus.core.errors import DataError, SettingError
from isthmus.inference import segmentation
from isthmus.inference.borders import BORDERS
from isthmus.metrics import instance_scores
from isthmus.models import InstanceSegmenter
from support.touching import SETTINGS, touching

TRAIN, HELD_OUT, TEST = touching(32), touching(6, seed=1), touching(6, seed=2)


@pytest.fixture(scope="module")
def model():
    return InstanceSegmenter(**SETTINGS).fit(*TRAIN, validation=HELD_OUT)


def score(model, images, maps):
    found = model.predict(images)
    return np.mean(
        [instance_scores(one, map_).ap_50 for one, map_ in zip(found, maps, strict=True)]
    )


def test_touching_objects_are_told_apart(model):
    assert score(model, *TEST) > 0.9
    assert score(model.untrained(), *TEST) < 0.3
    (found,) = model.predict(TEST[0][:1])
    assert found.dtype == np.int32
    assert found.shape == TEST[0][0].shape


def test_an_image_gives_a_map_and_a_list_a_list(model):
    image, other = TEST[0][:2]
    one, both = model.predict(image), model.predict([image, other])
    np.testing.assert_array_equal(one, both[0])
    np.testing.assert_array_equal(model.predict(np.stack([image, other])), both)


def test_saved_and_loaded_it_finds_the_same(model, tmp_path):
    model.save(tmp_path / "model")
    again = isthmus.load(tmp_path / "model")
    assert again.cut_ == model.cut_
    for one, other in zip(again.predict(TEST[0]), model.predict(TEST[0]), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_cut_is_the_best_on_the_validation_images_or_as_asked(model):
    def mean(cut):
        twin = isthmus.models.InstanceSegmenter(**SETTINGS)
        twin.__dict__ |= {**model.__dict__, "cut_": cut}
        found = twin.predict(HELD_OUT[0])
        return np.mean(
            [instance_scores(a, b).ap_mean for a, b in zip(found, HELD_OUT[1], strict=True)]
        )

    cut = model.cut_
    others = [type(cut)(rise, cut.object, cut.smallest) for rise in (0.5, 1.5, 3.0)]
    assert all(mean(cut) >= mean(other) for other in others)
    areas = np.concatenate([np.bincount(one.ravel())[1:] for one in TRAIN[1]])
    assert cut.smallest == int(np.percentile(areas, 1))
    asked = {"seed_rise": 0.25, "object_probability": 0.75, "smallest": 3}
    own = InstanceSegmenter(**{**SETTINGS, "epochs": 0, **asked}).fit(*TRAIN).cut_
    assert (own.rise, own.object, own.smallest) == (0.25, 0.75, 3)


def test_a_large_image_in_tiles_has_the_same_objects(model, monkeypatch):
    image = np.concatenate([np.concatenate(TEST[0][:3]), np.concatenate(TEST[0][3:])], 1)
    (whole,) = model.predict([image])
    monkeypatch.setattr(segmentation, "WHOLE", 0)
    monkeypatch.setattr(segmentation, "_TILE", 32)
    (tiled,) = model.predict([image])
    assert whole.max() > 8
    np.testing.assert_array_equal(tiled, whole)


@pytest.mark.parametrize("kind", list(BORDERS))
def test_several_classes_of_objects(kind):
    images, maps = TRAIN
    classes = [np.where(one == 0, 0, 1 + (one > 2)) for one in maps]  # upper and lower discs
    rows = np.arange(images[0].shape[0])[:, None]
    marked = [np.where(rows < 20, one // 2, one).astype(np.uint8) for one in images]
    names = ["background", "dark", "bright"]
    model = InstanceSegmenter(**{**SETTINGS, "borders": kind, "epochs": 12})
    model.fit(marked, maps, classes=classes, class_names=names)
    assert model.data_["class_names"] == names
    found = model.predict_objects(marked[:4])
    assert all(len(one.boxes) == len(one.classes) == one.map.max() for one in found)
    right = [one.class_map == wanted for one, wanted in zip(found, classes, strict=False)]
    assert np.mean(right) > 0.85


def test_pixels_to_ignore_are_neither_learnt_nor_objects():
    images, maps = TRAIN
    hidden = [np.where(np.arange(36) < 18, one, -1) for one in maps]
    model = InstanceSegmenter(**{**SETTINGS, "epochs": 1}).fit(images, hidden)
    assert model.data_["class_names"] == ["background", "object"]
    assert model.cut_.smallest < 100


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"borders": "lines"}, "Unknown borders 'lines'"),
        ({"borders": {"kind": "class", "wide": 3}}, "unknown key"),
        ({"seed_rise": 0}, "seed_rise"),
    ],
)
def test_bad_settings_are_refused(change, message):
    with pytest.raises(SettingError, match=message):
        InstanceSegmenter(**{**SETTINGS, **change}).fit(*TRAIN)


def test_bad_maps_are_refused():
    images, maps = TRAIN
    model = InstanceSegmenter(**SETTINGS)
    with pytest.raises(DataError, match="31 instance maps for 32 images"):
        model.fit(images, maps[1:])
    with pytest.raises(DataError, match="whole numbers of the same size"):
        model.fit(images, [one / 2 for one in maps])
    with pytest.raises(DataError, match="whole numbers of the same size"):
        model.fit(images, [one[1:] for one in maps])
