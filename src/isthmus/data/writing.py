"""Writing of images, tables and arrays, each file whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError, SettingError
from isthmus.core.files import atomic_file


def write_images(folder: str | Path, images: NDArray[Any], names: Sequence[str]) -> None:
    """Write images as PNG files, in 8 or 16 bits as they are.

    Parameters
    ----------
    folder
        Where to; made if it is not there.
    images
        Grey ``(N, H, W)`` or colour ``(N, 3, H, W)``, uint8 or uint16.
    names
        A relative file name for each; its suffix is replaced by ``.png``.

    Raises
    ------
    DataError
        If shape, type or names do not fit.
    StorageError
        If a file cannot be written.
    """
    import imagecodecs

    colour = images.ndim == 4 and images.shape[1] == 3
    if not (colour or images.ndim == 3) or images.dtype not in (np.uint8, np.uint16):
        raise DataError(
            f"Images of type {images.dtype} and shape {images.shape} cannot be written as PNG; give"
            " uint8 or uint16 of shape (N, H, W) or (N, 3, H, W)."
        )
    for image, target in zip(images, _targets(Path(folder), names, len(images)), strict=True):
        pixels = np.ascontiguousarray(np.moveaxis(image, 0, -1) if colour else image)
        with atomic_file(target) as temporary:
            temporary.write_bytes(imagecodecs.png_encode(pixels))


def _targets(folder: Path, names: Sequence[str], count: int) -> list[Path]:
    if len(names) != count:
        raise DataError(f"There are {len(names)} names for {count} images; give one for each.")
    taken: dict[PurePosixPath, str] = {}
    for name in names:
        relative = PurePosixPath(name)
        if not relative.name or relative.is_absolute() or ".." in relative.parts:
            raise DataError(f"'{name}' leads out of {folder}; give a relative file name.")
        relative = relative.with_suffix(".png")
        if relative in taken:
            raise DataError(
                f"'{taken[relative]}' and '{name}' would both become {relative}; rename one."
            )
        taken[relative] = name
    return [folder / relative for relative in taken]


def write_table(path: str | Path, columns: Mapping[str, NDArray[Any]]) -> None:
    """Write columns of equal length as CSV or Parquet, by the suffix of `path`.

    Raises
    ------
    DataError
        If a column is not one-dimensional or the lengths differ.
    SettingError
        If the suffix is neither ``.csv`` nor ``.parquet``.
    StorageError
        If the file cannot be written.
    """
    import polars as pl

    path = Path(path)
    if path.suffix.lower() not in (".csv", ".parquet"):
        raise SettingError(f"{path} must end in .csv or .parquet; choose one.")
    shapes = {name: np.shape(values) for name, values in columns.items()}
    if any(len(shape) != 1 for shape in shapes.values()) or len(set(shapes.values())) > 1:
        raise DataError(
            f"The columns of {path} have the shapes {shapes}; give columns of equal length."
        )
    frame = pl.DataFrame(dict(columns))
    with atomic_file(path) as temporary:
        if path.suffix.lower() == ".csv":
            frame.write_csv(temporary)
        else:
            frame.write_parquet(temporary)


def write_array(path: str | Path, array: NDArray[Any]) -> None:
    """Write an array of numbers as ``.npy``.

    Raises
    ------
    SettingError
        If `path` does not end in ``.npy``.
    DataError
        If the array holds Python objects.
    StorageError
        If the file cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() != ".npy":
        raise SettingError(f"{path} must end in .npy; rename it.")
    if array.dtype.hasobject:
        raise DataError(f"{path}: an array of Python objects is not written; give numbers or text.")
    with atomic_file(path) as temporary, temporary.open("wb") as file:
        np.save(file, array, allow_pickle=False)


def write_label_map(path: str | Path, labels: NDArray[Any], *, bits: int = 8) -> None:
    """Write labels ``(H, W)`` without loss, in 8 or 16 bits as the largest label needs it.

    Parameters
    ----------
    path
        Ends in ``.png``, or in ``.tif`` or ``.tiff``, which also take 32 bits.
    labels
        Whole numbers from 0.
    bits
        Of a value, at least.

    Raises
    ------
    SettingError
        If the suffix is none of these.
    DataError
        If these are no labels, or PNG has no room for them.
    StorageError
        If the file cannot be written.
    """
    import imagecodecs
    import tifffile

    path, suffix = Path(path), Path(path).suffix.lower()
    if suffix not in (".png", ".tif", ".tiff"):
        raise SettingError(f"{path} must end in .png, .tif or .tiff; choose one.")
    if labels.ndim != 2 or labels.dtype.kind not in "iu" or not labels.size or labels.min() < 0:
        lowest = f", the lowest {labels.min()}" if labels.size else ""
        raise DataError(
            f"{path}: labels are whole numbers from 0 of shape (H, W), but these are {labels.dtype}"
            f" of shape {labels.shape}{lowest}; give ignored pixels a number of their own."
        )
    kind = np.promote_types(np.min_scalar_type(labels.max()), f"u{bits // 8}")
    if kind.itemsize > (2 if suffix == ".png" else 4):
        raise DataError(
            f"{path} has no room for the label {labels.max()}; write .tif, or renumber."
        )
    values = np.ascontiguousarray(labels, kind)
    with atomic_file(path) as temporary:
        if suffix == ".png":
            temporary.write_bytes(imagecodecs.png_encode(values))
        else:
            tifffile.imwrite(temporary, values, compression="zlib", photometric="minisblack")
