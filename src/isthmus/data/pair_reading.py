"""Reading of images with their label maps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError, SettingError
from isthmus.core.labels import IGNORED
from isthmus.core.registry import nearest
from isthmus.data.catalogue import CATALOGUE, find
from isthmus.data.field import lit_field
from isthmus.data.image_files import decode
from isthmus.data.images import mixed
from isthmus.data.limits import check_memory
from isthmus.data.making import is_made, make_pairs
from isthmus.data.mask_values import MaskValues
from isthmus.data.pair_files import find_pairs, groups_of, predefined_of
from isthmus.data.pairs import PairReading, PairSet, Value
from isthmus.data.pixels import convert
from isthmus.data.problems import Problem, collect, raise_first


def read_pairs(
    source: str | Path,
    *,
    values: Mapping[str, Value] | None = None,
    masks: str | None = None,
    images: str | None = None,
    index: str | None = None,
    ignore: Sequence[int | str] | None = None,
    groups: str | None = None,
    colour: bool | None = None,
    field_of_view: Literal["lit"] | None = None,
    every_class: bool = True,
) -> PairSet:
    """Read images of any sizes with their label maps.

    Parameters
    ----------
    source
        A name of the catalogue, which brings settings of its own (a made set has `colour` alone to
        choose); a folder with one folder of images and one of masks, paired by name without
        suffix; or a CSV file with the columns ``image`` and ``mask``, paths that start at its
        folder. Each page of a TIFF is an image of its own, ``NAME#1`` and so on.
    values
        Which mask values are which class, the background first: ``{"background": 0, "lung":
        [128, 255]}`` gives the labels 0 and 1. ``">0"`` is every value not named otherwise, and
        ``"#ff0000"`` a colour.
    masks, images
        Names of the two folders, "masks" and "images" by default.
    index
        A CSV file in the folder, "index.csv" by default, whose column ``file`` names images.
        Its column ``split`` (train, val, test) becomes the predefined parts.
    ignore
        Mask values that become -1: such pixels neither train nor count.
    groups
        Column of the index that says which pairs belong together, such as the patient; or a
        regular expression with brackets around that part of a name.
    colour
        True for colour, False for grey images; None keeps what they are.
    field_of_view
        ``"lit"``: the pixels of a black surround, as photographs of the retina have it, become -1,
        see `isthmus.data.field.lit_field`.
    every_class
        Whether some mask must hold each class, as data that teach must.

    Raises
    ------
    DataError
        If a partner is missing or has another size, a mask holds a value of no class or no mask
        holds a class, images differ in colour or bit depth, or a file cannot be read.
    SettingError
        If `values` does not name two classes, each with values of its own.
    """
    given = {
        "values": values,
        "masks": masks,
        "images": images,
        "index": index,
        "ignore": ignore,
        "groups": groups,
        "colour": colour,
        "field_of_view": field_of_view,
    }
    if is_made(source):
        return made(source, given)
    return PairSet(**decode_all(open_pairs(source, given), every_class))


@dataclass(frozen=True)
class OpenPairs:
    """Pairs whose files are found and fit together as far as their headers tell."""

    name: str
    classes: MaskValues
    pairs: Sequence[Any]  # of `Pair`, here
    problems: list[Problem]
    groups: NDArray[np.str_] | None
    predefined: NDArray[np.str_] | None
    colour: bool | None = None
    lit_field: bool = False

    def decode(self, pair: Any) -> tuple[NDArray[Any], NDArray[np.int16]]:
        """Image and label map.

        Raises
        ------
        DataError
            If a file is damaged, or the mask holds a value of no class.
        """
        labels = self.classes.encode(decode(pair.mask), pair.mask.place)
        image = convert(decode(pair.image), self.colour, None)
        if self.lit_field:
            labels[~lit_field(image)] = IGNORED
        return image, labels

    def count(self, labels: NDArray[np.int16]) -> NDArray[np.int64]:
        """Pixels to ignore, and of each class: ``(1 + K,)``."""
        return count_labels(labels, len(self.classes.class_names))

    def absent_classes(self, counts: NDArray[np.int64]) -> Iterator[Problem]:
        """A problem for each class without a pixel."""
        for name, count in zip(self.classes.class_names, counts[1:], strict=True):
            if not count:
                yield Problem(
                    name,
                    f"{self.name}: no mask holds the class '{name}' ({self.classes}); correct"
                    " data.values, or leave the class out.",
                )


def decode_all(opened: OpenPairs, every_class: bool) -> dict[str, Any]:
    """What a `PairSet` holds of these pairs, by its names.

    Raises
    ------
    DataError
        For the first problem; or, with `every_class`, if no mask holds a class.
    """
    with naming_the_check():
        raise_first(opened.problems)
        decoded = [opened.decode(pair) for pair in opened.pairs]
        counts = np.sum([opened.count(labels) for _, labels in decoded], axis=0)
        if every_class:
            raise_first(opened.absent_classes(counts))
    return {
        "name": opened.name,
        "images": tuple(image for image, _ in decoded),
        "masks": tuple(labels for _, labels in decoded),
        "names": tuple(pair.name for pair in opened.pairs),
        "class_names": opened.classes.class_names,
        "groups": opened.groups,
        "predefined": opened.predefined,
    }


@contextmanager
def naming_the_check() -> Iterator[None]:
    """Let a complaint about the first problem say what lists them all."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{error} `isthmus data check` lists all problems.") from error


