"""A trained model applied to files: encode, decode, reconstruct."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import SettingError
from isthmus.data import read, write_array, write_images, write_table
from isthmus.models import load
from isthmus.recipes.runner import has_recipe, read_for, read_recipe
from isthmus.recipes.schema import DataSettings

_TABLES = (".csv", ".parquet")


def encode_file(model_folder: Path, source: str, out: Path) -> tuple[int, int]:
    """Write the codes of data to a ``.npy``, ``.csv`` or ``.parquet`` file; return their shape."""
    if out.suffix not in (".npy", *_TABLES):
        raise SettingError(f"Codes are written to .npy, .csv or .parquet, not to '{out.name}'.")
    model = load(model_folder)
    dataset = read_for(model, source, _data_settings(model_folder))
    codes = model.transform(dataset.samples)
    if out.suffix == ".npy":
        write_array(out, codes)
    else:
        names = {} if dataset.names is None else {"name": np.array(dataset.names)}
        columns = zip(model.get_feature_names_out(), codes.T, strict=True)
        write_table(out, names | dict(columns))
    return len(codes), codes.shape[1]


def decode_file(model_folder: Path, codes: Path, out: Path) -> int:
    """Write the samples that codes stand for; return their number."""
    model = load(model_folder)
    table = read(str(codes), groups=_name_column(codes))
    names = table.groups if table.groups is not None else np.arange(1, len(table.samples) + 1)
    _write_samples(model, model.inverse_transform(table.samples), [str(n) for n in names], out)
    return len(table.samples)


def reconstruct_file(model_folder: Path, source: str, out: Path) -> int:
    """Write data as the model rebuilds them; return the number of samples."""
    model = load(model_folder)
    dataset = read_for(model, source, _data_settings(model_folder))
    names = dataset.names or [str(number) for number in range(1, len(dataset.samples) + 1)]
    _write_samples(model, model.reconstruct(dataset.samples), list(names), out)
    return len(dataset.samples)


def _write_samples(model: Any, samples: NDArray[np.float32], names: list[str], out: Path) -> None:
    if out.suffix == ".npy":
        write_array(out, samples)
    elif out.suffix in _TABLES:
        if samples.ndim != 2:
            raise SettingError(f"Images are written to a folder or to .npy, not to '{out.name}'.")
        columns = model.data_.get("feature_names") or [f"x{i}" for i in range(samples.shape[1])]
        write_table(out, dict(zip(columns, samples.T, strict=True)))
    elif samples.ndim == 2:
        raise SettingError(f"Vectors are written to .npy, .csv or .parquet, not to '{out.name}'.")
    else:
        write_images(out, as_pixels(model, samples), names)


def as_pixels(model: Any, samples: NDArray[np.float32]) -> NDArray[Any]:
    """Images as whole numbers of the type that the model was trained on (8 bit if on floats).

    Where the scaling is one range for all pixels, that range fills the type: digits of 0 to 16
    become visible.
    """
    integers = np.dtype(model.sample_dtype_ if model.sample_dtype_.startswith("u") else "uint8")
    most = np.iinfo(integers).max
    if model.scaling_.scale.ndim == 0:
        samples = model.scaling_.apply(samples) * np.float32(most)
    return np.clip(np.rint(samples), 0, most).astype(integers)


def _data_settings(folder: Path) -> DataSettings:
    """How the data of a run were read; the defaults for a bare model."""
    return read_recipe(folder).data if has_recipe(folder) else DataSettings()


def _name_column(path: Path) -> str | None:
    """The column of names that `encode_file` may have written."""
    if path.suffix != ".csv" or not path.is_file():
        return "name" if path.suffix == ".parquet" and "name" in _parquet_columns(path) else None
    with path.open(encoding="utf-8") as file:
        return "name" if file.readline().split(",")[0].strip() == "name" else None


def _parquet_columns(path: Path) -> list[str]:
    import polars

    return list(polars.read_parquet_schema(path)) if path.is_file() else []
