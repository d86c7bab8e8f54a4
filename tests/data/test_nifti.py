"""NIfTI: geometry against nibabel and SimpleITK, values, slabs, and files that cannot be used."""

from __future__ import annotations

import gzip
import io
from contextlib import suppress
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from isthmus.core.errors import DataError, SettingError
from isthmus.data.volumes import (
    Geometry,
    list_volumes,
    open_volume,
    read_volume,
    stem,
    write_label_volume,
    written_by_slice,
)
from support.volumes import PATIENT, affine_of, itk, write_nifti

CODES = ["LPS", "RAS", "RPI", "SAL", "ILP", "PSR"]
GENERATOR = np.random.default_rng(0)
BLOCK = GENERATOR.integers(-1000, 1000, (5, 6, 7)).astype(np.int16)


@given(
    codes=st.sampled_from(CODES),
    angle=st.floats(-0.4, 0.4),
    spacing=st.tuples(*[st.floats(0.3, 6)] * 3),
    shape=st.tuples(*[st.integers(1, 6)] * 3),
    forms=st.sampled_from([(1, 1), (2, 0), (0, 1), (1, 2)]),
    suffix=st.sampled_from([".nii", ".nii.gz"]),
)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_labels_go_back_to_the_very_geometry_of_the_file(
    tmp_path: Path, codes: str, angle: float, spacing: Any, shape: Any, forms: Any, suffix: str
) -> None:
    tmp_path /= suffix  # of x.nii and x.nii.gz in one folder the oracle mixes up the two
    array = np.random.default_rng(1).integers(0, 3, shape).astype(np.uint8)
    source = write_nifti(tmp_path / f"in{suffix}", array, affine_of(spacing, codes, angle), forms)
    volume = read_volume(source)

    # Read: every voxel lies where nibabel says, and the order is that of SimpleITK's LPS.
    oracle = itk.ReadImage(str(source))
    turned = itk.DICOMOrient(oracle, "LPS")
    np.testing.assert_array_equal(volume.array, itk.GetArrayFromImage(turned))
    np.testing.assert_allclose(volume.spacing, turned.GetSpacing()[::-1], rtol=1e-5)
    first = volume.affine[:3, 3] * [-1, -1, 1]
    np.testing.assert_allclose(first, turned.GetOrigin(), atol=1e-4)

    # Written: shape, affine, codes and order as they were.
    target = tmp_path / f"out{suffix}"
    write_label_volume(target, volume.array, volume.geometry)
    one, other = nibabel.load(source), nibabel.load(target)
    np.testing.assert_array_equal(np.asarray(other.dataobj), array)
    np.testing.assert_array_equal(other.affine, one.affine)
    for name in ("qform_code", "sform_code", "srow_x", "quatern_b", "qoffset_z", "xyzt_units"):
        assert other.header[name] == pytest.approx(one.header[name], abs=0)
    np.testing.assert_array_equal(other.header["pixdim"][:4], one.header["pixdim"][:4])
    written = itk.ReadImage(str(target))
    for part in ("GetOrigin", "GetSpacing", "GetDirection", "GetSize"):
        assert getattr(written, part)() == getattr(oracle, part)()


def test_nothing_but_geometry_is_copied(tmp_path: Path) -> None:
    source = write_nifti(tmp_path / "in.nii", BLOCK, np.eye(4))
    image = nibabel.load(source)
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", PATIENT[1].encode()))
    nibabel.save(image, tmp_path / "with.nii")
    volume = read_volume(tmp_path / "with.nii")
    write_label_volume(tmp_path / "out.nii", (volume.array > 0).astype(int), volume.geometry)
    assert PATIENT[1].encode() in (tmp_path / "with.nii").read_bytes()
    whole = (tmp_path / "out.nii").read_bytes()
    assert not any(word.encode() in whole for word in PATIENT)


