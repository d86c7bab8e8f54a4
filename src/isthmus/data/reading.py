"""Reading of data, whatever it is: a known name, a folder or a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from isthmus.core.errors import DataError, SettingError
from isthmus.core.registry import nearest
from isthmus.data.arrays import ARRAY_SUFFIXES, read_array
from isthmus.data.catalogue import CATALOGUE, find
from isthmus.data.content import nonfinite
from isthmus.data.dataset import DataSet
from isthmus.data.idx import is_idx, is_idx_folder, read_idx, read_idx_folder
from isthmus.data.image_files import IMAGE_SUFFIXES
from isthmus.data.images import Size, fit_images, read_images
from isthmus.data.problems import raise_first
from isthmus.data.tables import TABLE_SUFFIXES, Missing, read_table


def read(
    source: str | Path,
    *,
    labels: str | None = None,
    groups: str | None = None,
    size: Size = None,
    colour: bool | None = None,
    categories: Sequence[str] = (),
    missing: Missing = "refuse",
    medians: Mapping[str, float] | None = None,
) -> DataSet:
    """Read a data set.

    Parameters
    ----------
    source
        A name of the catalogue (`listing` shows them; write ``./mnist`` for a folder of that
        name), a folder of images or of the four idx files of a set like MNIST, or a file: image,
        CSV, TSV, Parquet, ``.npy``, ``.npz`` or idx.
    labels, groups
        Columns of a table that hold the class and the group of each row.
    size
        Side, or (height, width), to which images are resized with antialiasing.
    colour
        True for colour, False for grey images; None keeps what they are.
    categories, missing, medians
        Columns of a table that hold names, and what is done about gaps in the others; see
        `isthmus.data.tables.read_table`.

    Returns
    -------
    DataSet
        Its samples are ``(N, D)`` float64 for a table, ``(N, H, W)`` or ``(N, 3, H, W)`` for
        images. A ``.npy`` file stays on the disk.

    Raises
    ------
    DataError
        If the data cannot be read or used; one sentence says what, where, and what to do.
    SettingError
        If a setting does not suit the kind of data.
    """
    form = form_of(source)
    refuse_unsuited(
        source,
        form,
        labels=labels,
        groups=groups,
        categories=categories or None,
        missing=None if missing == "refuse" else missing,
        size=size,
        colour=colour,
    )
    path = Path(source)
    if form == "images":
        return read_images(path, size=size, colour=colour)
    if form == "table":
        return read_table(
            path,
            labels=labels,
            groups=groups,
            categories=categories,
            missing=missing,
            medians=medians,
        )
    dataset = open_arrays(source, form)
    raise_first(nonfinite(dataset.samples, str(source)))
    return fit_images(dataset, size, colour)


def open_arrays(source: str | Path, form: str) -> DataSet:
    """Data set of a known name, idx files or a NumPy file, its values not yet looked at."""
    path = Path(source)
    if form == "name":
        return CATALOGUE[str(source)].read(find(str(source)))
    if form == "array":
        return read_array(path)
    return read_idx_folder(path) if path.is_dir() else read_idx(path)


def form_of(source: str | Path) -> str:
    """What a source is: ``name``, ``images``, ``table``, ``array`` or ``idx``.

    Raises
    ------
    DataError
        If there is nothing of that name, or its kind is unknown.
    """
    if isinstance(source, str) and source in CATALOGUE:
        return "name"
    path = Path(source)
    if not path.exists():
        raise DataError(
            f"There is no file or folder '{source}', nor a data set of that name"
            f"{nearest(str(source), CATALOGUE)}; correct the path, or see `isthmus data ls`."
        )
    if path.is_dir():
        return "idx" if is_idx_folder(path) else "images"
    suffix = path.suffix.lower()
    for form, suffixes in (
        ("images", IMAGE_SUFFIXES),
        ("table", TABLE_SUFFIXES),
        ("array", ARRAY_SUFFIXES),
    ):
        if suffix in suffixes:
            return form
    if is_idx(path):
        return "idx"
    known = ", ".join(s[1:] for s in (*IMAGE_SUFFIXES, *TABLE_SUFFIXES, *ARRAY_SUFFIXES))
    raise DataError(f"{path} is of no known kind; the kinds are {known} and idx files.")


def refuse_unsuited(source: str | Path, form: str, **settings: object) -> None:
    """Refuse settings that mean nothing for this form of data.

    Raises
    ------
    SettingError
        For the first such setting.
    """
    of_tables = ("labels", "groups", "categories", "missing")
    for name in ("size", "colour") if form == "table" else of_tables:
        if settings.get(name) is not None:
            kind = "images" if form == "table" else "tables"
            raise SettingError(f"data.{name} is for {kind}, which {source} is not; remove it.")
