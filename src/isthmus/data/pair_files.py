"""Which image file belongs to which mask, before anything is decoded, and what else is known."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError, SettingError
from isthmus.core.registry import nearest
from isthmus.data.csv_files import load_csv
from isthmus.data.image_files import ImageHeader, count_pages, read_header
from isthmus.data.images import list_images
from isthmus.data.pairs import PARTS, PairReading
from isthmus.data.problems import Problem, collect
from isthmus.data.splits import matching

Facts = Mapping[str, str | None]
LOSSY = (".jpg", ".jpeg", ".webp")
_PART_OF = {
    "train": "train",
    "train_valid": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}


class Named(Protocol):
    """A pair of whatever files: its name, and what else is known of it."""

    @property
    def name(self) -> str:
        """Of the image, without suffix."""

    @property
    def facts(self) -> Facts:
        """Its row in a CSV file."""


class Listing(NamedTuple):
    """Which files of a folder are images, and the name of a file without suffix."""

    files: Callable[[Path], list[Path]]
    stem: Callable[[str], str]


def without_suffix(name: str) -> str:
    """A path without the last suffix of its name."""
    return PurePosixPath(name).with_suffix("").as_posix()


_IMAGES = Listing(list_images, without_suffix)


@dataclass(frozen=True)
class Pair:
    """An image and its mask: their name, what the files declare, and other facts."""

    name: str
    image: ImageHeader
    mask: ImageHeader
    facts: Facts


@dataclass(frozen=True)
class PairFiles:
    """The files of a pair, not yet opened."""

    name: str
    image: Path
    mask: Path
    facts: Facts


def find_pairs(source: Path, reading: PairReading) -> tuple[list[Pair], list[Problem]]:
    """Pairs of a folder or of a CSV file, and what is wrong with the others.

    Raises
    ------
    DataError
        If there is no pair at all, or no list can be made.
    """
    problems: list[Problem] = []
    files = find_files(source, reading, problems)
    return [pair for each in files for pair in _pages(each, problems)], problems


def find_files(
    source: Path, reading: PairReading, problems: list[Problem], listing: Listing = _IMAGES
) -> list[PairFiles]:
    """The files of the pairs of a folder or of a CSV file.

    Raises
    ------
    DataError
        If there is no pair at all, or no list can be made.
    """
    listed = _in_folder if source.is_dir() else _in_csv
    return list(listed(source, reading, problems, listing))


def _in_folder(
    source: Path, reading: PairReading, problems: list[Problem], listing: Listing
) -> Iterator[PairFiles]:
    images = _by_stem(source / reading.images, problems, listing)
    masks = _by_stem(source / reading.masks, problems, listing)
    if not images.keys() & masks.keys():
        image, mask = (next(iter(paths.values())) for paths in (images, masks))
        raise DataError(
            f"{source} has no image and mask of the same name, but images such as {image} and masks"
            f" such as {mask}; rename them, or list the pairs in a CSV file with the columns image"
            " and mask."
        )
    for one, other, what, partner in (
        (images, masks, "mask", reading.masks),
        (masks, images, "image", reading.images),
    ):
        for stem in sorted(one.keys() - other.keys()):
            problems.append(
                Problem(
                    stem,
                    f"{one[stem]} has no {what} '{stem}' in {source / partner}"
                    f"{nearest(stem, other)}; add it, or remove the file.",
                )
            )
    facts = index_facts(source / reading.index, images, problems, listing.stem)
    for stem in sorted(images.keys() & masks.keys()):
        yield PairFiles(stem, images[stem], masks[stem], facts.get(stem, {}))


def _by_stem(folder: Path, problems: list[Problem], listing: Listing) -> dict[str, Path]:
    """Image files by their path within the folder, without suffix."""
    if not folder.is_dir():
        there = sorted(path.name for path in folder.parent.iterdir() if path.is_dir())
        raise DataError(
            f"There is no folder {folder}, only {', '.join(there) or 'no folder at all'}; name the"
            " folders of images and of masks by data.images and data.masks."
        )
    found: dict[str, Path] = {}
    for path in listing.files(folder):
        stem = listing.stem(path.relative_to(folder).as_posix())
        if stem in found:
            problems.append(
                Problem(stem, f"{found[stem]} and {path} have the same name; rename or remove one.")
            )
        found.setdefault(stem, path)
    return found


def index_facts(
    index: Path,
    images: Mapping[str, Path],
    problems: list[Problem],
    stem_of: Callable[[str], str] = without_suffix,
) -> dict[str, Facts]:
    """Rows of the index, by the stem of the image; every image needs one, if there is an index."""
    if not index.is_file():
        return {}
    rows, _ = _read_rows(index, ("file",))
    by_file: dict[str, Facts] = {}
    for row in rows:
        file = row["file"] or ""
        stem = file if file in images else stem_of(file)
        if stem in by_file:
            problems.append(Problem(stem, f"{index} has two rows for '{file}'; remove one."))
        elif stem not in images:
            problems.append(
                Problem(stem, f"{index} names '{file}', of which there is no image.", fatal=False)
            )
        by_file[stem] = row
    for stem in sorted(images.keys() - by_file.keys()):
        problems.append(Problem(stem, f"{index} has no row for {images[stem]}; add one."))
    return by_file


def _in_csv(
    source: Path, reading: PairReading, problems: list[Problem], listing: Listing
) -> Iterator[PairFiles]:
    if (reading.images, reading.masks, reading.index) != ("images", "masks", "index.csv"):
        raise SettingError(
            f"data.images, data.masks and data.index are for folders, which {source} is not;"
            " remove them."
        )
    rows, first = _read_rows(source, ("image", "mask"))
    seen: set[str] = set()
    for line, row in enumerate(rows, first):
        image, mask = row["image"], row["mask"]
        name = listing.stem(image) if image else ""
        if not image or not mask or name in seen:
            fault = "has no image or no mask" if not image or not mask else f"names {image} again"
            problems.append(Problem(name, f"{source}, line {line}, {fault}; correct that line."))
            continue
        seen.add(name)
        yield PairFiles(name, source.parent / image, source.parent / mask, row)
    if not seen:
        raise DataError(f"{source} lists no pair; write the paths of an image and a mask per line.")


def _read_rows(path: Path, needed: Iterable[str]) -> tuple[list[dict[str, str | None]], int]:
    frame, first = load_csv(path)
    for name in needed:
        if name not in frame.columns:
            raise DataError(
                f"{path} has no column '{name}'{nearest(name, frame.columns)}; its columns are"
                f" {', '.join(frame.columns)}."
            )
    return frame.to_dicts(), first


def _pages(files: PairFiles, problems: list[Problem]) -> Iterator[Pair]:
    """The pair of two files, or the pairs of their pages."""
    if files.mask.suffix.lower() in LOSSY:
        problems.append(
            Problem(
                files.name,
                f"{files.mask} is a mask in a lossy format, which changes its values; save it as"
                " PNG from its source.",
            )
        )
        return
    images, masks = (
        collect(problems, files.name, count_pages, path) for path in (files.image, files.mask)
    )
    if images is None or masks is None:
        return
    if images != masks:
        problems.append(
            Problem(
                files.name,
                f"{files.image} has {images} pages, but {files.mask} has {masks}; give each page a"
                " mask.",
            )
        )
        return
    for page in range(1, images + 1) if images > 1 else (None,):
        name = files.name if page is None else f"{files.name}#{page}"
        image, mask = (
            collect(problems, name, read_header, path, page) for path in (files.image, files.mask)
        )
        if image is None or mask is None:
            continue
        if image.size == mask.size:
            yield Pair(name, image, mask, files.facts)
        else:
            problems.append(
                Problem(
                    name,
                    f"{mask.place} is {_size(mask)}, but its image {image.place} is"
                    f" {_size(image)}; make them of one size, the mask without smoothing.",
                )
            )


def _size(header: ImageHeader) -> str:
    return f"{header.size[1]} x {header.size[0]}"


def predefined_of(
    pairs: Sequence[Named], reading: PairReading, problems: list[Problem]
) -> NDArray[np.str_] | None:
    """The part of each pair by its name or its column ``split``, if these say something."""
    patterns = {part: getattr(reading, part) for part in PARTS[1:] if getattr(reading, part)}
    if patterns and pairs:
        names = [pair.name for pair in pairs]
        parts = np.full(len(pairs), PARTS[0], "U10")
        for part, wanted in patterns.items():
            parts[matching(names, wanted, part)] = part
        return parts
    if not any("split" in pair.facts for pair in pairs):
        return None
    words = [(pair.facts.get("split") or "").strip().lower() for pair in pairs]
    for pair, word in zip(pairs, words, strict=True):
        if word not in _PART_OF:
            problems.append(
                Problem(
                    pair.name,
                    f"The split of {pair.name} is '{word}'; write one of {', '.join(_PART_OF)}.",
                )
            )
    return np.array([_PART_OF.get(word, PARTS[0]) for word in words])


def groups_of(
    pairs: Sequence[Named], groups: str | None, problems: list[Problem]
) -> NDArray[np.str_] | None:
    """The group of each pair: its value in a column, or what a pattern finds in its name.

    Raises
    ------
    DataError
        If there is no such column.
    SettingError
        If the pattern is none.
    """
    if groups is None or not pairs:
        return None
    columns = {column for pair in pairs for column in pair.facts}
    if groups in columns:
        values = [pair.facts.get(groups) for pair in pairs]
    elif "(" in groups:
        try:
            found = [re.search(groups, pair.name) for pair in pairs]
            values = [match[1] if match else None for match in found]
        except (re.error, IndexError) as error:
            raise SettingError(
                f"data.groups={groups} is no pattern with a group in brackets ({error}); write one"
                " such as '^([^_]+)_'."
            ) from None
    else:
        raise DataError(
            f"There is no column '{groups}'{nearest(groups, columns)} to take groups from; name a"
            " column of the index, or a pattern with the group in brackets, such as '^([^_]+)_'."
        )
    for pair, value in zip(pairs, values, strict=True):
        if value is None:
            problems.append(
                Problem(
                    pair.name, f"{pair.name} has no group by data.groups={groups}; give it one."
                )
            )
    return np.array([str(value) for value in values])
