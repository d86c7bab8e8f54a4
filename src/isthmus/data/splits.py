"""Splits into training, validation and test samples that never separate a group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError, SettingError
from isthmus.data.dataset import DataSet
from isthmus.data.pairs import PARTS, PairSet

Share = float | Sequence[str]


@dataclass(frozen=True, eq=False)
class Split:
    """Sorted sample indices (int64) of three disjoint parts that cover the data set."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]


def split(
    dataset: DataSet | PairSet,
    *,
    validation: Share = 0.1,
    test: Share = 0.2,
    fold: tuple[int, int] | None = None,
    random_state: int = 0,
) -> Split:
    """Divide a data set, with the same result for the same `random_state`.

    A validation or test part that the data set brings along is used as it is, whatever fraction is
    given. Samples may also be chosen by name. What is drawn from the others are groups, or single
    samples where there are no groups; the fractions count these.

    Parameters
    ----------
    dataset
        The data set.
    validation, test
        Fractions in [0, 1), together less than 1, of which one above 0 draws at least one; or
        patterns of names, such as ``["em2[0-4]*"]``.
    fold
        (k, n): all that is not in the test part is cut into n folds, of which the k-th is the
        validation part; or, where there is no test part, the test part.
    random_state
        Seed, 0 or larger.

    Raises
    ------
    SettingError
        If the fractions or the seed cannot be used, or a pattern stands for a part that the data
        set brings along.
    DataError
        If there are too few samples or groups, a pattern matches nothing, or a part cuts a group.
    """
    shares = dict(zip(PARTS[1:], (validation, test), strict=True))
    fractions = [share if isinstance(share, int | float) else 0.0 for share in shares.values()]
    _check_settings(fractions[0], fractions[1], random_state)
    given = _given_parts(dataset)
    for part, share in enumerate(shares.values(), 1):
        if not isinstance(share, int | float):
            _choose(dataset, given, part, share)
    unit_of, unit_part = _units(dataset, given)
    free = np.flatnonzero(unit_part == 0)
    order = free[np.random.default_rng(random_state).permutation(len(free))]
    held_out, tested = (
        0 if part in unit_part else _count(fraction, len(free))
        for part, fraction in enumerate(fractions, 1)
    )
    if held_out + tested >= len(free):
        unit = "samples" if dataset.groups is None else "groups"
        raise DataError(
            f"{dataset.name}: {len(free)} {unit} are too few to divide with validation={validation}"
            f" and test={test}; add data or set a fraction to 0."
        )
    unit_part[order[:tested]] = 2
    unit_part[order[tested : tested + held_out]] = 1
    if fold is not None:
        _hold_out(unit_part, fold, random_state, dataset.name)
    return Split(*(np.flatnonzero(unit_part[unit_of] == part) for part in range(3)))


def matching(names: Sequence[str], patterns: Sequence[str], where: str) -> NDArray[np.bool_]:
    """Which of the names ``(N,)`` match one of the patterns, of which each must match some.

    Raises
    ------
    DataError
        If a pattern matches nothing; `where` says what the names are those of.
    """
    found = np.array([[fnmatchcase(name, each) for name in names] for each in patterns], np.bool_)
    found = found.reshape(len(patterns), len(names))
    for pattern, matches in zip(patterns, found, strict=True):
        if not matches.any():
            raise DataError(
                f"{where}: no name matches '{pattern}'; the names are such as '{names[0]}', without"
                " suffix for pairs."
            )
    return np.asarray(found.any(0))


def _check_settings(validation: float, test: float, random_state: int) -> None:
    if not (0 <= validation < 1 and 0 <= test < 1 and validation + test < 1):
        raise SettingError(
            f"validation={validation} and test={test} leave nothing to train on;"
            " choose fractions from 0 that add up to less than 1."
        )
    if random_state < 0:
        raise SettingError(f"random_state={random_state} is negative; choose 0 or larger.")


def _count(fraction: float, total: int) -> int:
    return max(1, round(fraction * total)) if fraction > 0 else 0


def _hold_out(
    unit_part: NDArray[np.int64], fold: tuple[int, int], random_state: int, name: str
) -> None:
    """Make a fold of the units without a test part the validation part, or else the test part."""
    number, count = fold
    free = np.flatnonzero(unit_part != 2)
    if not 1 <= number <= count or count < 2:
        raise SettingError(f"fold={list(fold)} is none; give [k, n] with k from 1 to n, n above 1.")
    if count > len(free):
        raise DataError(f"{name}: {len(free)} samples or groups are too few for {count} folds.")
    order = np.random.default_rng((random_state, 1)).permutation(free)
    tested = len(free) < len(unit_part)
    if tested:
        unit_part[free] = 0
    unit_part[order[number - 1 :: count]] = 1 if tested else 2


def _given_parts(dataset: DataSet | PairSet) -> NDArray[np.int64]:
    """The part of each sample that the data set brings along: 1 validation, 2 test, else 0."""
    if isinstance(dataset, PairSet):
        if dataset.predefined is None:
            return np.zeros(len(dataset), np.int64)
        return np.array([PARTS.index(part) for part in dataset.predefined])
    if dataset.predefined_test is None:
        return np.zeros(len(dataset), np.int64)
    if not dataset.predefined_test.any():
        raise DataError(
            f"{dataset.name}: its test part is empty; mark some samples, or give no test part."
        )
    return 2 * dataset.predefined_test.astype(np.int64)


def _choose(
    dataset: DataSet | PairSet, given: NDArray[np.int64], part: int, patterns: Sequence[str]
) -> None:
    """Put the samples of some names into a part."""
    if part in given:
        raise SettingError(
            f"{dataset.name} brings its own {PARTS[part]} part; remove the patterns for it."
        )
    if dataset.names is None:
        raise DataError(f"{dataset.name} has no names; give {PARTS[part]} as a fraction.")
    chosen = matching(dataset.names, patterns, f"{dataset.name}, {PARTS[part]}")
    twice = np.flatnonzero(chosen & (given > 0))
    if len(twice):
        raise DataError(
            f"{dataset.name}: '{dataset.names[twice[0]]}' would be in the validation and in the"
            " test part; make the patterns narrower."
        )
    given[chosen] = part


def _units(
    dataset: DataSet | PairSet, given: NDArray[np.int64]
) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Unit (group or sample) of each sample, and the given part of each unit."""
    names: NDArray[Any] = np.arange(len(dataset)) if dataset.groups is None else dataset.groups
    unique, unit_of = np.unique(names, return_inverse=True)
    unit_part = np.zeros(len(unique), np.int64)
    for part in (1, 2):
        torn = np.intersect1d(unit_of[given == part], unit_of[given != part])
        if len(torn):
            raise DataError(
                f"{dataset.name}: the group '{unique[torn[0]]}' lies in the {PARTS[part]} part and"
                " outside of it; move all its samples to one side."
            )
        unit_part[unit_of[given == part]] = part
    return unit_of, unit_part
