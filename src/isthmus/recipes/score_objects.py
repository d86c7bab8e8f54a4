"""Instance maps that someone made, scored against references."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError
from isthmus.core.registry import nearest
from isthmus.data import write_table
from isthmus.data.csv_files import load_csv
from isthmus.data.image_files import ImageHeader, decode
from isthmus.data.instances import check_objects
from isthmus.data.mask_values import MaskValues
from isthmus.data.pairs import Value
from isthmus.metrics import Agreement, Estimate, agreement
from isthmus.metrics.instances import (
    INSTANCE_MEASURES,
    Matches,
    Overlaps,
    match,
    mean_of_classes,
    overlaps_by_class,
)
from isthmus.recipes.evaluation import mean_of_known
from isthmus.recipes.score import pages_by_name, paired

OBJECTS = "objects.csv"  # table of objects beside their instance maps
Estimates = dict[str, Estimate | None]


@dataclass(frozen=True)
class ScoredObjects:
    """Scores of predicted instance maps.

    Attributes
    ----------
    names
        Of the images, one for each reference.
    estimates
        By measure (`isthmus.metrics.INSTANCE_MEASURES`) the mean over the images, and its interval;
        None if no image has a value. Of several classes, see `isthmus.metrics.mean_of_classes`.
    by_class
        The same of each class, where objects have classes; else empty.
    pooled
        Matches at IoU 0.5 of all objects together.
    counts
        How the counts agree; None for a single image.
    missing
        Names of the references without a prediction: nothing counts as found there.
    extra
        Names of the predictions without a reference: they are not scored.
    """

    names: list[str]
    estimates: Estimates
    by_class: dict[str, Estimates]
    pooled: Matches
    counts: Agreement | None
    missing: list[str]
    extra: list[str]


def score_object_folders(
    predictions: Path,
    references: Path,
    *,
    classes: Path | None = None,
    values: Mapping[str, Value] | None = None,
    ignore: Sequence[int | str] = (),
    names: Sequence[str] | None = None,
    groups: str | None = None,
    out: Path | None = None,
) -> ScoredObjects:
    """Score instance maps in one folder against those of the same names in another.

    0 is the background, another number an object; numbers need not agree.

    Parameters
    ----------
    predictions, references, names, groups
        As of `isthmus.recipes.score.score_folders`.
    classes
        Folder of label maps of the names of the references, which say the class of their objects;
        those of the predicted ones stand in ``objects.csv`` beside their maps, in the columns
        ``image``, ``object`` and ``class``. By default all objects are of one class.
    values, ignore
        Which values of these label maps are which class, or do not count, see
        `isthmus.data.read_pairs`.
    out
        ``.csv`` or ``.parquet`` file for the scores of each image, and of each class if any.

    Raises
    ------
    DataError, SettingError
        As of `isthmus.recipes.score.score_folders`; if a file is no instance map, or an object has
        no class or several.
    """
    pairs = paired(predictions, references, names, groups)
    known = None if classes is None else _Classes(predictions, classes, values or {}, ignore)
    titles = ("object",) if known is None else known.titles
    found = []
    for name, (reference, prediction) in pairs.headers.items():
        true = _numbers(reference)
        own = np.zeros_like(true) if prediction is None else _numbers(prediction)
        of_own, of_true = (
            (own > 0, (true > 0).astype(np.int16))
            if known is None
            else (known.of_prediction(name, own), known.of_reference(name, true))
        )
        found.append(overlaps_by_class(own, of_own, true, of_true, len(titles)))
    together = _columns(found)
    by_class = {
        title: _columns([[case[place]] for case in found])
        for place, title in enumerate(titles if known else ())
    }
    if out is not None:
        first: dict[str, NDArray[Any]] = {"image": np.array(list(pairs.headers))}
        first |= {} if pairs.groups is None else {"group": pairs.groups}
        tables = [
            {**first, "class": np.full(len(found), title), **columns}
            for title, columns in by_class.items()
        ] or [{**first, **together}]
        joined = {name: np.concatenate([one[name] for one in tables]) for name in tables[0]}
        write_table(out, joined)
    matches = [match(one) for case in found for one in case]
    counts = together["predicted_objects"], together["objects"]
    return ScoredObjects(
        list(pairs.headers),
        _estimates(together, pairs.groups),
        {title: _estimates(columns, pairs.groups) for title, columns in by_class.items()},
        Matches(*(sum(getattr(one, part) for one in matches) for part in ("tp", "fp", "fn"))),
        agreement(*counts, pairs.groups) if len(found) > 1 else None,
        pairs.missing,
        pairs.extra,
    )


class _Classes:
    """The classes of pixels of references, and those of predicted objects."""

    def __init__(
        self,
        predictions: Path,
        folder: Path,
        values: Mapping[str, Value],
        ignore: Sequence[int | str],
    ) -> None:
        self._values, self._folder = MaskValues(values, ignore), folder
        self.titles = self._values.class_names[1:]
        self._maps = pages_by_name(folder)
        beside = predictions if predictions.is_dir() else predictions.parent
        self._table = beside / OBJECTS
        self._predicted = self._read_predicted()

    def of_reference(self, name: str, objects: NDArray[np.int64]) -> NDArray[np.int16]:
        if name not in self._maps:
            raise DataError(f"{self._folder} has no label map {name}; add it, or score others.")
        header = self._maps[name].header()
        labels = self._values.encode(decode(header), header.place)
        check_objects(objects, labels, self._values.class_names, header.place)
        return labels

    def of_prediction(self, name: str, objects: NDArray[np.int64]) -> NDArray[np.int64]:
        numbers, places = np.unique(objects, return_inverse=True)
        labels = [self._predicted.get((name, number), 0) for number in numbers.tolist()]
        for number, label in zip(numbers.tolist(), labels, strict=True):
            if number and not label:
                raise DataError(
                    f"{self._table} has no class of the object {number} of {name}; add its row."
                )
        return np.array(labels)[places].reshape(objects.shape)

    def _read_predicted(self) -> dict[tuple[str, int], int]:
        """By image and number the class of each predicted object."""
        needed = ("image", "object", "class")
        if not self._table.is_file():
            raise DataError(
                f"There is no {self._table}, which says the class of each predicted object in the"
                f" columns {', '.join(needed)}; write it, or leave out --classes."
            )
        frame, line = load_csv(self._table)
        if absent := [name for name in needed if name not in frame.columns]:
            raise DataError(f"{self._table} has no column '{absent[0]}'; add it.")
        found = {}
        for number, (image, object_, title) in enumerate(frame.select(needed).iter_rows(), line):
            if title not in self.titles or not str(object_).isdecimal():
                raise DataError(
                    f"{self._table}, line {number}: object '{object_}' of class '{title}'"
                    f"{nearest(str(title), self.titles)}; give whole numbers, and one of the"
                    f" classes {', '.join(self.titles)}."
                )
            found[image, int(object_)] = 1 + self.titles.index(title)
        return found


def _columns(found: Sequence[Sequence[Overlaps]]) -> dict[str, NDArray[Any]]:
    """True and predicted objects of each image, and all measures, its classes together."""
    cases = [mean_of_classes(classes) for classes in found]
    counts = {
        column: np.array([sum(len(getattr(one, side)) for one in classes) for classes in found])
        for column, side in (("objects", "reference"), ("predicted_objects", "prediction"))
    }
    return counts | {name: np.array([case[name] for case in cases]) for name in INSTANCE_MEASURES}


def _estimates(columns: Mapping[str, NDArray[Any]], groups: NDArray[Any] | None) -> Estimates:
    return {
        name: None if np.isnan(columns[name]).all() else mean_of_known(columns[name], groups)
        for name in INSTANCE_MEASURES
    }


def _numbers(header: ImageHeader) -> NDArray[np.int64]:
    """Whole numbers from 0, ``(H, W)``."""
    values = decode(header)
    if values.ndim != 2 or not ((values >= 0) & (values % 1 == 0)).all():
        raise DataError(
            f"{header.place} is no instance map: give grey values that are whole numbers, 0 for the"
            " background."
        )
    return values.astype(np.int64)