def test_the_same_labels_give_the_same_bytes(tmp_path: Path) -> None:
    geometry = Geometry("here", BLOCK.shape, np.eye(4))
    labels = np.ones(geometry.canonical_shape, np.int16)
    for name in ("a.nii.gz", "b.nii.gz"):
        write_label_volume(tmp_path / name, labels, geometry)
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()


@pytest.mark.parametrize(
    ("stored", "slope", "dtype"),
    [(np.int16, None, np.int16), (np.uint8, None, np.uint8), (np.int16, 0.5, np.float32)],
)
def test_values_are_scaled_and_kept_small(
    tmp_path: Path, stored: Any, slope: float | None, dtype: Any
) -> None:
    image = nibabel.Nifti1Image(BLOCK.astype(stored), np.eye(4))
    if slope is not None:
        image = nibabel.Nifti1Image((BLOCK * slope - 3).astype(np.float64), np.eye(4))
        image.header.set_data_dtype(stored)
        image.header.set_slope_inter(slope, -3)
    image.header.set_sform(np.eye(4), 1)
    nibabel.save(image, tmp_path / "a.nii.gz")
    volume = read_volume(tmp_path / "a.nii.gz")
    assert volume.array.dtype == dtype
    wanted = nibabel.as_closest_canonical(nibabel.load(tmp_path / "a.nii.gz")).get_fdata()
    np.testing.assert_allclose(volume.array, wanted.transpose(2, 1, 0)[:, ::-1, ::-1], atol=1e-4)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("codes", CODES)
def test_parts_are_those_of_the_whole(tmp_path: Path, suffix: str, codes: str) -> None:
    file = open_volume(write_nifti(tmp_path / f"a{suffix}", BLOCK, affine_of((1, 2, 3), codes)))
    whole = file.read().array
    for axis in range(3):
        parts = file.sliced(axis)
        for at in range(0, file.shape[axis], 2):
            slices = [slice(None)] * 3
            slices[axis] = slice(at, min(at + 2, file.shape[axis]))
            np.testing.assert_array_equal(parts[tuple(slices)], whole[tuple(slices)])


def test_a_packed_file_is_read_in_slabs_where_its_slices_lie_one_after_another(
    tmp_path: Path,
) -> None:
    file = open_volume(write_nifti(tmp_path / "a.nii.gz", BLOCK, affine_of((1, 1, 1), "RAS")))
    assert file.sliced(0) is file
    assert isinstance(file.sliced(2), np.ndarray)


