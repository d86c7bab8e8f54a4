"""Volumes that are made, in memory and as files."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest

from isthmus.core.errors import DataError, SettingError
from isthmus.data import CATALOGUE, read_pairs
from isthmus.data.volumes import (
    check_volumes,
    is_made_volumes,
    is_volume_set,
    make_volumes,
    open_volume,
    read_volumes,
    write_made_volumes,
)

NAME = "made-chest-ct-volumes"
SMALL = (40, 48)


def test_a_volume_is_a_function_of_seed_and_number() -> None:
    few, more = (make_volumes(NAME, count, seed=3, size=SMALL) for count in (2, 6))
    for one, other in zip(few.images + few.masks, more.images[:2] + more.masks[:2], strict=True):
        np.testing.assert_array_equal(one, other)
    assert (make_volumes(NAME, 1, seed=4, size=SMALL).images[0] != few.images[0]).mean() > 0.5
    assert {(one.shape, one.dtype.name) for one in more.images} == {((12, *SMALL), "int16")}
    assert more.predefined is not None
    assert more.groups is not None
    assert more.predefined.tolist() == [*["train"] * 3, "validation", "test", "train"]
    assert len(set(more.groups)) == 6
    whole = np.concatenate(more.images)
    assert (whole.min() < -900, 200 < whole.max()) == (True, True)  # Hounsfield units
    lungs, ml = np.concatenate(more.masks) > 0, np.prod(more.spacings[0]) / 1000
    assert -900 < np.median(whole[lungs]) < -700
    assert 0 < lungs.sum() * ml


def test_files_are_read_as_they_were_made(tmp_path: Path) -> None:
    values = write_made_volumes(NAME, tmp_path / "set", 5, seed=1, size=SMALL)
    made = make_volumes(NAME, 5, seed=1, size=SMALL)
    found = read_volumes(tmp_path / "set", values=values, groups="patient", every_class=False)
    assert (found.names, found.class_names) == (made.names, made.class_names)
    for name in ("images", "masks"):
        for one, other in zip(getattr(found, name), getattr(made, name), strict=True):
            np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(found.predefined, made.predefined)
    np.testing.assert_array_equal(found.groups, made.groups)
    assert found.spacings == made.spacings
    path = tmp_path / "set" / "images" / "0000.nii.gz"
    assert nibabel.load(path).header.get_zooms() == (3.5, 3.5, 25)
    assert open_volume(path)._cheap(0)  # is read slab by slab
    with pytest.raises(SettingError, match="not an empty folder"):
        write_made_volumes(NAME, tmp_path / "set")
    with pytest.raises(SettingError, match=f"{NAME}: count=0"):
        write_made_volumes(NAME, tmp_path / "other", 0)


def test_it_is_a_known_set_of_volumes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (is_made_volumes(NAME), is_volume_set(NAME), is_volume_set("made-lungs")) == (1, 1, 0)
    few = make_volumes(NAME, 5, size=SMALL)
    monkeypatch.setattr("isthmus.data.volumes.sets.make_volumes", lambda name: few)
    assert read_volumes(NAME) is few
    checked = check_volumes(NAME)
    assert (checked.problems, checked.class_names) == ([], few.class_names)
    assert CATALOGUE[NAME].sample_shape == (12, 128, 128)
    with pytest.raises(SettingError, match="has no ignore to choose"):
        read_volumes(NAME, ignore=[3])
    with pytest.raises(DataError, match=f"isthmus data make {NAME} FOLDER"):
        read_pairs(NAME)
