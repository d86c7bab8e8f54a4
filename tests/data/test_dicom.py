"""DICOM series: order, geometry and values against SimpleITK, and folders that cannot be used."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import JPEGLSLossless, RLELossless, generate_uid

from isthmus.core.errors import DataError
from isthmus.data.volumes import open_volume, read_volume, write_label_volume
from support.volumes import LPS_TO_RAS, PATIENT, itk, write_series

BLOCK = np.random.default_rng(0).integers(0, 4000, (5, 6, 7)).astype(np.uint16)
OBLIQUE = ((0.8, 0.6, 0.0), (-0.48, 0.64, 0.6))
CORONAL = ((1, 0, 0), (0, 0, -1))
SAGITTAL = ((0, 1, 0), (0, 0, -1))
AXIAL = ((1, 0, 0), (0, 1, 0))


def _by_itk(folder: Path) -> Any:
    reader = itk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    return reader.Execute()


@pytest.mark.parametrize("directions", [AXIAL, CORONAL, SAGITTAL, OBLIQUE])
def test_a_series_is_read_as_simpleitk_reads_it(tmp_path: Path, directions: Any) -> None:
    folder = write_series(tmp_path / "ct", BLOCK, directions=directions)
    volume, oracle = read_volume(folder), _by_itk(folder)
    turned = itk.DICOMOrient(oracle, "LPS")
    assert (volume.name, volume.array.dtype) == ("ct", np.int16)
    np.testing.assert_array_equal(volume.array, itk.GetArrayFromImage(turned))
    np.testing.assert_allclose(volume.spacing, turned.GetSpacing()[::-1], rtol=1e-6)
    np.testing.assert_allclose(volume.affine[:3, 3] * [-1, -1, 1], turned.GetOrigin(), atol=1e-6)

    labels = (volume.array > 1000).astype(np.int16)
    write_label_volume(tmp_path / "labels.nii.gz", labels, volume.geometry)
    written = itk.ReadImage(str(tmp_path / "labels.nii.gz"))
    np.testing.assert_array_equal(
        itk.GetArrayFromImage(written), itk.GetArrayFromImage(oracle) > 1000
    )
    for part in ("GetOrigin", "GetSpacing", "GetDirection", "GetSize"):
        np.testing.assert_allclose(getattr(written, part)(), getattr(oracle, part)(), atol=1e-5)


def test_parts_are_read_file_by_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = open_volume(write_series(tmp_path / "ct", BLOCK))
    whole = file.read().array
    from isthmus.data.volumes import dicom

    opened: list[Path] = []
    values = dicom._values
    monkeypatch.setattr(dicom, "_values", lambda one: opened.append(one.path) or values(one))
    assert file.sliced(0) is file
    np.testing.assert_array_equal(file[slice(1, 3), slice(2, 5), slice(None)], whole[1:3, 2:5])
    assert len(opened) == 2
    assert isinstance(file.sliced(1), np.ndarray)


def test_each_slice_is_rescaled_by_its_own_numbers(tmp_path: Path) -> None:
    def changes(number: int, data: Any) -> None:
        data.RescaleSlope, data.RescaleIntercept = 0.5 + number, 3

    volume = read_volume(write_series(tmp_path / "pet", BLOCK, changes=changes))
    wanted = BLOCK * (0.5 + np.arange(5))[:, None, None] + 3
    assert volume.array.dtype == np.float32
    np.testing.assert_allclose(volume.array, wanted)


def test_a_tilted_stack_keeps_its_shear(tmp_path: Path) -> None:
    def changes(number: int, data: Any) -> None:
        data.ImagePositionPatient = [-30.0, 12.0 + 0.4 * number, 45.0 + 2.5 * number]

    volume = read_volume(write_series(tmp_path / "tilted", BLOCK, changes=changes))
    last = volume.affine @ [4, 0, 0, 1]
    np.testing.assert_allclose(last[:3], (LPS_TO_RAS @ [-30, 13.6, 55, 1])[:3], atol=1e-9)
    write_label_volume(tmp_path / "a.nii", np.zeros((5, 6, 7), int), volume.geometry)
    np.testing.assert_allclose(
        nibabel.load(tmp_path / "a.nii").affine, volume.geometry.affine, atol=1e-5
    )


def test_compressed_slices_are_read_where_there_is_a_decoder(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "ct", BLOCK)
    wanted = read_volume(folder).array
    for path in folder.iterdir():
        data = dcmread(path)
        data.compress(RLELossless, generate_instance_uid=False)
        data.save_as(path)
    np.testing.assert_array_equal(read_volume(folder).array, wanted)


def _position(number: int, data: Any) -> None:
    if number == 2:
        data.ImagePositionPatient = [-30.0, 12.0, 45.0]


def _gap(number: int, data: Any) -> None:
    data.ImagePositionPatient = [-30.0, 12.0, 45.0 + 2.5 * (number + (number > 2))]


def _bent(number: int, data: Any) -> None:
    data.ImagePositionPatient = [-30.0 + (number == 2), 12.0, 45.0 + 2.5 * number]


def _in_third(**changes: Any) -> Any:
    def change(number: int, data: Any) -> None:
        for name, value in changes.items():
            if number == 3:
                setattr(data, name, value)

    return change


def _without(name: str) -> Any:
    return lambda number, data: delattr(data, name)


def _colour(number: int, data: Any) -> None:
    data.SamplesPerPixel, data.PhotometricInterpretation, data.PlanarConfiguration = 3, "RGB", 0
    data.PixelData = data.PixelData * 3


def _jpeg_ls(number: int, data: Any) -> None:
    from pydicom.encaps import encapsulate

    data.file_meta.TransferSyntaxUID = JPEGLSLossless
    data.PixelData = encapsulate([data.PixelData])
    data["PixelData"].is_undefined_length = True


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (_position, "lie at the same place"),
        (_gap, "Slices are missing.* 5 mm apart, others 2.5 mm"),
        (_bent, "straight line"),
        (_in_third(SeriesInstanceUID=generate_uid()), "are of several series"),
        (_in_third(ImageOrientationPatient=[0, 1, 0, 0, 0, -1]), "are turned differently"),
        (_in_third(PixelSpacing=[0.8, 0.9]), "differ in size or in the spacing"),
        (_without("ImagePositionPatient"), "does not say where its slice lies"),
        (_without("ImageOrientationPatient"), "does not say where its slice lies"),
        (_without("PixelSpacing"), "does not say where its slice lies"),
        (_in_third(PixelSpacing=[0, 0.7]), "geometry that cannot be"),
        (_colour, "in colour"),
        (_in_third(NumberOfFrames=4), "several frames"),
        (_jpeg_ls, "compressed as 'JPEG-LS Lossless.*no decoder"),
        (_in_third(PixelData=b"\0" * 10), "pixels cannot be read"),
    ],
)
def test_what_is_no_whole_series_is_refused(tmp_path: Path, changes: Any, said: str) -> None:
    folder = write_series(tmp_path / "ct", BLOCK, changes=changes)
    with pytest.raises(DataError, match=said) as caught:
        read_volume(folder)
    assert not any(word in str(caught.value) for word in PATIENT)


def test_other_files_in_the_folder_are_refused(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "ct", BLOCK)
    (folder / ".DS_Store").write_bytes(b"x")
    (folder / "DICOMDIR").write_bytes(b"x")
    read_volume(folder)
    (folder / "notes.txt").write_text("hello")
    with pytest.raises(DataError, match=r"notes\.txt is no DICOM file"):
        read_volume(folder)


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "ct", BLOCK)
    path = sorted(folder.iterdir())[2]
    content = path.read_bytes()
    for share in (0.2, 0.5, 0.9):
        path.write_bytes(content[: int(share * len(content))])
        with pytest.raises(DataError):
            read_volume(folder)


def test_a_single_slice_needs_a_thickness(tmp_path: Path) -> None:
    volume = read_volume(write_series(tmp_path / "one", BLOCK[:1]))
    assert volume.array.shape == (1, 6, 7)
    assert volume.spacing == pytest.approx((2.5, 0.8, 0.7))
    shutil.rmtree(tmp_path / "one")
    folder = write_series(tmp_path / "one", BLOCK[:1], changes=_without("SliceThickness"))
    with pytest.raises(DataError, match="without thickness"):
        read_volume(folder)
