"""Volumes of bright balls with their labels, as arrays, NIfTI files and DICOM series."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

with warnings.catch_warnings(action="ignore"):  # of its wrapper
    import SimpleITK

Array = NDArray[Any]
itk = SimpleITK
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
PATIENT = ("Zyxwv^Qrstu", "PID-998877", "19450607", "SECRETPRIVATE", "Clinic of Nowhere")
"""What stands in the headers of `write_series`, and nowhere else."""

RECIPE = """
title = "Balls"
description = "B."
[data]
values = { background = 0, ball = 1 }
[model]
kind = "volume_segmenter"
network = { kind = "unet", channels = [8] }
code_size = 16
intensities = { kind = "window", centre = 0, width = 2000 }
[training]
epochs = 4
batch_size = 8
learning_rate = 1e-2
"""


def balls(
    count: int, shape: tuple[int, int, int] = (9, 20, 18), *, classes: int = 2, seed: int = 0
) -> tuple[list[Array], list[Array]]:
    """Volumes of int16, dark with brighter balls, and their label volumes."""
    generator = np.random.default_rng(seed)
    volumes, maps = [], []
    grid = np.stack(np.mgrid[tuple(map(slice, shape))])
    for _ in range(count):
        labels = np.zeros(shape, np.int16)
        for one in range(1, classes):
            centre = [generator.uniform(3, side - 3) for side in shape]
            distance = np.square(grid - np.reshape(centre, (3, 1, 1, 1))).sum(0)
            labels[distance < generator.uniform(3, 5) ** 2] = one
        values = -700 + 1400 * labels / (classes - 1) + 150 * generator.normal(size=shape)
        volumes.append(values.clip(-1000, None).astype(np.int16))
        maps.append(labels)
    return volumes, maps


def affine_of(
    spacing: Any, codes: str = "LPS", angle: float = 0.0, origin: Any = (5, -7, 9)
) -> Any:
    """A NIfTI affine of axes that run to these sides, turned about an oblique axis."""
    axis = np.array([1.0, 2.0, 3.0]) / np.sqrt(14)
    cross = np.cross(np.eye(3), axis)
    turn = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    affine = np.eye(4)
    ornt = nibabel.orientations.axcodes2ornt(tuple(codes))
    for own, (world, sign) in enumerate(ornt):
        affine[int(world), own] = sign * spacing[own]
        affine[own, own] *= own == int(world)
    affine[:3, :3] = turn @ affine[:3, :3]
    affine[:3, 3] = origin
    return affine


def write_nifti(path: Path, array: Array, affine: Any, codes: tuple[int, int] = (1, 1)) -> Path:
    """An array in its own order of axes, with codes of sform and qform."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nibabel.Nifti1Image(array, affine)
    image.header["descrip"] = PATIENT[0].encode()
    image.header.set_sform(affine, codes[0])
    image.header.set_qform(affine, codes[1])
    nibabel.save(image, path)
    return path


def write_series(
    folder: Path,
    array: Array,
    *,
    spacing: tuple[float, float, float] = (2.5, 0.8, 0.7),
    directions: Any = ((1, 0, 0), (0, 1, 0)),
    origin: Any = (-30.0, 12.0, 45.0),
    intercept: float = -1024,
    changes: Any = None,
) -> Path:
    """Slices ``(D, H, W)`` of stored values, spacing along D, H, W, under names out of order.

    `changes(number, dataset)` may alter a slice before it is written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    directions = np.array(directions, float)
    normal = np.cross(*directions)
    series, study = generate_uid(), generate_uid()
    for number, pixels in enumerate(array):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = CTImageStorage
        meta.MediaStorageSOPInstanceUID = generate_uid()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
        data.SOPClassUID = meta.MediaStorageSOPClassUID
        data.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
        data.SeriesInstanceUID, data.StudyInstanceUID = series, study
        data.PatientName, data.PatientID, data.PatientBirthDate = PATIENT[:3]
        data.private_block(0x0011, "ACME", create=True).add_new(1, "LO", PATIENT[3])
        data.InstitutionName = PATIENT[4]
        data.Modality = "CT"
        data.ImageOrientationPatient = directions.ravel().tolist()
        data.ImagePositionPatient = (np.array(origin) + number * spacing[0] * normal).tolist()
        data.PixelSpacing = [spacing[1], spacing[2]]
        data.SliceThickness = spacing[0]
        data.Rows, data.Columns = pixels.shape
        data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
        data.BitsAllocated, data.BitsStored, data.HighBit = 16, 12, 11
        data.PixelRepresentation = 0
        data.RescaleSlope, data.RescaleIntercept = 1, intercept
        data.PixelData = pixels.astype("<u2").tobytes()
        if changes is not None:
            changes(number, data)
        data.save_as(folder / f"{(7 * number) % 97:03d}.dcm", enforce_file_format=True)
    return folder


def write_balls(folder: Path, count: int = 10, *, series: int = 0, **settings: Any) -> Path:
    """``images/`` and ``labels/`` of balls, the first `series` volumes as DICOM folders."""
    from isthmus.data.volumes import open_volume, write_label_volume

    volumes, maps = balls(count, **settings)
    for number, (volume, labels) in enumerate(zip(volumes, maps, strict=True)):
        place = folder / "images" / f"b{number:02d}"
        if number < series:
            write_series(place, volume + 1024)
        else:
            place = place.with_suffix(".nii.gz")
            write_nifti(place, volume.transpose(2, 1, 0), affine_of((0.7, 0.8, 2.5)))
        target = folder / "labels" / f"b{number:02d}.nii.gz"
        write_label_volume(target, labels, open_volume(place).geometry)
    return folder
