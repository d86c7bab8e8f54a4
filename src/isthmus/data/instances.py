"""Images whose single objects are numbered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError
from isthmus.core.registry import nearest
from isthmus.data.catalogue import CATALOGUE, find
from isthmus.data.fingerprint import fingerprint_of_all
from isthmus.data.image_files import IMAGE_SUFFIXES, ImageHeader, decode, read_header
from isthmus.data.making import draw_pictures, is_made, pairs_of
from isthmus.data.pair_files import LOSSY, Pair
from isthmus.data.pair_reading import (
    OpenPairs,
    decode_all,
    in_colour,
    naming_the_check,
    open_pairs,
    refuse_choices,
)
from isthmus.data.pairs import PairReading, PairSet
from isthmus.data.problems import Problem, collect

_ALONE = {"background": 0, "object": ">0"}  # what the values of instance maps mean
_SHOWN = 3  # objects that a sentence names


@dataclass(frozen=True, eq=False)
class InstanceSet(PairSet):
    """Images of any sizes, each with a label map and the numbers of its objects.

    Attributes
    ----------
    objects : tuple of ndarray of int32
        ``(H, W)``: 0 for the background, 1 to n for the objects. An object lies in one class of the
        label map, and every pixel of a class but the background belongs to an object.
    kinds : ndarray of str or None
        ``(N,)``: of which kind each image is, where scores are also wanted of each kind.

    Raises
    ------
    DataError
        If the parts do not fit together.
    """

    objects: tuple[NDArray[np.int32], ...] = ()
    kinds: NDArray[np.str_] | None = None

    per_pair: ClassVar[tuple[str, ...]] = (*PairSet.per_pair, "objects", "kinds")

    def __post_init__(self) -> None:
        """Check that the parts fit together."""
        super().__post_init__()
        for name, mask, objects in zip(self.names, self.masks, self.objects, strict=True):
            check_objects(objects, mask, self.class_names, f"{self.name}, {name}")

    def fingerprint(self) -> str:
        """A short name for the content of all images, label maps and objects."""
        return fingerprint_of_all((*self.images, *self.masks, *self.objects))


def check_objects(
    objects: NDArray[Any], mask: NDArray[np.int16], class_names: tuple[str, ...], place: str
) -> None:
    """Whether each object lies in one class, and each pixel of a class belongs to an object.

    Raises
    ------
    DataError
        If not, or the maps differ in size; `place` says of which image.
    """
    if objects.shape != mask.shape:
        raise DataError(
            f"{place}: the instance map has shape {objects.shape}, but the label map {mask.shape};"
            " they must be of the same size."
        )
    if stray := int(((objects > 0) & (mask == 0)).sum()):
        raise DataError(
            f"{place}: {stray} pixels of objects are background in the label map; give them their"
            " class."
        )
    if bare := int(((objects == 0) & (mask > 0)).sum()):
        raise DataError(
            f"{place}: {bare} pixels of a class belong to no object; number them, or ignore them"
            " by data.ignore."
        )
    class_of = np.zeros(int(objects.max(initial=0)) + 1, np.int16)
    class_of[objects[mask > 0]] = mask[mask > 0]
    torn = (mask > 0) & (class_of[objects] != mask)
    if torn.any():
        number = objects[torn][0]
        names = " and ".join(class_names[label] for label in (mask[torn][0], class_of[number]))
        raise DataError(
            f"{place}: the object {number} lies in the classes {names}; give it one of them."
        )


def read_instances(
    source: str | Path,
    *,
    objects: str | None = None,
    kinds: str | None = None,
    every_class: bool = True,
    **settings: Any,
) -> InstanceSet:
    """Read images of any sizes whose single objects are numbered.

    Parameters
    ----------
    source
        As for `isthmus.data.read_pairs`; of the made sets, those with objects.
    objects
        Folder of the instance maps beside that of the images (of a CSV file, the column of their
        paths): 0 for the background, another number for each object of an image. PNG of 8 or 16
        bits, or TIFF, which also takes 32. By default the masks are the instance maps.
    kinds
        Column of the index that says of which kind an image is.
    every_class, settings
        As of `isthmus.data.read_pairs`. Where the masks are the instance maps, `values` is
        ``{"background": 0, "object": ">0"}`` unless given.

    Raises
    ------
    DataError
        As of `isthmus.data.read_pairs`; if an instance map is missing, holds no whole numbers, has
        not its image's size, or an object lies in several classes.
    SettingError
        As of `isthmus.data.read_pairs`.
    """
    if is_made(source):
        return _made(str(source), objects, kinds, settings)
    opened, maps, kinds = open_instances(source, objects, kinds, settings)
    parts = decode_all(opened, every_class)
    with naming_the_check():
        found = tuple(map(maps.read, opened.pairs, parts["masks"]))
    return InstanceSet(**parts, objects=found, kinds=_kinds(opened.pairs, kinds))


def instance_problems(
    source: str | Path, *, objects: str | None = None, **settings: Any
) -> list[Problem]:
    """What is wrong with the instance maps of readable pairs, or worth a look; see `check_pairs`.

    An object in several pieces is worth a look: it may be two.
    """
    if is_made(source):
        return []
    opened, maps, _ = open_instances(source, objects, None, settings)
    problems: list[Problem] = []
    for pair in opened.pairs:
        decoded = collect([], pair.name, opened.decode, pair)
        found = decoded and collect(problems, pair.name, maps.read, pair, decoded[1])
        if decoded is None or found is None:
            continue
        collect(
            problems, pair.name, check_objects, found, decoded[1], opened.classes.class_names,
            pair.name,
        )  # fmt: skip
        if torn := _in_pieces(found):
            shown = ", ".join(map(str, torn[:_SHOWN])) + (" and others" * (len(torn) > _SHOWN))
            sentence = f"{pair.name} has objects in several pieces ({shown}); see that each is one."
            problems.append(Problem(pair.name, sentence, fatal=False))
    return problems


def _in_pieces(objects: NDArray[np.int32]) -> list[int]:
    """Places of the objects whose pixels do not all touch, by a side or a corner."""
    from skimage.measure import label

    pieces = label(objects, connectivity=2)
    owners = np.zeros(int(pieces.max(initial=0)) + 1, np.int64)
    owners[pieces] = objects
    return [int(number) for number in np.flatnonzero(np.bincount(owners[1:]) > 1)]


@dataclass(frozen=True)
class _Maps:
    """Where the instance maps of pairs are: in a folder (or column) of a root, or the masks."""

    root: Path
    objects: str | None

    def read(self, pair: Pair, labels: NDArray[np.int16]) -> NDArray[np.int32]:
        """Objects 1 to n in the order of their numbers; ignored pixels belong to none."""
        header = pair.mask if self.objects is None else self._header(pair)
        numbers = decode(header)
        if numbers.ndim != 2:
            raise DataError(
                f"{header.place} is in colour; save instance maps in grey, with a number for each"
                " object."
            )
        if numbers.shape != labels.shape:
            raise DataError(
                f"{header.place} is {numbers.shape[1]} x {numbers.shape[0]}, but its image"
                f" {labels.shape[1]} x {labels.shape[0]}; make them of one size."
            )
        if numbers.dtype.kind == "f" and not ((numbers >= 0) & (numbers % 1 == 0)).all():
            raise DataError(
                f"{header.place} holds values that are no whole numbers from 0; number its objects."
            )
        _, places = np.unique(np.where(labels < 0, 0, numbers), return_inverse=True)
        least = int((numbers[labels >= 0] == 0).any() or (labels < 0).any())
        return np.asarray(places.reshape(labels.shape) + 1 - least, np.int32)

    def _header(self, pair: Pair) -> ImageHeader:
        stem = pair.name.rpartition("#")[0] if pair.mask.page else pair.name
        if self.root.is_dir():
            base = self.root / str(self.objects) / stem
            paths = [base.with_name(base.name + suffix) for suffix in IMAGE_SUFFIXES]
        else:
            paths = [self.root.parent / (pair.facts.get(str(self.objects)) or "")]
        for path in paths:
            if path.is_file() and path.suffix.lower() not in LOSSY:
                return read_header(path, pair.mask.page)
        raise DataError(
            f"{pair.name} has no instance map {paths[0]}, as PNG or TIFF; add it, or correct"
            " data.objects."
        )


def open_instances(
    source: str | Path, objects: str | None, kinds: str | None, settings: Mapping[str, Any]
) -> tuple[OpenPairs, _Maps, str | None]:
    """Pairs, where their instance maps are, and the column of kinds."""
    known = CATALOGUE.get(str(source))
    reading = (known and known.pairs) or PairReading()
    objects, kinds = objects or reading.objects, kinds or reading.kinds
    separate = objects not in (None, settings.get("masks") or reading.masks)
    given = dict(settings)
    if not separate and not (given.get("values") or reading.values):
        given["values"] = _ALONE
    opened = open_pairs(source, given)
    root = find(str(source)) if known else Path(source)
    return opened, _Maps(root, objects if separate else None), kinds


def _kinds(pairs: Sequence[Pair], column: str | None) -> NDArray[np.str_] | None:
    if column is None:
        return None
    for pair in pairs:
        if pair.facts.get(column) is None:
            raise DataError(
                f"{pair.name} has no '{column}' in the index{nearest(column, pair.facts)}; add it,"
                " or correct data.kinds."
            )
    return np.array([str(pair.facts[column]) for pair in pairs])


def _made(
    name: str, objects: str | None, kinds: str | None, settings: Mapping[str, Any]
) -> InstanceSet:
    refuse_choices(name, {**settings, "objects": objects, "kinds": kinds})
    pictures = list(draw_pictures(name))
    numbered = [picture.objects for picture in pictures]
    if any(one is None for one in numbered):
        raise DataError(f"{name} has no single objects; choose made-cells or made-scenes.")
    pairs = in_colour(pairs_of(name, pictures), settings.get("colour"))
    parts = {part.name: getattr(pairs, part.name) for part in fields(PairSet)}
    return InstanceSet(**parts, objects=tuple(np.asarray(one, np.int32) for one in numbered))
