"""A DICOM series, a folder of files: geometry and voxels, and nothing else of its headers."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError
from isthmus.data.image_files import IMAGE_SUFFIXES
from isthmus.data.volumes.geometry import Floats, Geometry
from isthmus.data.volumes.volume import VolumeFile

Array = NDArray[Any]
# Whatever else a header holds, the patient's name first of all, is never looked at.
_GEOMETRY = (
    "SeriesInstanceUID", "ImageOrientationPatient", "ImagePositionPatient", "PixelSpacing",
    "SliceThickness", "SpacingBetweenSlices", "Rows", "Columns", "NumberOfFrames",
    "SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated", "BitsStored", "HighBit",
    "PixelRepresentation", "RescaleSlope", "RescaleIntercept",
)  # fmt: skip
_PIXELS = (*_GEOMETRY, "PixelData", "PlanarConfiguration")
_TYPES = (np.uint8, np.int16, np.uint16, np.int32)
_ROUNDED = 0.02  # of the step between slices, by which positions may be off
_TURNED = 1e-3  # by which directions may differ


def is_dicom(path: Path) -> bool:
    """Whether a file begins as DICOM files do."""
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


def files_in(folder: Path) -> list[Path]:
    """Files of a folder, but for hidden ones and the directory of a medium."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.is_file() and not path.name.startswith(".") and path.name != "DICOMDIR"
    )


def is_series(folder: Path) -> bool:
    """Whether a folder holds DICOM files."""
    if not folder.is_dir():
        return False
    files = [path for path in files_in(folder) if path.suffix.lower() not in IMAGE_SUFFIXES]
    return any(map(is_dicom, files))


@dataclass(frozen=True)
class _Slice:
    """What the header of a file says of its slice; `series` is compared and never shown."""

    path: Path
    series: str
    directions: Floats  # (2, 3): along a row, and down a column
    position: Floats
    spacing: tuple[float, float]  # of rows, and of columns
    shape: tuple[int, int]
    thickness: float | None
    stored: tuple[int, int]  # lowest and highest value
    slope: float
    intercept: float


