"""The segmenter of volumes: what it learns, slices and neighbours, spacing, memory, saving."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import isthmus
from isthmus import VolumeSegmenter
from isthmus.core.errors import DataError
from isthmus.data.intensities import INTENSITIES
from isthmus.data.volumes import open_volume
from isthmus.models import _slices
from isthmus.models._slices import Slicer
from support.discs import dice
from support.volumes import affine_of, balls, write_nifti

SPACINGS = [(2.5, 0.8, 0.7)] * 20
WINDOW = {"kind": "window", "centre": 0, "width": 2000}


def segmenter(**settings: Any) -> VolumeSegmenter:
    common = {
        "network": {"kind": "unet", "channels": [8]},
        "code_size": 16,
        "intensities": WINDOW,
        "epochs": 4,
        "learning_rate": 1e-2,
        "random_state": 0,
    }
    return VolumeSegmenter(**{**common, **settings})


@pytest.fixture(scope="module")
def fitted() -> VolumeSegmenter:
    volumes, maps = balls(8)
    held_out = (volumes[6:], maps[6:], SPACINGS[6:8])
    return segmenter(neighbours=1).fit(
        volumes[:6], maps[:6], SPACINGS[:6], class_names=["background", "ball"], validation=held_out
    )


def test_it_learns_balls(fitted: VolumeSegmenter) -> None:
    volumes, maps = balls(4, seed=1)
    found = fitted.predict(volumes, SPACINGS[:4])
    assert dice(found, maps) > 0.85
    assert (found[0].shape, found[0].dtype) == (volumes[0].shape, np.int16)
    (p,) = fitted.predict_proba(volumes[:1], SPACINGS[:1])
    assert p.shape == (2, *volumes[0].shape)
    np.testing.assert_array_equal(p.argmax(0), found[0])
    np.testing.assert_allclose(p.sum(0), 1, atol=1e-5)
    assert "validation/total" in fitted.history_[-1]
    assert fitted.data_["samples"] == 6
    assert fitted.data_["slices"] == 6 * 9


def test_slices_lie_across_the_coarsest_spacing(fitted: VolumeSegmenter) -> None:
    assert (fitted.axis_, fitted.plane_, fitted.sample_shape_[0]) == (0, "axial", 3)
    volumes, maps = balls(2, (20, 9, 18))
    across = [(0.8, 2.5, 0.7)] * 2
    for settings, plane in (({}, "coronal"), ({"plane": "sagittal"}, "sagittal")):
        model = segmenter(epochs=0, **settings).fit(volumes, maps, across)
        assert model.plane_ == plane
    assert segmenter(epochs=0).fit(volumes, maps).plane_ == "axial"


def test_a_saved_model_answers_as_it_did(fitted: VolumeSegmenter, tmp_path: Path) -> None:
    volumes, maps = balls(1, (9, 18, 20))
    model = segmenter(plane="sagittal", epochs=1).fit(volumes, maps)
    model.save(tmp_path / "model")
    again = isthmus.load(tmp_path / "model")
    assert again.plane_ == "sagittal"
    np.testing.assert_array_equal(again.predict_proba(volumes), model.predict_proba(volumes))


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("neighbours", [0, 1, 3])
@pytest.mark.parametrize("depth", [1, 2, 9])
def test_slices_one_by_one_are_those_of_the_whole(
    axis: int, neighbours: int, depth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    shape = [6, 5, 4]
    shape[axis] = depth
    volume = np.random.default_rng(0).integers(-900, 900, shape).astype(np.int16)
    slicer = Slicer(axis, neighbours, 0.5, INTENSITIES.build("standard"))
    whole = slicer.images(volume, (0.5, 1.0, 2.0))
    monkeypatch.setattr(_slices, "_SLAB", 60)
    single = list(slicer.one_by_one(volume, (0.5, 1.0, 2.0)))
    np.testing.assert_allclose(np.stack(single), np.stack(whole), atol=1e-5)
    assert len(whole) == depth
    assert whole[0].shape == (1 + 2 * neighbours, *slicer.size(volume.shape, (0.5, 1.0, 2.0)))
    # Channel c of slice i is slice i + c - k, or the nearest there is.
    plain = Slicer(axis, 0, 0.5, INTENSITIES.build("standard")).images(volume, (0.5, 1.0, 2.0))
    for place, image in enumerate(whole):
        for channel, one in enumerate(image):
            at = np.clip(place + channel - neighbours, 0, depth - 1)
            np.testing.assert_array_equal(one, plain[at][0])


def test_slices_are_brought_to_a_spacing() -> None:
    volumes, maps = balls(2)
    model = segmenter(spacing=1.4, epochs=1)
    images, labels = model.slices(volumes, maps, SPACINGS[:2])
    assert images[0].shape == (1, round(20 * 0.8 / 1.4), round(18 * 0.7 / 1.4))
    assert labels[0].shape == images[0].shape[1:]
    model.fit(volumes, maps, SPACINGS[:2])
    assert model.predict(volumes, SPACINGS[:2])[0].shape == volumes[0].shape


def test_grey_values_are_scaled_by_the_whole_volume() -> None:
    volumes, maps = balls(1)
    images, _ = segmenter(intensities="percentiles").slices(volumes, maps)
    low, high = np.percentile(volumes[0], [0.5, 99.5])
    wanted = ((volumes[0] - low) / (high - low)).clip(0, 1)
    np.testing.assert_allclose(np.concatenate(images), wanted, atol=1e-6)


class _Watched:
    """A volume that notes how much of it is asked for at once."""

    def __init__(self, array: Any) -> None:
        self.array, self.shape, self.dtype, self.most = array, array.shape, array.dtype, 0

    def __getitem__(self, slices: Any) -> Any:
        part = self.array[slices]
        self.most = max(self.most, part.size)
        return part


def test_a_volume_is_read_by_slabs(
    fitted: VolumeSegmenter, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (volume,), _ = balls(1, (40, 20, 18))
    wanted = fitted.predict([volume])[0]
    monkeypatch.setattr(_slices, "_SLAB", 3 * 20 * 18)
    watched = _Watched(volume)
    np.testing.assert_array_equal(fitted.predict([watched])[0], wanted)
    assert watched.most == 3 * 20 * 18
    for suffix in (".nii", ".nii.gz"):
        path = write_nifti(tmp_path / f"a{suffix}", volume.transpose(2, 1, 0), affine_of((1, 1, 1)))
        np.testing.assert_array_equal(fitted.predict([open_volume(path).sliced(0)])[0], wanted)


def test_untrained_differs_and_keeps_the_plane(fitted: VolumeSegmenter) -> None:
    volumes, maps = balls(2)
    twin = fitted.untrained()
    assert twin.axis_ == fitted.axis_
    assert dice(twin.predict(volumes), maps) < dice(fitted.predict(volumes), maps)


NAN = np.full((9, 20, 18), np.nan, np.float32)


@pytest.mark.parametrize(
    ("volume", "labels", "spacing", "said"),
    [
        (np.zeros((4, 5)), np.zeros((4, 5), int), None, r"give numbers \(D, H, W\)"),
        (NAN, np.zeros((9, 20, 18), int), None, "no finite numbers"),
        (np.zeros((3, 4, 5)), np.zeros((3, 4, 6), int), None, "whole numbers of the same shape"),
        (np.zeros((3, 4, 5)), np.zeros((3, 4, 5)), None, "whole numbers of the same shape"),
        (np.zeros((3, 4, 5)), np.zeros((3, 4, 5), int), [(1, 1, 0)], "three numbers of mm above 0"),
        (np.zeros((3, 4, 5)), np.zeros((3, 4, 5), int), [(1, 1)], "three numbers of mm above 0"),
    ],
)
def test_what_cannot_be_learnt_is_refused(
    volume: Any, labels: Any, spacing: Any, said: str
) -> None:
    with pytest.raises(DataError, match=said):
        segmenter().fit([volume], [labels], spacing)


def test_volumes_and_labels_are_counted() -> None:
    with pytest.raises(DataError, match="no volumes"):
        segmenter().fit([], [])
    with pytest.raises(DataError, match="0 label volumes for 1 volumes"):
        segmenter().fit([np.zeros((3, 4, 5))], [])
