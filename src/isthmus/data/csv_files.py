"""CSV files as columns of text; what is a number is found out later, where it can be explained."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

from isthmus.core.errors import DataError
from isthmus.data.limits import check_memory

if TYPE_CHECKING:
    import polars as pl

_DELIMITERS = (",", ";", "\t")


def load_csv(path: Path) -> tuple[pl.DataFrame, int]:
    """Return all columns as text, and the line of the file in which the first row stands.

    Empty cells are null. Rows without any value at the end are left out.

    Raises
    ------
    DataError
        If the file is empty, is not UTF-8 text, names two columns alike, or has a row with more
        cells than the first line.
    """
    import polars as pl

    try:
        check_memory(path.stat().st_size, path, "use a part of the rows")
        names, delimiter, lines = _header(path)
        frame = pl.read_csv(path, separator=delimiter, infer_schema=False, glob=False)
    except UnicodeDecodeError as error:
        raise _not_text(path) from error
    except OSError as error:
        raise DataError(f"{path} cannot be opened: {error.strerror or error}.") from error
    except csv.Error as error:
        raise _broken(path, str(error)) from error
    except pl.exceptions.PolarsError as error:
        if "utf-8" in str(error):
            raise _not_text(path) from error
        raise _explain(path, delimiter, len(names), str(error)) from error
    if frame.width != len(names):
        raise DataError(f"{path} mixes kinds of line ends; correct or export it again.")
    frame.columns = names
    empty = frame.select(pl.all_horizontal(pl.all().is_null())).to_series()
    filled = (~empty).arg_true()
    return frame.head(int(filled[-1]) + 1 if len(filled) else 0), lines + 1


def _header(path: Path) -> tuple[list[str], str, int]:
    """Column names, delimiter, and the number of lines that the names take up."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        if not file.readline().strip():
            raise DataError(
                f"{path} is empty or starts with an empty line; name the columns there."
            )
        choices = []
        for delimiter in _DELIMITERS:
            file.seek(0)
            reader = csv.reader(file, delimiter=delimiter)
            names = [name.strip() for name in next(reader)]
            choices.append((names, delimiter, reader.line_num))
    names, delimiter, lines = max(choices, key=lambda choice: len(choice[0]))
    for index, name in enumerate(names):
        if name in names[:index]:
            raise DataError(
                f"{path} has two columns named '{name}' ({names.index(name) + 1} and {index + 1});"
                " rename one."
            )
    return names, delimiter, lines


def _not_text(path: Path) -> DataError:
    return DataError(f"{path} is not text in UTF-8; save it as CSV with the encoding UTF-8.")


def _broken(path: Path, reason: str) -> DataError:
    first = reason.split("\n")[0]
    return DataError(f"{path} cannot be read as a CSV file ({first}); correct or export it again.")


def _explain(path: Path, delimiter: str, width: int, reason: str) -> DataError:
    """Name the first line with too many cells, or else what polars says."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=delimiter)
        try:
            for cells in reader:
                if len(cells) > width:
                    return DataError(
                        f"{path} has {len(cells)} cells in line {reader.line_num}, but {width}"
                        " columns in its first line; correct that line."
                    )
        except csv.Error as error:
            reason = str(error)
    return _broken(path, reason)
