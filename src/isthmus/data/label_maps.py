"""Label maps as samples of their own: one-hot images, a channel for each class."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError, SettingError
from isthmus.core.registry import nearest
from isthmus.data.catalogue import CATALOGUE, find
from isthmus.data.dataset import DataSet, encode_labels
from isthmus.data.entry import MadeEntry
from isthmus.data.image_files import ImageHeader, decode
from isthmus.data.images import list_pages
from isthmus.data.limits import check_memory
from isthmus.data.making import draw_pictures, names_and_parts
from isthmus.data.mask_values import MaskValues
from isthmus.data.pair_files import Facts, Pair, groups_of, index_facts, predefined_of
from isthmus.data.pairs import PARTS, PairReading, Value
from isthmus.data.pixels import resize
from isthmus.data.problems import Problem, raise_first

Labels = NDArray[np.int16]
INDEX = "index.csv"
_MASKS = "masks"


class _Maps(NamedTuple):
    """Label maps with what is known of each."""

    names: tuple[str, ...]
    maps: list[Labels]
    facts: Sequence[Facts]
    groups: NDArray[Any] | None
    parts: NDArray[np.str_] | None


def read_label_maps(
    source: str | Path,
    *,
    values: Mapping[str, Value] | None = None,
    size: tuple[int, int] | None = None,
    labels: str | None = None,
    groups: str | None = None,
) -> DataSet:
    """Read label maps as one-hot images: uint8 ``(N, K, H, W)``, 1 in the channel of the class.

    Parameters
    ----------
    source
        A folder of label maps, or one with a folder ``masks``; a single file; or a known set of
        images with label maps, which brings its values and groups. An ``index.csv`` in the folder
        says more about each ``file``; its column ``split`` tells the test part.
    values
        Which mask values are which class, the background first, see `isthmus.data.read_pairs`.
    size
        Height and width to which all are brought: each pixel gets the class that has most of it.
    labels
        Column of the index with a class of each whole map, such as the disease.
    groups
        Column of the index, or pattern of names, that says which maps belong together.

    Raises
    ------
    DataError
        If a file cannot be read or holds a value of no class, or the sizes differ and none is
        given.
    SettingError
        If nothing says what the values mean.
    """
    entry = CATALOGUE.get(str(source))
    if isinstance(entry, MadeEntry):
        if values is not None:
            raise SettingError(f"{source} is made, and its classes are known; leave values out.")
        values, found = entry.pairs.values, _made(entry, groups)
    else:
        reading = PairReading()
        path = Path(source)
        if entry is not None:
            if entry.pairs is None:
                raise DataError(f"'{source}' has no label maps; give a set or a folder of some.")
            reading, path = entry.pairs, find(entry.name)
        values = values or reading.values
        if not values:
            raise SettingError(
                "Label maps need data.values, which says which mask values are which class, the"
                ' background first, such as --set \'data.values={background=0, "left ventricle"'
                "=255}'."
            )
        found = _files(path, MaskValues(values), groups or reading.groups, size)
    classes, class_names = None, None
    if labels is not None:
        classes, class_names = encode_labels(_column(found.facts, labels, str(source)))
    return DataSet(
        Path(source).resolve().name if entry is None else entry.name,
        _stacked(found, len(values), size, str(source)),
        labels=classes,
        class_names=class_names,
        groups=found.groups,
        names=found.names,
        predefined_test=None if found.parts is None else found.parts == PARTS[2],
        value_range=(0.0, 1.0),
        structures=values,
    )


def one_hot(labels: NDArray[Any], classes: int) -> NDArray[np.uint8]:
    """Label maps ``(..., H, W)`` as ``(..., K, H, W)``: 1 in the channel of the class, else 0."""
    found = labels[..., None, :, :] == np.arange(classes)[:, None, None]
    return np.asarray(found, np.uint8)


def resized_map(labels: NDArray[Any], size: tuple[int, int], classes: int) -> Labels:
    """A label map ``(H, W)`` in another size: each pixel gets the class that has most of it."""
    if labels.shape == size:
        return np.asarray(labels, np.int16)
    shares = [resize(channel, size) for channel in one_hot(labels, classes).astype(np.float32)]
    return np.asarray(np.argmax(shares, axis=0), np.int16)


def label_map_files(source: Path) -> dict[str, ImageHeader]:
    """Headers of the label maps of a file or folder, by their names without suffix.

    Raises
    ------
    DataError
        If there is none, two have one name, or a file cannot be read.
    """
    if not source.exists():
        raise DataError(
            f"There is no file or folder '{source}', nor a data set of that name"
            f"{nearest(str(source), CATALOGUE)}; give label maps."
        )
    folder = source / _MASKS if (source / _MASKS).is_dir() else source
    problems: list[Problem] = []
    headers: dict[str, ImageHeader] = {}
    for page in list_pages(folder, problems):
        if page.name in headers:
            raise DataError(
                f"{headers[page.name].path} and {page.path} have the same name; rename one."
            )
        headers[page.name] = page.header()
    raise_first(problems)
    return headers


def _made(entry: MadeEntry, groups: str | None) -> _Maps:
    pictures = list(draw_pictures(entry.name))
    names, parts = names_and_parts(len(pictures), entry.series)
    facts, wanted = [picture.facts for picture in pictures], groups or entry.pairs.groups
    together = None if wanted is None else _column(facts, wanted, entry.name)
    return _Maps(names, [picture.labels for picture in pictures], facts, together, parts)


def _files(
    source: Path, classes: MaskValues, groups: str | None, size: tuple[int, int] | None
) -> _Maps:
    headers = label_map_files(source)
    pixels = sum(math.prod(size or header.size) for header in headers.values())
    check_memory(
        pixels * len(classes.class_names), source, "make the maps smaller with --set data.size=64"
    )
    problems: list[Problem] = []
    stems = {name.partition("#")[0]: header.path for name, header in headers.items()}
    folder = source if source.is_dir() else source.parent
    rows = index_facts(folder / INDEX, stems, problems) if source.is_dir() else {}
    pairs = [
        Pair(name, header, header, rows.get(name.partition("#")[0], {}))
        for name, header in headers.items()
    ]
    raise_first(problems)
    together = groups_of(pairs, groups, problems) if rows or "(" in (groups or "") else None
    parts = predefined_of(pairs, PairReading(), problems)
    raise_first(problems)
    maps = []
    for header in headers.values():
        labels = classes.encode(decode(header), header.place)
        maps.append(labels if size is None else resized_map(labels, size, len(classes.class_names)))
    return _Maps(tuple(headers), maps, [pair.facts for pair in pairs], together, parts)


def _stacked(
    found: _Maps, classes: int, size: tuple[int, int] | None, source: str
) -> NDArray[np.uint8]:
    maps = found.maps if size is None else [resized_map(one, size, classes) for one in found.maps]
    for name, one in zip(found.names, maps, strict=True):
        if one.shape != maps[0].shape:
            raise DataError(
                f"{source}: the label map {found.names[0]} is {_size(maps[0])}, but {name} is"
                f" {_size(one)}; bring all to one size with --set data.size=96."
            )
    return np.stack([one_hot(one, classes) for one in maps])


def _size(labels: Labels) -> str:
    return f"{labels.shape[1]} x {labels.shape[0]}"


def _column(facts: Sequence[Facts], name: str, source: str) -> NDArray[np.str_]:
    """A column of the index as text."""
    known = facts[0] if facts else {}
    if name not in known:
        raise DataError(
            f"{source} has no column '{name}' in its {INDEX}{nearest(name, known)}; its columns"
            f" are {', '.join(known) or 'none'}."
        )
    return np.array([str(row[name]) for row in facts])
