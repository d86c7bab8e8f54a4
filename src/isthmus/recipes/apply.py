"""A trained model applied to files: encode, decode, reconstruct."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError, SettingError, StorageError
from isthmus.core.files import atomic_folder
from isthmus.data import read, write_array, write_images, write_label_map, write_table
from isthmus.data.arrays import ARRAY_SUFFIXES
from isthmus.data.image_files import IMAGE_SUFFIXES
from isthmus.data.overlay import class_colour
from isthmus.data.tables import TABLE_SUFFIXES
from isthmus.recipes.inputs import column_names, given_class, load_autoencoder, read_for, told

TABLES = (".csv", ".parquet")
FILES = (*IMAGE_SUFFIXES, *TABLE_SUFFIXES, *ARRAY_SUFFIXES)  # never the end of a folder's name
_NAME = "name"  # column of file names beside codes
_ENCODED = 1024  # samples on the disk that are encoded at once


def encode_file(model_folder: Path, source: str, out: Path) -> tuple[int, int]:
    """Write the codes of data to a ``.npy``, ``.csv`` or ``.parquet`` file; return their shape.

    Images keep their file names in a first column.

    Raises
    ------
    SettingError
        If `out` cannot hold codes, or is `source` itself.
    """
    refuse_target(out, Path(source))
    if out.suffix.lower() not in (".npy", *TABLES):
        raise SettingError(f"Codes are written to .npy, .csv or .parquet, not to '{out}'.")
    model = load_autoencoder(model_folder)
    dataset = read_for(model, source)
    codes = codes_of(model, dataset.samples)
    if out.suffix.lower() == ".npy":
        write_array(out, codes)
    else:
        names = {} if dataset.names is None else {_NAME: np.array(dataset.names)}
        columns = zip(model.get_feature_names_out(), codes.T, strict=True)
        write_table(out, names | dict(columns))
    return len(codes), codes.shape[1]


def codes_of(model: Any, samples: NDArray[Any]) -> NDArray[np.float32]:
    """Codes ``(N, m)`` of samples; if these are on the disk, so are the codes.

    They lie in a temporary file without a name then, which goes with the array.

    Raises
    ------
    StorageError
        If the disk is full.
    """
    if not isinstance(samples, np.memmap):
        return np.asarray(model.transform(samples))
    try:
        with tempfile.TemporaryFile() as file:
            for start in range(0, len(samples), _ENCODED):
                file.write(model.transform(samples[start : start + _ENCODED]).tobytes())
            return np.memmap(file, np.float32, "r").reshape(len(samples), -1)
    except OSError as error:
        raise StorageError(
            f"The codes cannot be kept in {tempfile.gettempdir()}: {error.strerror}; free some"
            " space, or name another folder by the environment variable TMPDIR."
        ) from error


def decode_file(model_folder: Path, codes: Path, out: Path, label: str | None = None) -> int:
    """Write the samples that codes stand for; return their number.

    Parameters
    ----------
    label
        Class of them all, for a conditional model.

    Raises
    ------
    DataError
        If the codes are not a table, or those of another model.
    SettingError
        If `out` cannot hold such samples, or is `codes` itself.
    """
    refuse_target(out, codes)
    model = given_class(load_autoencoder(model_folder), label)
    check_form(model, out)
    named = codes.is_file() and column_names(codes)[:1] == [_NAME]
    table = read(codes, groups=_NAME if named else None)
    if table.samples.ndim != 2:
        raise DataError(f"{codes} holds no codes but images; give what `isthmus encode` wrote.")
    names = (
        number_names(len(table)) if table.groups is None else [str(name) for name in table.groups]
    )
    write_samples(model, model.inverse_transform(table.samples), names, out)
    return len(table)


def reconstruct_file(model_folder: Path, source: str, out: Path) -> int:
    """Write data as the model rebuilds them; return the number of samples.

    Raises
    ------
    SettingError
        If `out` cannot hold such samples, or is `source` itself.
    """
    refuse_target(out, Path(source))
    model = load_autoencoder(model_folder)
    check_form(model, out)
    dataset = read_for(model, source)
    names = dataset.names or number_names(len(dataset))
    write_samples(model, model.reconstruct(*told(model, dataset)), names, out)
    return len(dataset)


def refuse_target(out: Path, source: Path) -> None:
    """Refuse to write over the data that are read, or among other files."""
    if out.exists() and source.exists() and out.samefile(source):
        raise SettingError(f"{out} is what is read; give another place to write to.")
    if out.is_dir() and any(out.iterdir()):
        raise SettingError(f"The folder {out} is not empty; give a new one.")


def check_form(model: Any, out: Path, *, labelled: bool = False) -> None:
    """Whether samples of the model can be written to such a path, before the work is done."""
    suffix = out.suffix.lower()
    arrays = () if labelled else (".npy",)
    if len(model.sample_shape_) == 1:
        allowed = (*arrays, *TABLES)
        if suffix not in allowed:
            *others, last = allowed
            raise SettingError(
                f"Tables are written to {', '.join(others)} or {last}, not to '{out}'."
            )
    elif suffix in FILES and suffix not in arrays:
        or_array = "" if labelled else " or to .npy"
        raise SettingError(f"Images are written to a folder{or_array}, not to '{out}'.")


def sample_columns(model: Any, samples: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Samples ``(N, D)`` by the names of their columns."""
    columns = model.data_.get("feature_names") or [f"x{i}" for i in range(samples.shape[1])]
    return dict(zip(columns, samples.T, strict=True))


