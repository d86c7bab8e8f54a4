"""Label maps that someone made, scored against references."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError, SettingError
from isthmus.data import Problem, write_table
from isthmus.data.image_files import ImageHeader, decode
from isthmus.data.images import Page, list_pages
from isthmus.data.mask_values import MaskValues
from isthmus.data.pair_files import LOSSY, Facts, groups_of, index_facts, without_suffix
from isthmus.data.pairs import Value
from isthmus.data.problems import raise_first
from isthmus.data.splits import matching
from isthmus.metrics import (
    MEASURES,
    SegmentationScores,
    SegmentationTable,
    segmentation_scores,
    segmentation_table,
)

T = TypeVar("T")


@dataclass(frozen=True)
class Scored:
    """Scores of predicted label maps.

    Attributes
    ----------
    names
        Of the cases, one for each reference.
    class_names
        Of all classes, the background, which is not scored, first.
    cases, table
        Scores of each case, and their means with intervals.
    missing
        Names of the references without a prediction: nothing counts as found there.
    extra
        Names of the predictions without a reference: they are not scored.
    """

    names: list[str]
    class_names: tuple[str, ...]
    cases: list[SegmentationScores]
    table: SegmentationTable
    missing: list[str]
    extra: list[str]


def numbered(count: int) -> dict[str, Value]:
    """Mask values 0 to `count` - 1, each a class of its own."""
    return {"background": 0, **{f"class {label}": label for label in range(1, count)}}


def score_folders(
    predictions: Path,
    references: Path,
    values: Mapping[str, Value],
    *,
    ignore: Sequence[int | str] = (),
    names: Sequence[str] | None = None,
    groups: str | None = None,
    spacing: tuple[float, float] | None = None,
    out: Path | None = None,
) -> Scored:
    """Score label maps in one folder against those of the same names in another.

    Parameters
    ----------
    predictions, references
        Folders, or single files, of label maps, paired by name without suffix; each page of a TIFF
        is a case.
    values
        Which values, of the files of both, are which class, see `isthmus.data.read_pairs`.
    ignore
        Values of the reference's pixels that do not count.
    names
        Patterns of the names to score.
    groups
        ``FILE.csv:COLUMN`` or a pattern, see `isthmus.data.read_pairs`; whole groups are drawn for
        the intervals.
    spacing
        Height and width of a pixel, of which distances are multiples.
    out
        ``.csv`` or ``.parquet`` file for the scores of each case and class.

    Raises
    ------
    DataError
        If a file cannot be read, holds a value of no class, or has not its reference's size.
    SettingError
        If values, names or groups cannot be used.
    """
    classes = MaskValues(values, ignore)
    pairs = paired(predictions, references, names, groups)
    cases = [_score(classes, *pair, spacing) for pair in pairs.headers.values()]
    if out is not None:
        write_cases(out, list(pairs.headers), classes.class_names, cases, pairs.groups)
    return Scored(
        list(pairs.headers),
        classes.class_names,
        cases,
        segmentation_table(cases, pairs.groups),
        pairs.missing,
        pairs.extra,
    )


@dataclass(frozen=True)
class Paired:
    """Files of two folders that belong together.

    Attributes
    ----------
    headers
        By the name of the case those of the reference and of the prediction, if there is one.
    groups
        Group of each case.
    missing, extra
        Names of the references without a prediction, and of the predictions without a reference.
    """

    headers: dict[str, tuple[ImageHeader, ImageHeader | None]]
    groups: NDArray[np.str_] | None
    missing: list[str]
    extra: list[str]


def paired(
    predictions: Path, references: Path, names: Sequence[str] | None, groups: str | None
) -> Paired:
    """Find the files of both that have one name, and refuse what does not fit together.

    Raises
    ------
    DataError, SettingError
        As of `score_folders`.
    """
    found, wanted = chosen_names(
        pages_by_name(predictions), pages_by_name(references), names, predictions, references
    )
    headers = {
        name: (page.header(), found[name].header() if name in found else None)
        for name, page in wanted.items()
    }
    _refuse_sizes(headers)
    stems = {name: _stem(page) for name, page in wanted.items()}
    files = {_stem(page): page.path for page in wanted.values()}
    return Paired(
        headers,
        find_groups(stems, files, groups),
        sorted(wanted.keys() - found.keys()),
        sorted(found.keys() - wanted.keys()),
    )


def pages_by_name(source: Path) -> dict[str, Page]:
    """Label maps of a folder, by their names without suffix."""
    if not source.exists():
        raise DataError(f"There is no folder {source}; give one of label maps.")
    problems: list[Problem] = []
    found: dict[str, Page] = {}
    for page in list_pages(source, problems):
        if page.path.suffix.lower() in LOSSY:
            raise DataError(
                f"{page.path} is a label map in a lossy format, which changes its values; save it"
                " as PNG from its source."
            )
        if page.name in found:
            raise DataError(
                f"{found[page.name].path} and {page.path} have the same name; rename or remove one."
            )
        found[page.name] = page
    raise_first(problems)
    return found


def chosen_names(
    found: dict[str, T],
    wanted: dict[str, T],
    names: Sequence[str] | None,
    predictions: Path,
    references: Path,
) -> tuple[dict[str, T], dict[str, T]]:
    """Predictions and references, by name, of those names that match a pattern.

    Raises
    ------
    DataError
        If a pattern matches nothing, or no prediction has the name of a reference.
    """
    if names is not None:
        matching(list(wanted), names, str(references))  # refuses a pattern of nothing
        found, wanted = (
            {name: page for name, page in pages.items() if _matches(name, names)}
            for pages in (found, wanted)
        )
    if not found.keys() & wanted.keys():
        raise DataError(
            f"{predictions} has no label map of the name of one in {references}, such as"
            f" {next(iter(wanted))}; rename the predictions as the references are."
        )
    return found, wanted


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _refuse_sizes(headers: Mapping[str, tuple[ImageHeader, ImageHeader | None]]) -> None:
    """Refuse predictions that have not the size of their references, naming all."""
    wrong = [
        f"{name} ({_size(prediction)} instead of {_size(reference)})"
        for name, (reference, prediction) in headers.items()
        if prediction is not None and prediction.size != reference.size
    ]
    if wrong:
        raise DataError(
            f"Predictions have another size than their references: {', '.join(wrong)}; bring them"
            " to it without smoothing."
        )


def _size(header: ImageHeader) -> str:
    return f"{header.size[1]} x {header.size[0]}"


class Case(NamedTuple):
    """A case to be scored: its name, and its row in a CSV file of groups."""

    name: str
    facts: Facts


def find_groups(
    stems: Mapping[str, str],
    files: Mapping[str, Path],
    groups: str | None,
    stem_of: Callable[[str], str] = without_suffix,
) -> NDArray[np.str_] | None:
    """The group of each case: of a column of a CSV file, or of a pattern of the names.

    Parameters
    ----------
    stems
        By the name of each case that of its file without suffix.
    files
        By that the file.
    groups
        See `score_folders`.
    stem_of
        What a name in the CSV file is without suffix.
    """
    problems: list[Problem] = []
    file, _, column = (groups or "").rpartition(":")
    facts: dict[str, Facts] = {}
    if file.lower().endswith(".csv"):
        if not Path(file).is_file():
            raise DataError(f"There is no file {file} to take groups from; correct --groups.")
        facts = index_facts(Path(file), files, problems, stem_of)
        groups = column
    elif groups is not None and "(" not in groups:
        raise SettingError(
            f"--groups is FILE.csv:COLUMN, or a pattern such as '^([^_]+)_', not '{groups}'."
        )
    cases = [Case(name, facts.get(stem, {})) for name, stem in stems.items()]
    found = groups_of(cases, groups, problems)
    raise_first(problems)
    return found


def _stem(page: Page) -> str:
    """Name of the file that a page is in."""
    return page.name if page.number is None else page.name.rpartition("#")[0]


def _score(
    classes: MaskValues,
    reference: ImageHeader,
    prediction: ImageHeader | None,
    spacing: tuple[float, float] | None,
) -> SegmentationScores:
    wanted = classes.encode(decode(reference), reference.place)
    if prediction is None:
        found = np.zeros_like(wanted)
    else:
        found = classes.encode(decode(prediction), prediction.place)
    return segmentation_scores(found, wanted, range(1, len(classes.class_names)), spacing=spacing)


def write_cases(
    out: Path,
    names: Sequence[str],
    class_names: Sequence[str],
    cases: Sequence[SegmentationScores],
    groups: NDArray[np.str_] | None,
) -> None:
    """Write a row for each case and class as ``.csv`` or ``.parquet``."""
    columns: dict[str, list[Any]] = defaultdict(list)
    for place, (name, case) in enumerate(zip(names, cases, strict=True)):
        for k, label in enumerate(case.classes):
            row = {
                "image": name,
                **({} if groups is None else {"group": groups[place]}),
                "class": class_names[label],
                **{measure: case.values[measure][k] for measure in MEASURES},
                "in_reference": case.in_reference[k],
                "in_prediction": case.in_prediction[k],
            }
            for column, value in row.items():
                columns[column].append(value)
    write_table(out, {column: np.array(values) for column, values in columns.items()})
