"""Splits into training, validation and test samples that never separate a group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError, SettingError
from isthmus.data.dataset import DataSet


@dataclass(frozen=True, eq=False)
class Split:
    """Sorted sample indices (int64) of three disjoint parts that cover the data set."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]


def split(
    dataset: DataSet, *, validation: float = 0.1, test: float = 0.2, random_state: int = 0
) -> Split:
    """Divide a data set at random, with the same result for the same `random_state`.

    What is drawn are groups, or single samples where there are no groups; the fractions count
    these. A test part that the data set brings along is used as it is: `test` is then ignored, and
    `validation` is a fraction of the rest.

    Parameters
    ----------
    dataset
        The data set.
    validation, test
        Fractions in [0, 1); together less than 1. A fraction above 0 draws at least one.
    random_state
        Seed, 0 or larger.

    Raises
    ------
    SettingError
        If the fractions or the seed cannot be used.
    DataError
        If there are too few samples or groups, or the test part of the data set cuts a group.
    """
    _check_settings(validation, test, random_state)
    unit_of, fixed_test = _units(dataset)
    free = np.flatnonzero(~fixed_test)
    if dataset.predefined_test is not None:
        test = 0.0
    order = free[np.random.default_rng(random_state).permutation(len(free))]
    test_count = _count(test, len(free))
    validation_count = _count(validation, len(free))
    if test_count + validation_count >= len(free):
        unit = "samples" if dataset.groups is None else "groups"
        raise DataError(
            f"{dataset.name}: {len(free)} {unit} are too few to divide with validation={validation}"
            f" and test={test}; add data or set a fraction to 0."
        )
    part = np.zeros(len(fixed_test), np.int64)
    part[fixed_test] = 2
    part[order[:test_count]] = 2
    part[order[test_count : test_count + validation_count]] = 1
    train, held_out, tested = (np.flatnonzero(part[unit_of] == index) for index in range(3))
    return Split(train, held_out, tested)


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


def _units(dataset: DataSet) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Unit (group or sample) of each sample, and whether each unit is in the given test part."""
    names: NDArray[Any] = np.arange(len(dataset)) if dataset.groups is None else dataset.groups
    unique, unit_of = np.unique(names, return_inverse=True)
    fixed = np.zeros(len(unique), np.bool_)
    if dataset.predefined_test is not None:
        if not dataset.predefined_test.any():
            raise DataError(
                f"{dataset.name}: its test part is empty; mark some samples, or give no test part."
            )
        fixed[unit_of[dataset.predefined_test]] = True
        torn = np.intersect1d(unit_of[dataset.predefined_test], unit_of[~dataset.predefined_test])
        if len(torn):
            raise DataError(
                f"{dataset.name}: the group '{unique[torn[0]]}' lies in the test part and outside"
                " of it; move all its samples to one side."
            )
    return unit_of, fixed
