"""From images or volumes to the shares of their organs, by a trained segmenter."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import SettingError
from isthmus.data import Problem, write_table
from isthmus.data.images import Page
from isthmus.data.problems import collect
from isthmus.data.volumes import holds_volumes, open_volume
from isthmus.metrics import severity
from isthmus.models import Cascade, Ensemble
from isthmus.models.ensemble import names_of_classes
from isthmus.recipes.inputs import load_segmenter, load_volume_segmenter
from isthmus.recipes.pages import HeldPage, pages_of
from isthmus.recipes.segmented import read_as_trained
from isthmus.recipes.shares import ShareOf, shares_of
from isthmus.recipes.volume_files import sliceable, volumes_by_name

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
    Of volumes ``organ_ml`` and ``lesion_ml``, and also ``ml of CLASS`` and ``lesion ml of CLASS``.

    Parameters
    ----------
    run
        Folder of a run or model of a segmenter of images or volumes.
    source
        An image, a TIFF of several pages, a folder of these, or the name of a known set; or
        volumes, see `isthmus.recipes.volume_files.segment_volumes`.
    out
        ``.csv`` or ``.parquet`` file.
    shares
        By default those of the model's data, or the lesions in the organs of a cascade.
    progress
        Told after each how many are done, and of how many.

    Returns
    -------
    int, int
        Number of images or volumes that were measured, and rows whose organ was not found.
    list of Problem
        Files that could not be used.

    Raises
    ------
    SettingError, DataError, ModelFileError
        If model, shares, source or `out` cannot be used; nothing is written.
    """
    volumes = holds_volumes(Path(source))
    model = (load_volume_segmenter if volumes else load_segmenter)(run)
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
    names = names_of_classes(model)
    for one in shares.values():
        one.labels(names)
    problems: list[Problem] = []
    cases = _of_volumes(model, Path(source)) if volumes else _of_images(model, source, problems)
    rows: list[dict[str, Any]] = []
    count = 0
    for done, (case, find) in enumerate(cases, 1):
        found = collect(problems, case, find)
        if found is not None:
            rows += [_row(case, name, one, found, names) for name, one in shares.items()]
            count += 1
        progress(done, len(cases))
    if rows:
        keys = dict.fromkeys(key for row in rows for key in row)
        columns: dict[str, list[Any]] = defaultdict(list)
        for row in rows:
            for key in keys:
                columns[key].append(row.get(key, np.nan))
        write_table(out, {key: np.array(values) for key, values in columns.items()})
    return count, sum(row["found"] == NOT_FOUND for row in rows), problems


class _Labelled(NamedTuple):
    """A label map or volume, and of a volume the sizes of a voxel along its axes and in ml."""

    labels: NDArray[np.int16]
    spacing: tuple[float, ...] | None = None
    voxel_ml: float | None = None


_Cases = list[tuple[str, Callable[[], _Labelled]]]


def _of_images(model: Any, source: str | Path, problems: list[Problem]) -> _Cases:
    ensemble = Ensemble([model])

    def labelled(page: Page | HeldPage) -> _Labelled:
        (labels,) = ensemble.predict([read_as_trained(ensemble, page)])
        return _Labelled(labels)

    return [(page.name, partial(labelled, page)) for page in pages_of(source, problems)]


def _of_volumes(model: Any, source: Path) -> _Cases:
    def labelled(path: Path) -> _Labelled:
        file = open_volume(path)
        (labels,) = model.predict([sliceable(file, model)], [file.spacing])
        return _Labelled(labels, file.spacing, file.geometry.voxel_ml)

    return [(name, partial(labelled, path)) for name, path in volumes_by_name(source).items()]


def _row(
    image: str, name: str, one: ShareOf, found: _Labelled, class_names: list[str]
) -> dict[str, Any]:
    labels, ml = found.labels, found.voxel_ml
    part, whole = one.labels(class_names)
    unit = "pixels" if ml is None else "ml"

    def of(pixels: int) -> float:
        return pixels if ml is None else round(pixels * ml, 6)

    percent = one.percent(labels, class_names)
    row = {
        "image": image,
        "share": name,
        "found": NOT_FOUND if np.isnan(percent) else "yes",
        f"organ_{unit}": of(int(np.isin(labels, whole).sum())),
        f"lesion_{unit}": of(int(np.isin(labels, part).sum())),
        "percent": percent,
    }
    for side, (inner, both) in one.sides(labels, class_names, found.spacing).items():
        row[f"percent of {side}"] = 100 * inner / both if both else np.nan
        if ml is not None:
            row |= {f"ml of {side}": of(both), f"lesion ml of {side}": of(inner)}
    if one.severity is not None:
        row["severity"] = float(severity(percent, one.severity))
    return row
