"""NIfTI files: reading of volumes, and writing of label maps with the geometry of another."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError, SettingError
from isthmus.core.files import atomic_file
from isthmus.data.volumes.geometry import Geometry
from isthmus.data.volumes.volume import VolumeFile

Array = NDArray[Any]
SUFFIXES = (".nii.gz", ".nii")
# All that says where voxels lie. Other fields, and extensions, may hold names of patients.
_FIELDS = (
    "qform_code", "sform_code", "quatern_b", "quatern_c", "quatern_d",
    "qoffset_x", "qoffset_y", "qoffset_z", "srow_x", "srow_y", "srow_z", "xyzt_units",
)  # fmt: skip
_MILLIMETRES = {"meter": 1000.0, "micron": 0.001}
# What nibabel, gzip and NumPy raise on damaged files.
_DAMAGED = (OSError, EOFError, zlib.error, ValueError, KeyError, OverflowError)


def is_nifti(path: Path) -> bool:
    """Whether a path ends as a NIfTI file's."""
    return path.name.lower().endswith(SUFFIXES)


class NiftiFile(VolumeFile):
    """A ``.nii`` or ``.nii.gz`` file; `scl_slope` and `scl_inter` are applied.

    Slices of ``.nii.gz`` are read one after another where they lie so in the file; across other
    axes the whole file is read.

    Raises
    ------
    DataError
        If it is none, is damaged, has another number of axes, colours, or no geometry.
    """

    def __init__(self, path: Path) -> None:
        import nibabel
        from nibabel.filebasedimages import ImageFileError
        from nibabel.openers import ImageOpener
        from nibabel.spatialimages import HeaderDataError

        self.path, self.name = path, stem(path.name)
        if not path.is_file():
            raise DataError(f"There is no file {path}.")
        self._damaged = (*_DAMAGED, ImageFileError, HeaderDataError)
        try:
            image: Any = nibabel.load(
                path, mmap=False
            )  # a set may have more files than may be open
            with ImageOpener(str(path)) as file:  # as it is: nibabel mends what it finds wrong
                header = type(image.header).from_fileobj(file, check=False)
            affine = np.array(header.get_best_affine(), np.float64)
        except self._damaged:
            raise DataError(
                f"{path} is no NIfTI file, or a damaged one; copy or convert it again."
            ) from None
        stored = image.get_data_dtype()
        if stored.fields is not None or stored.kind not in "iuf":
            raise DataError(f"{path} holds colours or complex numbers; save it in grey.")
        if not (header["qform_code"] > 0 or header["sform_code"] > 0):
            raise DataError(
                f"{path} does not say how its voxels lie (neither qform nor sform); convert it"
                " again from its source."
            )
        affine[:3] *= _MILLIMETRES.get(header.get_xyzt_units()[0], 1.0)
        fields = {name: np.array(header[name]) for name in _FIELDS}
        fields["pixdim"] = np.array(header["pixdim"][:4])
        self.geometry = Geometry(str(path), image.shape, affine, fields, type(header))
        self._data = image.dataobj
        slope, inter = self._data.slope, self._data.inter
        whole = stored.kind in "iu" and stored.itemsize <= 4 and (slope, inter) == (1, 0)
        self.dtype = stored.newbyteorder("=") if whole else np.dtype(np.float32)

    def sliced(self, axis: int) -> VolumeFile | Array:
        """What gives slices across an axis: the file, or the array where that is far quicker."""
        import nibabel

        if self._cheap(axis):  # one that stays open is not unpacked from its start again
            image: Any = nibabel.load(self.path, keep_file_open=True)
            self._data = image.dataobj
        return super().sliced(axis)

    def _read(self, slices: tuple[slice, ...]) -> Array:
        further = (0,) * (len(self.geometry.shape) - 3)
        try:
            return np.asarray(self._data[(*slices, *further)])
        except self._damaged:
            raise DataError(
                f"{self.path} is damaged: its voxels cannot be read; copy it again."
            ) from None

    def _cheap(self, axis: int) -> bool:
        own, same_way = self.geometry.file_axis(axis)
        return self.path.suffix.lower() != ".gz" or (own == 2 and same_way)


