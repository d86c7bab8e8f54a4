"""The check of images with label maps behind ``isthmus data check``."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError
from isthmus.data.catalogue import CATALOGUE
from isthmus.data.content import repeated_images
from isthmus.data.instances import instance_problems, open_instances
from isthmus.data.making import is_made
from isthmus.data.pair_reading import OpenPairs, count_labels, made, open_pairs
from isthmus.data.pairs import PARTS, PairSet
from isthmus.data.problems import Problem, collect

_WORDS = re.compile(r"\d+|[^\W\d_]+")


@dataclass(frozen=True)
class PairCheck:
    """What is wrong with a set of pairs, and how often each class occurs.

    Attributes
    ----------
    problems : list of Problem
        By file. Fatal ones are those for which `read_pairs` or `split` fails.
    class_names : tuple of str
        The classes.
    masks : ndarray of int64
        ``(1 + K,)``: masks that hold pixels to ignore, and pixels of each class.
    pixels : dict of str to ndarray of int64
        ``(1 + K,)`` for "all" and for each predefined part: pixels to ignore, and of each class.
    """

    problems: list[Problem]
    class_names: tuple[str, ...] = ()
    masks: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, np.int64))
    pixels: dict[str, NDArray[np.int64]] = field(default_factory=dict)


def check_pairs(source: str | Path, *, objects: str | None = None, **settings: Any) -> PairCheck:
    """List everything that is wrong with images and their label maps, and with instance maps.

    Parameters
    ----------
    source, settings
        As for `isthmus.data.read_pairs`.
    objects
        As for `isthmus.data.read_instances`, where instance maps are to be checked too; those of a
        known set are.

    Raises
    ------
    SettingError
        If a setting cannot be used.
    """
    if is_made(source):
        return check_made(made(source, settings))
    known = CATALOGUE.get(str(source))
    if objects is None and known is not None and known.pairs is not None:
        objects = known.pairs.objects
    if objects is None:
        return check_opened(source, settings, open_pairs)
    return check_opened(
        source,
        settings,
        lambda source, settings: open_instances(source, objects, None, settings)[0],
        lambda: instance_problems(source, objects=objects, **settings),
    )


def check_opened(
    source: str | Path,
    settings: Mapping[str, Any],
    opener: Callable[[str | Path, Mapping[str, Any]], OpenPairs],
    more: Callable[[], Iterable[Problem]] = tuple,
) -> PairCheck:
    """That of whatever pairs, as `opener` finds them; `more` tells other problems of these."""
    try:
        opened = opener(source, settings)
    except DataError as error:
        return PairCheck([Problem(str(source), str(error))])
    classes, problems = opened.classes.class_names, opened.problems
    counts = np.zeros((len(opened.pairs), 1 + len(classes)), np.int64)
    problems.extend([*repeated_images(_images(opened, counts))])
    problems.extend([*_similar_names(opened), *_torn_groups(opened)])
    problems.extend(more())
    pixels = _by_part(counts, opened.predefined)
    if counts.any():
        problems.extend(opened.absent_classes(pixels["all"]))
    problems.extend(_absent_from_parts(classes, pixels))
    problems.sort(key=lambda problem: problem.place)
    return PairCheck(problems, classes, (counts > 0).sum(0), pixels)


def check_made(pairs: PairSet) -> PairCheck:
    """What there is of each class in a made set, which has no problems."""
    names = pairs.class_names
    counts = np.array([count_labels(labels, len(names)) for labels in pairs.masks])
    return PairCheck([], names, (counts > 0).sum(0), _by_part(counts, pairs.predefined))


def _by_part(
    counts: NDArray[np.int64], predefined: NDArray[np.str_] | None
) -> dict[str, NDArray[np.int64]]:
    """Pixels to ignore, and of each class, of all images and of each part that is there."""
    pixels = {"all": counts.sum(0)}
    if predefined is not None:
        there = [part for part in PARTS if part in predefined]
        pixels |= {part: counts[predefined == part].sum(0) for part in there}
    return pixels


def _images(opened: OpenPairs, counts: NDArray[np.int64]) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield (name, image) of the good pairs; their labels are counted, other pairs are noted."""
    for place, (pair, title) in enumerate(zip(opened.pairs, _titles(opened), strict=True)):
        decoded = collect(opened.problems, pair.name, opened.decode, pair)
        if decoded is None:
            continue
        counts[place] = opened.count(decoded[1])
        if not counts[place, 2:].any():
            opened.problems.append(
                Problem(pair.name, f"{pair.mask.place} holds nothing but background.", fatal=False)
            )
        yield title, decoded[0]


def _titles(opened: OpenPairs) -> list[str]:
    """Names with the part, so that a copy on the other side of a split is seen."""
    names = [pair.name for pair in opened.pairs]
    if opened.predefined is None:
        return names
    return [f"{name} ({part})" for name, part in zip(names, opened.predefined, strict=True)]


def _similar_names(opened: OpenPairs) -> Iterator[Problem]:
    """Warn of names that differ in case, punctuation, leading zeros or the word "copy" alone."""
    seen: dict[tuple[str, ...], str] = {}
    for pair in opened.pairs:
        words = (word.lstrip("0") for word in _WORDS.findall(pair.name.casefold()))
        first = seen.setdefault(tuple(word for word in words if word != "copy"), pair.name)
        if first != pair.name:
            yield Problem(
                pair.name,
                f"The names {first} and {pair.name} are nearly the same; see that they are two"
                " images.",
                fatal=False,
            )


def _torn_groups(opened: OpenPairs) -> Iterator[Problem]:
    """A problem for each group in more than one part."""
    if opened.groups is None or opened.predefined is None:
        return
    parts = defaultdict(set)
    for group, part in zip(opened.groups, opened.predefined, strict=True):
        parts[group].add(part)
    for group, found in parts.items():
        if len(found) > 1:
            yield Problem(
                group,
                f"The group '{group}' lies in the parts {' and '.join(sorted(found))}; move all its"
                " images to one.",
            )


def _absent_from_parts(
    classes: tuple[str, ...], pixels: dict[str, NDArray[np.int64]]
) -> Iterator[Problem]:
    """Warn of each class that some parts hold and another does not."""
    for part, counts in pixels.items():
        for name, total, count in zip(classes, pixels["all"][1:], counts[1:], strict=True):
            if total and not count:
                yield Problem(
                    part, f"The {part} part does not hold the class '{name}'.", fatal=False
                )
