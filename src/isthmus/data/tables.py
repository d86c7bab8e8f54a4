"""Tables: CSV and Parquet files whose columns are numbers, and perhaps a label and a group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from isthmus.core.errors import DataError
from isthmus.core.registry import nearest
from isthmus.data.csv_files import load_csv
from isthmus.data.dataset import DataSet, encode_labels
from isthmus.data.limits import check_memory
from isthmus.data.problems import Problem, raise_first

if TYPE_CHECKING:
    import polars as pl

TABLE_SUFFIXES = (".csv", ".tsv", ".parquet")
_MISSING = ("", "na", "n/a", "nan", "null", "none", "?")
_FILLS: dict[str, dict[str, float] | None] = {"refuse": None, "median": {}}
_TRUTH = {"true": 1.0, "false": 0.0}
_PANDAS_ROW_NAMES = "__index_level_0__"


class TableSettings(BaseModel):
    """How a table is read.

    Attributes
    ----------
    labels, groups
        Columns with the class, and with the group, of each row.
    categories
        Columns of names, or of numbers that are names: each becomes a feature of 0 and 1 for each
        of its values, called ``column=value``; a gap is the value ``missing``.
    missing
        What is done about gaps in columns of numbers: ``"refuse"`` them, or fill them with the
        ``"median"`` of the column, or with values that are given by column (in columns without
        one, with the median).
    """

    # A column may be named by a number, which TOML reads as one.
    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True, allow_inf_nan=False)

    labels: str | None = None
    groups: str | None = None
    categories: tuple[str, ...] = ()
    missing: Literal["refuse", "median"] | dict[str, float] = "refuse"


@dataclass(frozen=True)
class _Table:
    """The columns of a file by their part; in a CSV all are text still."""

    path: Path
    features: pl.DataFrame
    categories: tuple[str, ...]  # features whose values are names
    fills: Mapping[str, float] | None  # for gaps in the others; by default their own medians
    labels: pl.Series | None
    groups: pl.Series | None
    row_names: pl.Series | None
    first_line: int  # of the first row; 2 in a CSV, whose rows are named by their line

    def row(self, index: int) -> str:
        """How a message names a row."""
        if self.path.suffix.lower() == ".parquet":
            return f"row {index + 1}"
        # A quoted cell may go over several lines.
        keys = (self.labels, self.groups, self.row_names)
        columns = [*self.features, *(key for key in keys if key is not None)]
        breaks = sum(int(column.head(index).str.count_matches("\n").sum()) for column in columns)
        return f"line {self.first_line + index + breaks}"


def read_table(path: Path, settings: TableSettings) -> DataSet:
    """Read a CSV or Parquet file; every column is a feature except labels and groups.

    The delimiter of a CSV is a comma, semicolon or tab. A first column without a name, as pandas
    writes it, gives the names of the rows. True and false count as 1 and 0.

    Raises
    ------
    DataError
        If the file cannot be read, a column is missing or named twice, there is no row or no
        feature, or a feature holds text, gaps or infinite values.
    """
    table = _open(path, settings)
    raise_first(_problems(table))
    features, used, filled = _features(table)
    numbers, class_names = None, None
    if table.labels is not None:
        numbers, class_names = encode_labels(_texts(table.labels))
    return DataSet(
        path.name,
        np.ascontiguousarray(np.column_stack(list(features.values())), np.float64),
        labels=numbers,
        class_names=class_names,
        groups=None if table.groups is None else _texts(table.groups),
        names=None if table.row_names is None else tuple(_texts(table.row_names).tolist()),
        feature_names=tuple(features),
        medians=used,
        filled=filled,
    )


def _features(
    table: _Table,
) -> tuple[dict[str, NDArray[np.float64]], dict[str, float], int]:
    """Columns of numbers by name, the medians that may fill them, and how many gaps they did."""
    features, used, filled = {}, {}, 0
    for column in table.features:
        if column.name in table.categories:
            texts = np.where(_missing(column), "missing", _texts(column))
            for value in np.unique(texts):
                features[f"{column.name}={value}"] = np.asarray(texts == value, np.float64)
            continue
        values = _numbers(column)
        if table.fills is not None:
            gaps, known = np.isnan(values), table.fills.get(column.name)
            used[column.name] = float(np.median(values[~gaps])) if known is None else known
            values = np.where(gaps, used[column.name], values)
            filled += int(gaps.sum())
        features[column.name] = values
    return features, used, filled


def check_table(path: Path, settings: TableSettings) -> Iterator[Problem]:
    """Every fatal problem of the columns."""
    yield from _problems(_open(path, settings))


def _problems(table: _Table) -> Iterator[Problem]:
    """For each column that cannot be used: its first text, or its gaps."""
    if not table.features.columns:
        yield Problem(
            str(table.path), f"{table.path} has no feature columns; keep at least one of numbers."
        )
    for column in table.features:
        if column.name not in table.categories:
            yield from _feature_problems(table, column)
    for key in (table.labels, table.groups):
        if key is not None:
            yield from _gaps(table, key, "missing", _texts(key) == "")


def _open(path: Path, settings: TableSettings) -> _Table:
    labels, groups, categories = settings.labels, settings.groups, settings.categories
    if path.suffix.lower() == ".parquet":
        frame, first_line = _load_parquet(path), 1
    else:
        frame, first_line = load_csv(path)
    if frame.height == 0:
        raise DataError(f"{path} has no rows; add at least one.")
    asked = [("labels", labels), ("groups", groups), *(("categories", name) for name in categories)]
    for option, name in asked:
        if name is not None and name not in frame.columns:
            hint = nearest(name, frame.columns)
            raise DataError(
                f"{path} has no column '{name}'{hint} for data.{option};"
                f" its columns are {_listed(frame.columns)}."
            )
    row_names = _row_names(frame.columns)
    taken = {labels, groups, row_names}
    return _Table(
        path,
        features=frame.select([name for name in frame.columns if name not in taken]),
        categories=categories,
        fills=_FILLS[settings.missing] if isinstance(settings.missing, str) else settings.missing,
        labels=None if labels is None else frame[labels],
        groups=None if groups is None else frame[groups],
        row_names=None if row_names is None else frame[row_names],
        first_line=first_line,
    )


def _row_names(columns: list[str]) -> str | None:
    """Return the column in which pandas writes the names of rows, if there is one."""
    if columns[0] == "":
        return ""
    return _PANDAS_ROW_NAMES if _PANDAS_ROW_NAMES in columns else None


def _load_parquet(path: Path) -> pl.DataFrame:
    import polars as pl

    try:
        declared = pl.scan_parquet(path, glob=False)
        rows = int(declared.select(pl.len()).collect().item())
        columns = len(declared.collect_schema())
        check_memory(8 * rows * columns, path, "use a part of the rows")
        return declared.collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).split("\n")[0]
        raise DataError(
            f"{path} cannot be read as Parquet ({reason}); it is damaged or of another kind than"
            " its name says."
        ) from error


def _feature_problems(table: _Table, column: pl.Series) -> Iterator[Problem]:
    if not (column.dtype.is_numeric() or column.dtype in _readable_types()):
        yield Problem(
            column.name,
            f"{table.path}: the column '{column.name}' has the type {column.dtype}, which is not a"
            " number; convert or remove it.",
        )
        return
    values, missing = _numbers(column), _missing(column)
    text = np.isnan(values) & ~missing
    if text.any():
        index = int(np.argmax(text))
        yield Problem(
            column.name,
            f"{table.path}: the column '{column.name}' holds the text '{column[index]}' in"
            f" {table.row(index)} where a number is needed; remove the column, or name it as the"
            f" label column with --set data.labels={column.name}.",
        )
        return
    if table.fills is None:
        yield from _gaps(table, column, "missing or infinite", missing | ~np.isfinite(values))
        return
    yield from _gaps(table, column, "infinite", np.isinf(values))
    if missing.all() and column.name not in table.fills:
        yield Problem(
            column.name,
            f"{table.path}: the column '{column.name}' has no value at all; remove it.",
        )


def _gaps(
    table: _Table, column: pl.Series, what: str, gaps: NDArray[np.bool_]
) -> Iterator[Problem]:
    if gaps.any():
        yield Problem(
            column.name,
            f"{table.path}: the column '{column.name}' has {int(gaps.sum())} {what}"
            f" values, the first in {table.row(int(np.argmax(gaps)))}; fill them, or remove these"
            " rows or the column.",
        )


def _readable_types() -> tuple[Any, ...]:
    import polars as pl

    return pl.String, pl.Boolean


def _texts(column: pl.Series) -> NDArray[Any]:
    """Values as text; empty where they are missing."""
    import polars as pl

    words = column.cast(pl.String).str.strip_chars().fill_null("")
    return words.to_numpy().astype(np.str_)


def _missing(column: pl.Series) -> NDArray[np.bool_]:
    import polars as pl

    if column.dtype == pl.String:
        words = column.str.strip_chars().str.to_lowercase()
        return (words.is_null() | words.is_in(_MISSING)).to_numpy()
    gaps = column.is_null()
    return (gaps | column.is_nan().fill_null(True) if column.dtype.is_float() else gaps).to_numpy()


def _numbers(column: pl.Series) -> NDArray[np.float64]:
    """Values as float64; NaN for what is missing or no number."""
    import polars as pl

    if column.dtype == pl.String:
        words = column.str.strip_chars()
        truths = words.str.to_lowercase().replace_strict(
            _TRUTH, default=None, return_dtype=pl.Float64
        )
        plain = words.cast(pl.Float64, strict=False)
        # Only a column of nothing but true and false is one of truth values.
        both = plain if plain.is_not_null().any() else truths
        return both.fill_null(np.nan).to_numpy()
    return column.cast(pl.Float64).fill_null(np.nan).to_numpy()


def _listed(names: list[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:12])
    return shown + (f" and {len(names) - 12} more" if len(names) > 12 else "")