def test_metres_and_trailing_axes(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(BLOCK[..., None], np.diag([0.001, 0.001, 0.002, 1]))
    image.header.set_xyzt_units("meter")
    nibabel.save(image, tmp_path / "a.nii")
    volume = read_volume(tmp_path / "a.nii")
    assert volume.spacing == pytest.approx((2, 1, 1))
    assert volume.geometry.voxel_ml == pytest.approx(0.002)
    write_label_volume(tmp_path / "b.nii", (volume.array > 0).astype(int), volume.geometry)
    written = nibabel.load(tmp_path / "b.nii")
    assert written.shape == (5, 6, 7, 1)
    np.testing.assert_array_equal(np.asarray(written.dataobj)[..., 0], BLOCK > 0)


def _write(path: Path, array: Any, **changes: Any) -> None:
    image = nibabel.Nifti1Image(array, np.eye(4))
    image.header.set_sform(np.eye(4), 1)
    image.header.set_qform(np.eye(4), 1)
    content = image.to_bytes()  # which mends what is wrong
    header = nibabel.Nifti1Header.from_fileobj(io.BytesIO(content))
    for name, value in changes.items():
        header[name] = value
    content = header.binaryblock + content[348:]
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


RGB = np.zeros((3, 3, 3), np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")]))
NAN = np.full((3, 3, 3), np.nan, np.float32)


@pytest.mark.parametrize(
    ("array", "changes", "said"),
    [
        (np.zeros((3, 3, 3, 2), np.int16), {}, "a volume has three axes"),
        (np.zeros((3, 3), np.int16), {}, "a volume has three axes"),
        (RGB, {}, "colours or complex"),
        (NAN, {}, "no finite numbers"),
        (BLOCK, {"sform_code": 0, "qform_code": 0}, "does not say how its voxels lie"),
        (BLOCK, {"srow_x": [np.nan, 0, 0, 0]}, "geometry that cannot be"),
        (BLOCK, {"srow_y": [0, 0, 0, 5]}, "geometry that cannot be"),
        (BLOCK, {"sform_code": 0, "pixdim": [1, 1, 0, 1, 0, 0, 0, 0]}, "geometry that cannot be"),
    ],
)
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_what_is_no_volume_is_refused(
    tmp_path: Path, array: Any, changes: Any, said: str, suffix: str
) -> None:
    _write(tmp_path / f"a{suffix}", array, **changes)
    with pytest.raises(DataError, match=said):
        read_volume(tmp_path / f"a{suffix}")


@given(cut=st.floats(0, 0.98), flip=st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_damaged_files_are_refused_or_read(cut: float, flip: int) -> None:
    """Whatever is cut off or changed: a sentence, and never another error."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        source = write_nifti(Path(folder) / "a.nii.gz", BLOCK, np.eye(4))
        content = bytearray(source.read_bytes())
        source.write_bytes(content[: int(cut * len(content))])
        with pytest.raises(DataError):
            read_volume(source)
        content[flip % len(content)] ^= 255
        source.write_bytes(content)
        with suppress(DataError):
            read_volume(source)


def test_labels_that_cannot_be_written(tmp_path: Path) -> None:
    geometry = Geometry("here", (2, 3, 4), np.eye(4))
    labels = np.zeros(geometry.canonical_shape, np.int16)
    with pytest.raises(SettingError, match=r"must end in \.nii"):
        write_label_volume(tmp_path / "a.png", labels, geometry)
    with pytest.raises(DataError, match="does not fit"):
        write_label_volume(tmp_path / "a.nii", labels[:1], geometry)
    with pytest.raises(DataError, match="whole numbers"):
        write_label_volume(tmp_path / "a.nii", labels - 1, geometry)
    assert not list(tmp_path.iterdir())


def test_volumes_are_found_by_name(tmp_path: Path) -> None:
    for name in ("b.nii.gz", "in/a.nii", ".hidden.nii"):
        write_nifti(tmp_path / name, BLOCK, np.eye(4))
    (tmp_path / "notes.txt").write_text("x")
    assert [stem(path.name) for path in list_volumes(tmp_path)] == ["b", "a"]
    with pytest.raises(DataError, match="holds no volumes"):
        list_volumes(tmp_path / "notes.txt")
    with pytest.raises(DataError, match="There is no file"):
        list_volumes(tmp_path / "nowhere")


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("codes", ["LPS", "RAS", "SAL"])
def test_a_volume_is_written_slice_by_slice(tmp_path: Path, axis: int, codes: str) -> None:
    source = write_nifti(tmp_path / "in.nii", BLOCK, affine_of((0.7, 0.8, 2.5), codes, 0.3))
    volume = read_volume(source)
    values = GENERATOR.normal(size=volume.array.shape).astype(np.float32)
    with written_by_slice(tmp_path / "out.nii", volume.geometry, axis) as write:
        for place in reversed(range(values.shape[axis])):
            write(place, np.moveaxis(values, axis, 0)[place])
    again, image = read_volume(tmp_path / "out.nii"), nibabel.load(tmp_path / "out.nii")
    np.testing.assert_array_equal(again.array, values)
    assert again.geometry.same_place(volume.geometry)
    np.testing.assert_array_equal(image.affine, nibabel.load(source).affine)
    oracle = itk.GetArrayFromImage(itk.DICOMOrient(itk.ReadImage(str(tmp_path / "out.nii")), "LPS"))
    np.testing.assert_array_equal(oracle, values)
    with suppress(KeyError), written_by_slice(tmp_path / "x.nii", volume.geometry, axis):
        raise KeyError
    assert not (tmp_path / "x.nii").exists()
