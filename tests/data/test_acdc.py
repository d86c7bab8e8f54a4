"""The folders of the ACDC challenge, made small."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import polars as pl
import pytest

from isthmus.core.errors import DataError, SettingError
from isthmus.data import read_pairs
from isthmus.data.acdc import VALUES, convert_acdc, read_acdc

SHAPE = (7, 6, 3)  # X, Y, Z


def write_patient(folder: Path, patient: str, group: str, frames: tuple[int, int]) -> Path:
    """Two frames; the value of a voxel tells where it is."""
    own = folder / patient
    own.mkdir(parents=True)
    ed, es = frames
    (own / "Info.cfg").write_text(f"ED: {ed}\nES: {es}\nGroup: {group}\nHeight: 170.0\n")
    x, y, z = np.indices(SHAPE)
    for frame in frames:
        image, labels = 100 * z + 10 * y + x + frame, (x + y + z) % 4
        for ending, values in (("", image), ("_gt", labels)):
            volume = nibabel.Nifti1Image(values.astype(np.int16), np.diag([1.5, 1.5, 10, 1]))
            nibabel.save(volume, own / f"{patient}_frame{frame:02d}{ending}.nii.gz")
    return own


@pytest.fixture
def acdc(tmp_path: Path) -> Path:
    """Two patients, and a file that is none."""
    write_patient(tmp_path / "training", "patient001", "DCM", (1, 12))
    write_patient(tmp_path / "training", "patient002", "NOR", (1, 9))
    (tmp_path / "training" / "MANDATORY_CITATION.md").touch()
    return tmp_path / "training"


def test_slices_of_both_phases(acdc: Path) -> None:
    found = dict(read_acdc(acdc))
    assert len(found) == 2 * 2 * SHAPE[2]
    picture = found["patient001_ES_02"]
    assert picture.image.shape == picture.labels.shape == (6, 7)
    assert picture.image[4, 3] == 100 + 40 + 3 + 12  # row 4 is y, column 3 is x
    assert picture.labels[4, 3] == (3 + 4 + 1) % 4
    assert picture.facts == {
        "patient": "patient001",
        "group": "DCM",
        "phase": "ES",
        "slice": 2,
        "pixel_mm": 1.5,
        "slice_mm": 10.0,
    }
    assert [*dict(read_acdc(acdc / "patient002"))] == [n for n in found if "002" in n]


def test_converted_files_are_pairs(acdc: Path, tmp_path: Path) -> None:
    assert convert_acdc(acdc, tmp_path / "out") == 12
    pairs = read_pairs(tmp_path / "out", values=VALUES, groups="patient")
    assert pairs.class_names == tuple(VALUES)
    originals = dict(read_acdc(acdc))
    for name, image, mask in zip(pairs.names, pairs.images, pairs.masks, strict=True):
        np.testing.assert_array_equal(image, originals[name].image)
        np.testing.assert_array_equal(mask, originals[name].labels)
    index = pl.read_csv(tmp_path / "out" / "index.csv")
    assert index.columns == ["file", *originals["patient001_ED_01"].facts]
    with pytest.raises(SettingError, match="not an empty folder"):
        convert_acdc(acdc, tmp_path / "out")


def test_what_is_wrong_is_said_in_a_sentence(acdc: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no patients as ACDC has them"):
        list(read_acdc(tmp_path / "nowhere"))
    own = acdc / "patient001"
    info = (own / "Info.cfg").read_text()
    (own / "Info.cfg").write_text(info.replace("ES: 12", ""))
    with pytest.raises(DataError, match="does not say which frame is ES"):
        list(read_acdc(acdc))
    (own / "Info.cfg").write_text(info.replace("12", "13"))
    with pytest.raises(DataError, match=r"patient001_frame13.nii.gz is missing"):
        list(read_acdc(acdc))
    (own / "Info.cfg").write_text(info)
    (own / "patient001_frame12_gt.nii.gz").write_bytes(b"no volume")
    with pytest.raises(DataError, match="is no NIfTI volume"):
        list(read_acdc(acdc))
    strange = nibabel.Nifti1Image(np.full(SHAPE, 5, np.int16), np.eye(4))
    nibabel.save(strange, own / "patient001_frame12_gt.nii.gz")
    with pytest.raises(DataError, match=r"values up to 5.*the classes are 0 to 3"):
        list(read_acdc(acdc))
    flat = nibabel.Nifti1Image(np.zeros(SHAPE, np.int16), np.diag([1, 2, 8, 1]))
    nibabel.save(flat, own / "patient001_frame12.nii.gz")
    with pytest.raises(DataError, match="make them square"):
        list(read_acdc(acdc))
