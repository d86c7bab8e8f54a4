"""The check behind ``isthmus data check``: every problem of a data set, not only the first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from isthmus.core.errors import DataError
from isthmus.data.content import constant_columns, nonfinite, repeated_images, repeated_samples
from isthmus.data.images import check_images, fit_images
from isthmus.data.problems import Problem
from isthmus.data.reading import Reading, form_of, open_arrays
from isthmus.data.tables import TableSettings, check_table, read_table


def check(source: str | Path, **settings: Any) -> list[Problem]:
    """List what is wrong with a data set; an empty list means that all is well.

    Fatal problems are those for which `read` fails with the same settings. The others are
    warnings: copies, flat images, constant columns.

    Parameters
    ----------
    source, **settings
        As for `read`.

    Raises
    ------
    SettingError
        If a setting is unknown or out of range, or does not suit the kind of data.
    """
    try:
        form = form_of(source)
        reading = Reading.of(source, form, settings)
        if form == "images":
            problems, images = check_images(Path(source), reading)
            repeats = list(repeated_images(images))
            return problems + repeats
        if form == "table":
            return _check_table(Path(source), reading)
        dataset = fit_images(open_arrays(source, form), reading)
    except DataError as error:
        return [Problem(str(source), str(error))]
    place = str(source)
    columns = constant_columns(dataset.samples, None, place) if dataset.samples.ndim == 2 else ()
    return [*nonfinite(dataset.samples, place), *repeated_samples(dataset.samples, place), *columns]


def _check_table(path: Path, settings: TableSettings) -> list[Problem]:
    problems = list(check_table(path, settings))
    if problems:
        return problems
    dataset = read_table(path, settings)
    return [
        *repeated_samples(dataset.samples, str(path)),
        *constant_columns(dataset.samples, dataset.feature_names, str(path)),
    ]