def stem(name: str) -> str:
    """A file's name, or path, without ``.nii`` or ``.nii.gz``."""
    for suffix in SUFFIXES:
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return name


def write_label_volume(path: str | Path, labels: Array, geometry: Geometry) -> None:
    """Write labels ``(D, H, W)`` as NIfTI: order of axes, shape, affine and codes as of a file.

    Of that file nothing but its geometry is written.

    Parameters
    ----------
    path
        Ends in ``.nii`` or ``.nii.gz``.
    labels
        Whole numbers from 0, at most 65535.
    geometry
        Of the `Volume` or `VolumeFile` that the labels belong to.

    Raises
    ------
    SettingError
        If the suffix is another.
    DataError
        If these are no labels, or have not the shape of the volume.
    StorageError
        If the file cannot be written.
    """
    if labels.dtype.kind not in "biu" or labels.min() < 0 or labels.max() > 65535:
        raise DataError(f"{path}: labels are whole numbers from 0 to 65535; renumber them.")
    write_volume(path, labels.astype(np.min_scalar_type(labels.max()), copy=False), geometry)


def write_volume(path: str | Path, array: Array, geometry: Geometry) -> None:
    """Write a volume ``(D, H, W)`` as NIfTI in its own type, with the geometry of a file.

    Raises
    ------
    SettingError
        If the suffix is another.
    DataError
        If it has not the shape of the geometry.
    StorageError
        If the file cannot be written.
    """
    import nibabel

    path = Path(path)
    if not is_nifti(path):
        raise SettingError(f"{path} must end in .nii or .nii.gz; choose one.")
    if array.shape != geometry.canonical_shape:
        raise DataError(
            f"{path}: an array of shape {array.shape} does not fit a volume of shape"
            f" {geometry.canonical_shape}."
        )
    values = geometry.from_canonical(array)
    header = _header(geometry, values.dtype)
    kind: Any = nibabel.Nifti2Image if header["sizeof_hdr"] == 540 else nibabel.Nifti1Image
    image = kind(values, None, header)
    with atomic_file(path) as temporary, temporary.open("wb") as file:
        if path.suffix.lower() == ".gz":  # the same labels give the same bytes
            with gzip.GzipFile("", "wb", 6, file, mtime=0) as packed:
                image.to_stream(packed)
        else:
            image.to_stream(file)


@contextmanager
def written_by_slice(
    path: str | Path, geometry: Geometry, axis: int
) -> Iterator[Callable[[int, Array], None]]:
    """Write a volume of float32 whose slices come one by one, as ``.nii``; all of it or nothing.

    Parameters
    ----------
    path
        Ends in ``.nii``.
    geometry
        Of the volume that it belongs to, as of `write_label_volume`.
    axis
        0, 1 or 2, which the slices lie across.

    Yields
    ------
    callable
        Takes the place of a slice and the slice ``(h, w)``, and keeps nothing of it in memory.

    Raises
    ------
    StorageError
        If the file cannot be written.
    """
    header = _header(geometry, np.dtype(np.float32))
    start = header["vox_offset"] = header.single_vox_offset
    shape = geometry.shape[:3]
    with atomic_file(path) as temporary:
        with temporary.open("wb") as file:
            header.write_to(file)
            file.truncate(int(start) + 4 * int(np.prod(shape)))

        def write(place: int, values: Array) -> None:
            # Mapped anew for each slice: what is mapped counts as memory once it is written to.
            whole = np.memmap(temporary, "<f4", "r+", int(start), shape, "F")
            np.moveaxis(geometry.to_canonical(whole), axis, 0)[place] = values

        yield write


def _header(geometry: Geometry, dtype: np.dtype[Any]) -> Any:
    """That of a file with the geometry of another, and nothing else of it."""
    import nibabel

    header: Any = (geometry.header_type or nibabel.Nifti1Header)(endianness="<")
    header.set_data_dtype(dtype)
    header.set_data_shape(geometry.shape)
    if geometry.fields:
        for name in _FIELDS:
            header[name] = geometry.fields[name]
        header["pixdim"][:4] = geometry.fields["pixdim"]
    else:
        header.set_xyzt_units("mm")
        header.set_sform(geometry.affine, "scanner")
        header.set_qform(geometry.affine, "scanner", strip_shears=True)
    return header
