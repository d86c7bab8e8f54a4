"""From images to the shares of their organs, by a trained segmenter."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from isthmus.core.errors import SettingError
from isthmus.data import Problem, write_table
from isthmus.data.problems import collect
from isthmus.metrics import severity
from isthmus.models import Cascade, Ensemble
from isthmus.recipes.inputs import load_segmenter
from isthmus.recipes.pages import pages_of
from isthmus.recipes.segment import read_as_trained
from isthmus.recipes.shares import ShareOf, shares_of

NOT_FOUND = "organ not found"


def quantify_files(
    run: Path,
    source: str | Path,
    out: Path,
    shares: Mapping[str, ShareOf] | None = None,
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[int, int, list[Problem]]:
    """Write a table of shares, a row for each image and share; one image is held at a time.

    Columns: ``image``, ``share``, ``found`` ("yes", or "organ not found", where the per cents are
    empty), ``organ_pixels`` of the whole, ``lesion_pixels`` of the part, ``percent``,
    ``percent of CLASS`` for each organ where there are several, ``severity`` where it is graded.

    Parameters
    ----------
    run
        Folder of a run or model of a segmenter.
    source
        An image, a TIFF of several pages, a folder of these, or the name of a known set.
    out
        ``.csv`` or ``.parquet`` file.
    shares
        By default those of the model's data, or the lesions in the organs of a cascade.
    progress
        Told after each image how many are done, and of how many.

    Returns
    -------
    int, int
        Number of images that were measured, and rows whose organ was not found.
    list of Problem
        Files that could not be used.

    Raises
    ------
    SettingError, DataError, ModelFileError
        If model, shares, source or `out` cannot be used; nothing is written.
    """
    model = load_segmenter(run)
    shares = dict(shares or shares_of(model.data_))
    if isinstance(model, Cascade) and (not shares or not model.knows_organs):
        model = model.in_full()
        shares = shares or {"involvement": ShareOf.model_validate(model.involvement)}
    if not shares:
        raise SettingError(
            f"The data of {run} name no shares ([data.shares.NAME] with part and whole); name the"
            " classes by --part and --whole."
        )
    if out.suffix.lower() not in (".csv", ".parquet"):
        raise SettingError(f"The table is a .csv or .parquet file, not '{out}'.")
    ensemble = Ensemble([model])
    names = ensemble.class_names
    for one in shares.values():
        one.labels(names)
    problems: list[Problem] = []
    pages = list(pages_of(source, problems))
    rows: list[dict[str, Any]] = []
    count = 0
    for done, page in enumerate(pages, 1):
        image = collect(problems, page.name, read_as_trained, ensemble, page)
        if image is not None:
            (labels,) = ensemble.predict([image])
            rows += [_row(page.name, name, one, labels, names) for name, one in shares.items()]
            count += 1
        progress(done, len(pages))
    if rows:
        keys = dict.fromkeys(key for row in rows for key in row)
        columns: dict[str, list[Any]] = defaultdict(list)
        for row in rows:
            for key in keys:
                columns[key].append(row.get(key, np.nan))
        write_table(out, {key: np.array(values) for key, values in columns.items()})
    return count, sum(row["found"] == NOT_FOUND for row in rows), problems


def _row(
    image: str, name: str, one: ShareOf, labels: Any, class_names: list[str]
) -> dict[str, Any]:
    part, whole = one.labels(class_names)
    percent = one.percent(labels, class_names)
    row = {
        "image": image,
        "share": name,
        "found": NOT_FOUND if np.isnan(percent) else "yes",
        "organ_pixels": int(np.isin(labels, whole).sum()),
        "lesion_pixels": int(np.isin(labels, part).sum()),
        "percent": percent,
    }
    sides = one.by_organ(labels, class_names)
    row |= {f"percent of {side}": value for side, value in sides.items()}
    if one.severity is not None:
        row["severity"] = float(severity(percent, one.severity))
    return row
