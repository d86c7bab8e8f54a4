"""Which files and folders are volumes, and opening them."""

from __future__ import annotations

import os
from pathlib import Path

from isthmus.core.errors import DataError
from isthmus.data.volumes.dicom import DicomSeries, is_dicom, is_series
from isthmus.data.volumes.nifti import NiftiFile, is_nifti
from isthmus.data.volumes.volume import Volume, VolumeFile


def list_volumes(source: Path) -> list[Path]:
    """NIfTI files and folders of DICOM series in a folder and all folders inside, sorted.

    A file, or the folder of a series, stands for itself.

    Raises
    ------
    DataError
        If there is none.
    """
    if not source.exists():
        raise DataError(f"There is no file or folder {source}; give volumes.")
    found = _volumes(source)
    if not found:
        raise DataError(
            f"{source} holds no volumes; give .nii or .nii.gz files, or folders of DICOM series."
        )
    return found


def holds_volumes(source: Path) -> bool:
    """Whether a source is a volume, or a folder that holds some."""
    return bool(_volumes(source))


def _volumes(source: Path) -> list[Path]:
    if not source.is_dir():
        return [source] if source.is_file() and (is_nifti(source) or is_dicom(source)) else []
    found: list[Path] = []
    for name, folders, files in os.walk(source):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        folder = Path(name)
        found += [
            folder / file for file in files if not file.startswith(".") and is_nifti(folder / file)
        ]
        found += [folder] if is_series(folder) else []
    return sorted(found)


def open_volume(path: str | Path) -> VolumeFile:
    """A NIfTI file or a folder of a DICOM series, its header read.

    Raises
    ------
    DataError
        If it is neither, or its header cannot be used.
    """
    path = Path(path)
    if path.is_dir():
        return DicomSeries(path)
    if not is_nifti(path):
        raise DataError(
            f"{path} is no volume; give a .nii or .nii.gz file, or the folder of a DICOM series."
        )
    return NiftiFile(path)


def read_volume(path: str | Path) -> Volume:
    """A whole volume.

    Raises
    ------
    DataError
        If it cannot be read, see `open_volume`.
    """
    return open_volume(path).read()
