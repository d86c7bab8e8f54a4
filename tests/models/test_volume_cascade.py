"""Two segmenters of volumes, one after the other."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import isthmus
from isthmus import VolumeCascade, VolumeSegmenter
from isthmus.core.errors import DataError, SettingError
from isthmus.data.volumes import open_volume
from isthmus.models import _slices
from isthmus.models._cascade import box_around
from isthmus.models._slices import Part
from support.discs import dice
from support.organs import NAMES, organ_volumes
from support.volumes import affine_of, write_nifti

SIZES = [(4.0, 1.0, 1.0)] * 20
STAGE: dict[str, Any] = {
    "kind": "volume_segmenter",
    "network": {"kind": "unet", "channels": [6, 12]},
    "code_size": 12,
    "loss": {"kind": "dice_cross_entropy", "over": "batch"},
    "intensities": "unit",
    "epochs": 8,
    "patches": 48,
    "learning_rate": 0.01,
}
QUICK = {**STAGE, "epochs": 1, "patches": 8}


@cache
def fitted() -> VolumeCascade:
    volumes, maps = organ_volumes(8)
    model = VolumeCascade(first={**STAGE, "spacing": 2.0}, second=STAGE, random_state=0)
    return model.fit(volumes, maps, SIZES[:8], class_names=NAMES)


def test_lesions_are_found_in_the_organ_of_a_volume() -> None:
    volumes, maps = organ_volumes(4, seed=1)
    found = fitted().predict(volumes, SIZES[:4])
    for label, least in ((1, 0.85), (2, 0.7)):
        assert dice([p == label for p in found], [r == label for r in maps]) > least


def test_probabilities_follow_from_both_networks_in_the_box_of_the_organ() -> None:
    (volume,), _ = organ_volumes(1, seed=1)
    model, sizes = fitted(), SIZES[:1]
    (p,) = model.predict_proba([volume], sizes)
    np.testing.assert_allclose(p.sum(0), 1, atol=1e-5)
    (of_first,) = model.first_.predict([volume], sizes)
    organ = of_first == 1
    box = box_around(organ, np.full(6, 0.1))
    (of_second,) = model.second_.predict_proba([volume[box]], sizes)
    inside = organ[box]
    np.testing.assert_allclose(p[2][box][inside], of_second[1][inside], atol=1e-6)
    assert not p[2][~organ].any()
    nothing = np.full((5, 20, 22), 25, np.uint8)
    (q,) = model.predict_proba([nothing], sizes)
    assert not q.argmax(0).any()
    assert not q[2].any()


def test_a_saved_one_answers_as_it_did(tmp_path: Path) -> None:
    volumes, maps = organ_volumes(3)
    stages = {"first": {**QUICK, "plane": "coronal"}, "second": {**QUICK, "neighbours": 1}}
    model = VolumeCascade(**stages, random_state=1).fit(volumes, maps, SIZES[:3])
    model.save(tmp_path / "model")
    again = isthmus.load(tmp_path / "model")
    again.save(tmp_path / "copy")
    for other in (again, isthmus.load(tmp_path / "copy")):
        assert (other.axis_, other.axes_) == (0, {0, 1})
        answers = other.predict_proba(volumes)
        for one, same in zip(model.predict_proba(volumes), answers, strict=True):
            np.testing.assert_array_equal(one, same)
    assert [row["phase"] for row in model.history_] == [1, 2]


def test_a_file_is_read_by_slabs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (volume,), _ = organ_volumes(1, seed=1)
    wanted = fitted().predict([volume], SIZES[:1])[0]
    monkeypatch.setattr(_slices, "_SLAB", 2 * volume[0].size)
    for suffix in (".nii", ".nii.gz"):
        path = write_nifti(tmp_path / f"a{suffix}", volume.transpose(2, 1, 0), affine_of((1, 1, 4)))
        file = open_volume(path).sliced(0)
        np.testing.assert_array_equal(fitted().predict([file], SIZES[:1])[0], wanted)
    part = Part(volume, (slice(1, 5), slice(3, 30), slice(0, 9)))
    assert part.shape == (4, 27, 9)
    inner = (slice(1, 3), slice(None), slice(2, 100))
    np.testing.assert_array_equal(part[inner], volume[1:5, 3:30, :9][inner])


def test_any_two_of_volumes(tmp_path: Path) -> None:
    volumes, maps = organ_volumes(3)
    model = fitted()
    together = VolumeCascade.of(model.first_, model.second_)
    for one, other in zip(together.predict(volumes), model.predict(volumes), strict=True):
        np.testing.assert_array_equal(one, other)
    model.first_.save(tmp_path / "organ")
    half = VolumeCascade(first=str(tmp_path / "organ"), second=QUICK, random_state=0)
    lesions = [(one == 2).astype(np.int16) for one in maps]
    held_out = (volumes[:1], lesions[:1], SIZES[:1])
    half.fit(volumes, lesions, SIZES[:3], class_names=("a", "lesion"), validation=held_out)
    assert not half.knows_organs
    assert half.in_full().involvement == {"part": ["lesion"], "whole": ["organ", "lesion"]}
    assert not (half.untrained().predict(volumes)[0] > 1).any()


def test_what_is_refused() -> None:
    volumes, maps = organ_volumes(2)
    with pytest.raises(SettingError, match=r"'segmenter' gives no label volumes.*of volumes"):
        VolumeCascade(first="segmenter").fit(volumes, maps)
    with pytest.raises(SettingError, match="'volume_segmenter' gives no label maps"):
        isthmus.Cascade(first="volume_segmenter").fit(volumes, maps)
    with pytest.raises(DataError, match="label map has shape"):
        VolumeCascade(first=QUICK, second=QUICK).fit(volumes, [one[1:] for one in maps])
    with pytest.raises(DataError, match=r"give numbers \(D, H, W\)"):
        VolumeCascade(first=QUICK, second=QUICK).fit([volumes[0][0]], [maps[0][0]])
    assert isinstance(fitted().first_, VolumeSegmenter)