class DicomSeries(VolumeFile):
    """The slices of one series, in the order of their positions, rescaled (CT: Hounsfield units).

    Raises
    ------
    DataError
        If the folder holds other files, several series or orientations, slices are missing or
        there twice, are in colour or compressed in a way that is not known, or have no geometry.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, path.resolve().name
        slices = [_header(file) for file in files_in(path)]
        if not slices:
            raise DataError(f"{path} holds no DICOM files; give the folder of one series.")
        _refuse_mixture(path, slices)
        normal = np.cross(*slices[0].directions)
        self._slices = sorted(slices, key=lambda one: float(one.position @ normal))
        step = _step(path, self._slices, normal)
        first = self._slices[0]
        affine = np.eye(4)
        affine[:3, 0] = first.directions[0] * first.spacing[1]
        affine[:3, 1] = first.directions[1] * first.spacing[0]
        affine[:3, 2] = step
        affine[:3, 3] = first.position
        affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine  # DICOM's axes are to the left and back
        rows, columns = first.shape
        self.geometry = Geometry(str(path), (columns, rows, len(slices)), affine)
        self.dtype = _type(self._slices)

    def _read(self, slices: tuple[slice, ...]) -> Array:
        columns, rows, chosen = slices
        found = self._slices[chosen]
        whole = np.empty((len(found), *self._slices[0].shape), self.dtype)
        for place, one in enumerate(found):
            whole[place] = _values(one)
        return whole[:, rows, columns].transpose(2, 1, 0)

    def _cheap(self, axis: int) -> bool:
        return self.geometry.file_axis(axis)[0] == 2


def _header(path: Path) -> _Slice:
    """The geometry of one file.

    Raises
    ------
    DataError
        If it is no DICOM file, or not one of a grey slice with a geometry.
    """
    data = _read_file(path, _GEOMETRY, pixels=False)
    if data.get("SamplesPerPixel", 1) != 1 or "MONO" not in data.get(
        "PhotometricInterpretation", "MONO"
    ):
        raise DataError(f"{path} is a DICOM image in colour; volumes are grey.")
    if int(data.get("NumberOfFrames") or 1) != 1:
        raise DataError(
            f"{path} holds several frames in one DICOM file; convert it to a NIfTI file, or to a"
            " file for each slice."
        )
    _refuse_codec(path, data)
    try:
        directions = np.array(data.ImageOrientationPatient, np.float64).reshape(2, 3)
        position = np.array(data.ImagePositionPatient, np.float64).reshape(3)
        rows, columns = map(float, data.PixelSpacing)
        shape = int(data.Rows), int(data.Columns)
        thickness = data.get("SpacingBetweenSlices") or data.get("SliceThickness")
        bits, signed = int(data.BitsStored), bool(data.get("PixelRepresentation", 0))
        slope, intercept = (
            float(data.get(name, default) if data.get(name) is not None else default)
            for name, default in (("RescaleSlope", 1.0), ("RescaleIntercept", 0.0))
        )
    except (AttributeError, TypeError, ValueError):
        raise DataError(
            f"{path} does not say where its slice lies (position, orientation and spacing); export"
            " the series again."
        ) from None
    numbers = [*directions.ravel(), *position, rows, columns, slope, intercept]
    lengths = np.linalg.norm(directions, axis=1)
    if not np.isfinite(numbers).all() or min(rows, columns) <= 0 or (lengths < 0.5).any():
        raise DataError(f"{path} has a geometry that cannot be; export the series again.")
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    return _Slice(
        path,
        str(data.get("SeriesInstanceUID", "")),
        directions / lengths[:, None],
        position,
        (rows, columns),
        shape,
        None if thickness is None else abs(float(thickness)),
        (low, high),
        slope,
        intercept,
    )


def _read_file(path: Path, tags: tuple[str, ...], *, pixels: bool) -> Any:
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    try:
        with warnings.catch_warnings(action="ignore"):  # they quote values of the header
            return dcmread(path, stop_before_pixels=not pixels, specific_tags=list(tags))
    except InvalidDicomError:
        raise DataError(
            f"{path} is no DICOM file; the folder of a series holds its files alone: move it away."
        ) from None
    except Exception:  # whatever pydicom meets, its words may hold what stands in the header
        raise DataError(f"{path} is a damaged DICOM file; copy it again.") from None


def _refuse_codec(path: Path, data: Any) -> None:
    """Refuse pixels that are compressed in a way that nothing here can read."""
    from pydicom.pixels.decoders.base import get_decoder

    syntax = getattr(data.file_meta, "TransferSyntaxUID", None)
    if syntax is None or not syntax.is_compressed:
        return
    try:
        known = get_decoder(syntax).is_available
    except NotImplementedError:  # so pydicom says of a syntax that it has never heard of
        known = False
    if not known:
        raise DataError(
            f"{path} is compressed as '{syntax.name}', for which no decoder is installed; install"
            " pylibjpeg with its plugins, or export the series without compression."
        )


def _refuse_mixture(folder: Path, slices: list[_Slice]) -> None:
    """Refuse slices that are not of one stack."""
    first = slices[0]
    for one in slices[1:]:
        for same, what in (
            (one.series == first.series, "are of several series"),
            (np.allclose(one.directions, first.directions, atol=_TURNED), "are turned differently"),
            (
                one.shape == first.shape and np.allclose(one.spacing, first.spacing, rtol=_TURNED),
                "differ in size or in the spacing of pixels",
            ),
        ):
            if not same:
                raise DataError(
                    f"The slices {first.path.name} and {one.path.name} in {folder} {what}; give"
                    " each series a folder of its own."
                )


def _step(folder: Path, slices: list[_Slice], normal: Floats) -> Floats:
    """From one slice to the next, ``(3,)`` in mm.

    Raises
    ------
    DataError
        If the slices do not follow one another in equal steps.
    """
    if len(slices) == 1:
        thickness = slices[0].thickness
        if not thickness:
            raise DataError(
                f"{slices[0].path} is a single slice without thickness; give the whole series."
            )
        return np.asarray(normal * thickness)
    positions = np.stack([one.position for one in slices])
    steps = np.diff(positions, axis=0)
    along = steps @ normal
    usual = float(np.median(along))
    if (twice := np.flatnonzero(along <= _ROUNDED * max(usual, _TURNED))).size:
        one, other = (slices[twice[0] + more].path.name for more in (0, 1))
        raise DataError(
            f"The slices {one} and {other} in {folder} lie at the same place; remove one, or give"
            " each series a folder of its own."
        )
    if (uneven := np.flatnonzero(np.abs(along - usual) > _ROUNDED * usual)).size:
        one, other = (slices[uneven[0] + more].path.name for more in (0, 1))
        raise DataError(
            f"Slices are missing in {folder}: {one} and {other} lie {along[uneven[0]]:.4g} mm"
            f" apart, others {usual:.4g} mm; export the series again."
        )
    mean = (positions[-1] - positions[0]) / (len(slices) - 1)
    if np.abs(steps - mean).max() > _ROUNDED * usual:
        raise DataError(
            f"The slices in {folder} do not lie in a straight line; give one series of one stack."
        )
    return np.asarray(mean)


def _type(slices: list[_Slice]) -> np.dtype[Any]:
    """The smallest type that holds whatever the slices may hold once rescaled."""
    if not all(value.is_integer() for one in slices for value in (one.slope, one.intercept)):
        return np.dtype(np.float32)
    ends = [one.slope * end + one.intercept for one in slices for end in one.stored]
    for kind in _TYPES:
        if np.iinfo(kind).min <= min(ends) and max(ends) <= np.iinfo(kind).max:
            return np.dtype(kind)
    return np.dtype(np.float32)


def _values(one: _Slice) -> Array:
    """Rescaled values ``(rows, columns)`` of a slice."""
    data = _read_file(one.path, _PIXELS, pixels=True)
    try:
        with warnings.catch_warnings(action="ignore"):
            stored = data.pixel_array
    except Exception:  # decoders raise anything, and may quote the header
        raise DataError(
            f"{one.path} is damaged: its pixels cannot be read; copy it again."
        ) from None
    if stored.shape != one.shape:
        raise DataError(f"{one.path} is damaged: it has other pixels than it says; copy it again.")
    return np.asarray(stored * one.slope + one.intercept)
