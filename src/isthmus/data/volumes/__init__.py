"""Volumes of CT and MR: NIfTI files and DICOM series, in one order of axes."""

from isthmus.data.volumes.finding import holds_volumes, list_volumes, open_volume, read_volume
from isthmus.data.volumes.geometry import AXES, Geometry
from isthmus.data.volumes.nifti import stem, write_label_volume, written_by_slice
from isthmus.data.volumes.sets import VolumeSet, check_volumes, is_volume_set, read_volumes
from isthmus.data.volumes.volume import Volume, VolumeFile

__all__ = [
    "AXES",
    "Geometry",
    "Volume",
    "VolumeFile",
    "VolumeSet",
    "check_volumes",
    "holds_volumes",
    "is_volume_set",
    "list_volumes",
    "open_volume",
    "read_volume",
    "read_volumes",
    "stem",
    "write_label_volume",
    "written_by_slice",
]
