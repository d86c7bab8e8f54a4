"""Reading of data, whatever it is: a known name, a folder or a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError

from isthmus.core.errors import DataError, SettingError
from isthmus.core.registry import explain, nearest
from isthmus.data.arrays import ARRAY_SUFFIXES, read_array
from isthmus.data.catalogue import CATALOGUE, find
from isthmus.data.content import nonfinite
from isthmus.data.dataset import DataSet
from isthmus.data.idx import is_idx, is_idx_folder, read_idx, read_idx_folder
from isthmus.data.image_files import IMAGE_SUFFIXES
from isthmus.data.images import ImageSettings, fit_images, read_images
from isthmus.data.label_maps import read_label_maps
from isthmus.data.pairs import Value
from isthmus.data.problems import raise_first
from isthmus.data.tables import TABLE_SUFFIXES, TableSettings, read_table


class Reading(ImageSettings, TableSettings):
    """How data are read: what `TableSettings` says of tables, and `ImageSettings` of images.

    Attributes
    ----------
    label_maps
        Whether the samples are label maps, read by `isthmus.data.label_maps.read_label_maps`.
    values
        Which mask values are which class.
    """

    label_maps: bool = False
    values: dict[str, Value] | None = None

    @classmethod
    def of(cls, source: str | Path, form: str, settings: dict[str, Any]) -> Self:
        """The settings by which a source of a form is read.

        Raises
        ------
        SettingError
            If one is unknown or out of range, or means nothing for this form of data.
        """
        try:
            reading = cls.model_validate(settings)
        except ValidationError as error:
            raise SettingError(explain(error, cls, f"Reading of {source}")) from None
        own = _MEANT[{"table": "tables", _MAPS: _MAPS}.get(form, "images")]
        for name, field in cls.model_fields.items():
            if name not in own and getattr(reading, name) != field.default:
                kind = next(kind for kind, names in _MEANT.items() if name in names)
                raise SettingError(f"data.{name} is for {kind}, which {source} is not; remove it.")
        return reading


_MAPS = "label maps"
_MEANT = {
    "tables": {*TableSettings.model_fields},
    "images": {*ImageSettings.model_fields},
    _MAPS: {"label_maps", "values", "size", "labels", "groups"},
}


def read(source: str | Path, **settings: Any) -> DataSet:
    """Read a data set, as in ``read("customers.csv", labels="class")``.

    Parameters
    ----------
    source
        A name of the catalogue (`listing` shows them; write ``./mnist`` for a folder of that
        name), a folder of images or of the four idx files of a set like MNIST, or a file: image,
        CSV, TSV, Parquet, ``.npy``, ``.npz`` or idx.
    **settings
        Of a table `labels`, `groups`, `categories` and `missing`, see
        `isthmus.data.tables.TableSettings`; of images `size` and `colour`, see
        `isthmus.data.images.ImageSettings`; and `label_maps` with `values`, see
        `isthmus.data.label_maps.read_label_maps`.

    Returns
    -------
    DataSet
        Its samples are ``(N, D)`` float64 for a table, ``(N, H, W)`` or ``(N, 3, H, W)`` for
        images, ``(N, K, H, W)`` for label maps. A ``.npy`` file stays on the disk.

    Raises
    ------
    DataError
        If the data cannot be read or used; one sentence says what, where, and what to do.
    SettingError
        If a setting is unknown or out of range, or does not suit the kind of data.
    """
    if settings.get("label_maps"):
        reading = Reading.of(source, _MAPS, settings)
        chosen = reading.model_dump(include={"values", "labels", "groups"})
        return read_label_maps(source, size=reading.height_width, **chosen)
    form = form_of(source)
    reading = Reading.of(source, form, settings)
    if form == "images":
        return read_images(Path(source), reading)
    if form == "table":
        return read_table(Path(source), reading)
    dataset = open_arrays(source, form)
    raise_first(nonfinite(dataset.samples, str(source)))
    return fit_images(dataset, reading)


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
