"""Volumes of CT and MR: NIfTI files and DICOM series, in one order of axes."""

from isthmus.data.volumes.finding import holds_volumes, list_volumes, open_volume, read_volume
from isthmus.data.volumes.geometry import AXES, Geometry
from isthmus.data.volumes.made import is_made_volumes, make_volumes, write_made_volumes
from isthmus.data.volumes.nifti import (
    stem,
    write_label_volume,
    write_volume,
    written_by_slice,
)
from isthmus.data.volumes.sets import check_volumes, is_volume_set, read_volumes
from isthmus.data.volumes.volume import Volume, VolumeFile
from isthmus.data.volumes.volume_set import VolumeSet

__all__ = [
    "AXES",
    "Geometry",
    "Volume",
    "VolumeFile",
    "VolumeSet",
    "check_volumes",
    "holds_volumes",
    "is_made_volumes",
    "is_volume_set",
    "list_volumes",
    "make_volumes",
    "open_volume",
    "read_volume",
    "read_volumes",
    "stem",
    "write_label_volume",
    "write_made_volumes",
    "write_volume",
    "written_by_slice",
]