def write_samples(model: Any, samples: NDArray[Any], names: Sequence[str], out: Path) -> None:
    """Write samples as what `out` is; images that are whole pixels already stay as they are.

    Of one-hot label maps the labels are written.
    """
    if out.suffix.lower() == ".npy":
        write_array(out, samples)
    elif model.data_.get("structures"):
        with atomic_folder(out) as temporary:
            for name, labels in zip(names, samples.argmax(1), strict=True):
                write_label_map(temporary / f"{name}.png", labels)
    elif samples.ndim == 2:
        write_table(out, sample_columns(model, samples))
    else:
        exact = samples.dtype in (np.uint8, np.uint16)
        pixels = samples if exact else as_pixels(model, samples)
        with atomic_folder(out) as temporary:
            try:
                write_images(temporary, pixels, names)
            except StorageError as error:  # name the folder that was asked for
                raise StorageError(str(error).replace(str(temporary), str(out))) from error


def number_names(count: int) -> list[str]:
    """Names for samples without any: 001, 002, ..."""
    return [f"{number:0{len(str(count))}d}" for number in range(1, count + 1)]


def as_brightness(model: Any, samples: NDArray[Any]) -> NDArray[np.float32]:
    """Images with black at 0 and white at 1, as they are meant to be seen.

    That is the range of the scaling, where it has one for all pixels (digits of 0 to 16 become
    visible); else that of the type, for whole numbers; else that of the training samples.
    One-hot label maps become colours.
    """
    samples = np.asarray(samples, np.float32)
    if model.data_.get("structures"):
        return coloured(samples.argmax(1))
    low, high = black_and_white(model)
    seen = np.clip((samples - low) / max(high - low, 1e-12), 0, 1)
    return np.asarray(seen, np.float32)


def from_brightness(model: Any, light: NDArray[Any]) -> NDArray[Any]:
    """What has such a brightness in [0, 1], in the units and type of the training samples."""
    low, high = black_and_white(model)
    kind = np.dtype(model.sample_dtype_)
    values = low + (high - low) * np.asarray(light, np.float32)
    return np.asarray(np.rint(values) if kind.kind == "u" else values).astype(kind)


def black_and_white(model: Any) -> tuple[Any, Any]:
    """The values that are seen as black and as white, see `as_brightness`."""
    if model.scaling_.offset.ndim == model.scaling_.scale.ndim == 0:
        return model.scaling_.offset, model.scaling_.offset + model.scaling_.scale
    if model.sample_dtype_.startswith("u"):
        return 0, np.iinfo(model.sample_dtype_).max
    return model.data_.get("low", 0.0), model.data_.get("high", 1.0)


def coloured(labels: NDArray[Any]) -> NDArray[np.float32]:
    """Label maps ``(N, H, W)`` in colours ``(N, 3, H, W)``, the background black."""
    count = int(labels.max()) + 1
    palette = np.array([(0, 0, 0), *map(class_colour, range(1, count))], np.float32) / 255
    return np.moveaxis(palette[labels], -1, 1)


def as_pixels(model: Any, samples: NDArray[np.float32]) -> NDArray[Any]:
    """Images as whole numbers of the type that the model was trained on (8 bit if on floats)."""
    integers = np.dtype(model.sample_dtype_ if model.sample_dtype_.startswith("u") else "uint8")
    most = np.iinfo(integers).max
    return np.rint(as_brightness(model, samples) * np.float64(most)).astype(integers)