def count_labels(labels: NDArray[np.int16], classes: int) -> NDArray[np.int64]:
    """Pixels to ignore, and of each class: ``(1 + K,)``."""
    return np.bincount(labels.ravel() - IGNORED, minlength=classes + 1)


def made(source: str | Path, given: Mapping[str, Any]) -> PairSet:
    """The made set of a name, which takes `colour` alone of the settings of `read_pairs`.

    Raises
    ------
    SettingError
        If another one is given.
    """
    refuse_choices(source, given)
    return in_colour(make_pairs(str(source)), given.get("colour"))


def refuse_choices(source: str | Path, given: Mapping[str, Any]) -> None:
    """Refuse all settings of reading but `colour` for a made set."""
    for key, value in given.items():
        if value is not None and key != "colour":
            raise SettingError(
                f"{source} is made, not read from files, and has no {key} to choose; leave it out."
            )


def in_colour(pairs: PairSet, colour: bool | None) -> PairSet:
    """The pairs with their images in colour or grey; None keeps what they are."""
    return replace(pairs, images=tuple(convert(image, colour, None) for image in pairs.images))


def open_pairs(source: str | Path, given: Mapping[str, Any]) -> OpenPairs:
    """Find the pairs of a source by the settings of `read_pairs`, None for those not given."""
    name, path, reading = found_source(source, given)
    classes = MaskValues(reading.values, reading.ignore)
    pairs, problems = find_pairs(path, reading)
    headers = [pair.image for pair in pairs]
    problems.extend(mixed(headers, path, reading.colour, any_size=True))
    channels = 1 if reading.colour is False else 3
    size = sum(
        header.size[0] * header.size[1] * (channels * header.dtype.itemsize + 2)
        for header in headers
    )
    collect(problems, name, check_memory, size, path, "use a part of the images")
    return OpenPairs(
        name,
        classes,
        pairs,
        problems,
        collect(problems, name, groups_of, pairs, reading.groups, problems),
        collect(problems, name, predefined_of, pairs, reading, problems),
        reading.colour,
        reading.field_of_view == "lit",
    )


def found_source(source: str | Path, given: Mapping[str, Any]) -> tuple[str, Path, PairReading]:
    """Name, place and reading of a source of pairs, by the settings that are not None.

    Raises
    ------
    DataError
        If there is nothing of that name, or it has no masks.
    """
    path, reading = Path(source), PairReading()
    name = path.resolve().name.removesuffix(".csv")
    if isinstance(source, str) and source in CATALOGUE:
        known = CATALOGUE[source].pairs
        if known is None:
            raise DataError(f"'{source}' has no masks; choose a set of images with label maps.")
        name, path, reading = source, find(source), known
    elif not path.is_dir() and not (path.is_file() and path.suffix.lower() == ".csv"):
        raise DataError(
            f"There is no folder or CSV file '{source}', nor a data set of that name"
            f"{nearest(str(source), CATALOGUE)}; correct the path, or see `isthmus data ls`."
        )
    given = {key: value for key, value in given.items() if value is not None}
    return name, path, replace(reading, **given)
