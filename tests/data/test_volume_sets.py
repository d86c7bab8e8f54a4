"""Sets of volumes with their labels: pairs, checks, and what does not fit."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from isthmus.core.errors import DataError
from isthmus.data import CATALOGUE, read_pairs, split
from isthmus.data.intensities import INTENSITIES
from isthmus.data.pairs import PARTS
from isthmus.data.volumes import check_volumes, is_volume_set, read_volumes
from isthmus.data.volumes.sets import open_volumes
from support.volumes import balls, write_balls, write_nifti

VALUES = {"background": 0, "ball": 1}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_balls(tmp_path / "set", 4, series=1)


def _labels(folder: Path, number: int = 1) -> tuple[Path, Any, Any]:
    path = folder / "labels" / f"b{number:02d}.nii.gz"
    image = nibabel.load(path)
    return path, np.asarray(image.dataobj), image.affine


def test_a_folder_becomes_a_set(folder: Path) -> None:
    (folder / "index.csv").write_text(
        "file,split,patient\nb00,train,p0\nb01.nii.gz,train,p1\nb02.nii.gz,val,p2\n"
        "b03.nii.gz,test,p3\n"
    )
    found = read_volumes(folder, values=VALUES, groups="patient")
    volumes, maps = balls(4)
    assert found.names == ("b00", "b01", "b02", "b03")
    assert found.spacings[2] == pytest.approx((2.5, 0.8, 0.7))
    for number in range(4):  # written as LPS, or as axial DICOM, of which both are (S, P, L)
        np.testing.assert_array_equal(found.images[number], volumes[number])
        np.testing.assert_array_equal(found.masks[number], maps[number])
    parts = split(found)
    test = found.subset(parts.test)
    assert (test.names, test.groups.tolist(), len(test.spacings)) == (("b03",), ["p3"], 1)
    checked = check_volumes(folder, values=VALUES, groups="patient")
    assert checked.problems == []
    assert checked.pixels["all"][2] == sum(int(labels.sum()) for labels in maps)


def test_a_csv_file_lists_pairs(folder: Path) -> None:
    listed = folder / "pairs.csv"
    listed.write_text(
        "image,mask\nimages/b00,labels/b00.nii.gz\nimages/b02.nii.gz,labels/b02.nii.gz\n"
    )
    assert is_volume_set(listed)
    found = read_volumes(listed, values=VALUES)
    assert found.names == ("images/b00", "images/b02")


def test_labels_in_another_order_of_axes_are_turned(folder: Path) -> None:
    path, labels, _ = _labels(folder)
    own = nibabel.load(path)
    nibabel.save(nibabel.as_closest_canonical(own), path)
    assert not np.array_equal(np.asarray(nibabel.load(path).dataobj), labels)
    np.testing.assert_array_equal(read_volumes(folder, values=VALUES).masks[1], balls(4)[1][1])


def _moved(path: Path, labels: Any, affine: Any) -> None:
    write_nifti(path, labels, affine + _shift(1.0))


def _shift(by: float) -> Any:
    shift = np.zeros((4, 4))
    shift[0, 3] = by
    return shift


def _smooth(path: Path, labels: Any, affine: Any) -> None:
    write_nifti(path, labels.astype(np.float32) * 0.5, affine)


def _smaller(path: Path, labels: Any, affine: Any) -> None:
    write_nifti(path, labels[1:], affine)


def _stray(path: Path, labels: Any, affine: Any) -> None:
    write_nifti(path, labels * 7, affine)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_moved, "does not lie where"),
        (_smooth, "no whole numbers, such as 0.5"),
        (_smaller, "is 9 x 20 x 17, but .* is 9 x 20 x 18"),
        (_stray, "holds 7 in"),
        (lambda path, labels, affine: path.unlink(), "has no mask 'b01'"),
        (lambda path, labels, affine: path.write_bytes(b"x" * 999), "damaged"),
    ],
)
def test_labels_that_do_not_fit_are_refused_and_listed(
    folder: Path, damage: Any, said: str
) -> None:
    damage(*_labels(folder))
    with pytest.raises(DataError, match=said):
        read_volumes(folder, values=VALUES)
    problems = check_volumes(folder, values=VALUES).problems
    assert [problem.place for problem in problems] == ["b01"]


def test_rounding_of_an_affine_moves_nothing(folder: Path) -> None:
    path, labels, affine = _labels(folder)
    write_nifti(path, labels, affine + _shift(0.001))
    read_volumes(folder, values=VALUES)


def test_volumes_are_no_images(folder: Path) -> None:
    assert is_volume_set(folder)
    with pytest.raises(DataError, match="holds volumes, not images"):
        read_pairs(folder, values=VALUES, masks="labels")


@pytest.mark.parametrize("kind", sorted(INTENSITIES))
def test_intensities_of_slabs_are_those_of_the_whole(kind: str) -> None:
    (volume,), _ = balls(1)
    scaled = INTENSITIES.build(kind)
    by_parts = scaled.of([volume[:4], volume[4:5], volume[5:]])
    np.testing.assert_allclose(by_parts(volume), scaled(volume), rtol=1e-5, atol=1e-6)


def test_percentiles_of_many_values_are_near(monkeypatch: pytest.MonkeyPatch) -> None:
    from isthmus.data import intensities

    (volume,), _ = balls(1, (20, 40, 40))
    scaled = INTENSITIES.build("percentiles")
    whole = scaled(volume)
    monkeypatch.setattr(intensities, "_LOOKED_AT", 4000)
    near = scaled.of(iter(volume[at : at + 1] for at in range(20)))
    assert np.abs(near(volume) - whole).max() < 0.1


def test_a_set_needs_volumes() -> None:
    from isthmus.data.volumes import VolumeSet

    flat = np.zeros((4, 4), np.int16)
    with pytest.raises(DataError, match=r"give \(D, H, W\)"):
        VolumeSet("a", (flat,), (flat,), ("x",), ("a", "b"), spacings=((1, 1, 1),))
    cube = np.zeros((2, 2, 2), np.int16)
    with pytest.raises(DataError, match="spacings has 0 entries"):
        VolumeSet("a", (cube,), (cube,), ("x",), ("a", "b"))


REAL = Path(os.environ.get("ISTHMUS_DATA", "")) / "hippocampus"


@pytest.mark.skipif(not REAL.is_dir(), reason="ISTHMUS_DATA names no folder of hippocampus")
def test_the_known_set() -> None:
    opened = open_volumes("hippocampus", {})
    assert (len(opened.pairs), opened.problems) == (CATALOGUE["hippocampus"].count, [])
    assert opened.classes.class_names == ("background", "anterior", "posterior")
    assert opened.predefined is not None
    assert [int((opened.predefined == part).sum()) for part in PARTS] == [40, 10, 10]
    _, labels = opened.decode(opened.pairs[0])
    anterior, posterior = (np.argwhere(labels == label)[:, 1].mean() for label in (1, 2))
    assert anterior < posterior  # the second axis runs backwards
    assert is_volume_set("hippocampus")
    assert not is_volume_set("made-lungs")
