from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.core.errors import DataError, SettingError
from isthmus.data import DataSet, PairSet, Split, split
from isthmus.data.pairs import PARTS


def parts(result: Split) -> list[np.ndarray]:
    return [result.train, result.validation, result.test]


def data_set(count: int, **fields: object) -> DataSet:
    return DataSet("numbers", np.arange(count)[:, None], **fields)  # type: ignore[arg-type]


@given(
    groups=st.lists(st.integers(0, 12), min_size=1, max_size=80),
    validation=st.floats(0, 0.3),
    test=st.floats(0, 0.3),
    seed=st.integers(0, 2**32),
)
def test_splits_are_disjoint_covering_repeatable_and_keep_groups(
    groups: list[int], validation: float, test: float, seed: int
) -> None:
    names = np.array(groups)
    data = data_set(len(names), groups=names)
    if len(set(groups)) < 1 + (validation > 0) + (test > 0):
        with pytest.raises(DataError, match="too few"):
            split(data, validation=validation, test=test, random_state=seed)
        return
    result = split(data, validation=validation, test=test, random_state=seed)
    again = split(data, validation=validation, test=test, random_state=seed)
    for part, same in zip(parts(result), parts(again), strict=True):
        np.testing.assert_array_equal(part, same)
        assert part.dtype == np.int64
        assert (np.diff(part) > 0).all()
    assert sorted(np.concatenate(parts(result))) == list(range(len(names)))
    groups_of = [set(names[part]) for part in parts(result)]
    assert sum(len(each) for each in groups_of) == len(set(groups))
    assert (len(result.validation) > 0) == (validation > 0)
    assert (len(result.test) > 0) == (test > 0)


def test_sizes_and_seeds() -> None:
    data = data_set(1000)
    first, second = split(data), split(data, random_state=1)
    assert [len(part) for part in parts(first)] == [700, 100, 200]
    assert not np.array_equal(first.test, second.test)


def test_the_order_of_groups_in_the_data_does_not_matter() -> None:
    names = np.repeat(["p1", "p2", "p3", "p4", "p5"], 4)
    shuffled = np.random.default_rng(0).permutation(names)
    tested = [set(n[split(data_set(20, groups=n)).test]) for n in (names, shuffled)]
    assert tested[0] == tested[1]


def test_a_given_test_part_is_used() -> None:
    fixed = np.arange(100) >= 80
    result = split(data_set(100, predefined_test=fixed), validation=0.25, test=0.5)
    assert result.test.tolist() == list(range(80, 100))
    assert len(result.validation) == 20


def test_faults_of_a_given_test_part() -> None:
    half = np.arange(4) >= 2
    with pytest.raises(DataError, match="group 'b' lies in the test part and outside"):
        split(data_set(4, predefined_test=half, groups=np.array(list("abbc"))))
    with pytest.raises(DataError, match="its test part is empty"):
        split(data_set(4, predefined_test=np.zeros(4, bool)))
    with pytest.raises(DataError, match="0 samples are too few"):
        split(data_set(4, predefined_test=np.ones(4, bool)))


@pytest.mark.parametrize(
    ("fractions", "message"),
    [
        ({"validation": 0.5, "test": 0.5}, "leave nothing to train on"),
        ({"validation": -0.1}, "validation=-0.1"),
        ({"test": 1.0}, "test=1.0"),
        ({"test": float("nan")}, "test=nan"),
        ({"random_state": -1}, "random_state=-1 is negative"),
    ],
)
def test_impossible_settings(fractions: dict[str, float], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        split(data_set(10), **fractions)  # type: ignore[arg-type]


def test_too_few() -> None:
    with pytest.raises(DataError, match="numbers: 2 samples are too few"):
        split(data_set(2))
    with pytest.raises(DataError, match="2 groups are too few"):
        split(data_set(10, groups=np.arange(10) % 2))


def pairs(parts: list[str] | None = None, groups: list[str] | None = None) -> PairSet:
    count = len(parts or groups or range(30))
    return PairSet(
        "slices",
        (np.zeros((2, 3), np.uint8),) * count,
        (np.zeros((2, 3), np.int16),) * count,
        tuple(f"em{number:02d}" for number in range(count)),
        ("cell", "membrane"),
        groups=None if groups is None else np.array(groups),
        predefined=None if parts is None else np.array(parts),
    )


def test_parts_by_names() -> None:
    for data in (pairs(), data_set(30, names=pairs().names)):
        result = split(data, validation=["em2[0-4]"], test=["em2[5-8]*", "em29"])
        assert [part.tolist() for part in parts(result)] == [
            list(range(20)),
            list(range(20, 25)),
            list(range(25, 30)),
        ]
    mixed = split(pairs(), validation=0.25, test=["em1*"])
    assert mixed.test.tolist() == list(range(10, 20))
    assert len(mixed.validation) == 5


def test_all_parts_of_pairs_are_used_as_given() -> None:
    given = [*["train"] * 4, *["validation"] * 2, *["test"] * 3]
    for fractions in ({}, {"validation": 0.5, "test": 0.4}, {"validation": 0.0, "test": 0.0}):
        result = split(pairs(given), **fractions)  # type: ignore[arg-type]
        assert [len(part) for part in parts(result)] == [4, 2, 3]
    result = split(pairs([*["train"] * 8, "test"]), validation=0.25)
    assert [len(part) for part in parts(result)] == [6, 2, 1]


@given(
    marks=st.lists(
        st.tuples(st.sampled_from(["train", "validation", "test"]), st.integers(0, 5)),
        min_size=1,
        max_size=20,
    )
)
def test_given_parts_never_separate_a_group(marks: list[tuple[str, int]]) -> None:
    words, groups = zip(*marks, strict=True)
    data = pairs(list(words), [str(group) for group in groups])
    groups_of = [{g for word, g in marks if word == part} for part in PARTS]
    torn = (groups_of[1] | groups_of[0]) & groups_of[2] or groups_of[0] & groups_of[1]
    if torn or not groups_of[0]:
        with pytest.raises(DataError, match=r"lies in the|too few"):
            split(data, validation=0.0, test=0.0)
        return
    result = split(data, validation=0.0, test=0.0)
    for part, word in zip(parts(result), PARTS, strict=True):
        assert part.tolist() == [place for place, mark in enumerate(words) if mark == word]


def test_faults_of_patterns() -> None:
    with pytest.raises(DataError, match=r"slices, test: no name matches 'x\*'; .* 'em00'"):
        split(pairs(), test=["em2*", "x*"])
    with pytest.raises(DataError, match="'em20' would be in the validation and in the test part"):
        split(pairs(), validation=["em2*"], test=["em20"])
    with pytest.raises(SettingError, match="slices brings its own test part"):
        split(pairs(["train", "train", "test"]), test=["em0*"])
    with pytest.raises(DataError, match="numbers has no names; give test as a fraction"):
        split(data_set(10), test=["a"])
    with pytest.raises(DataError, match="group 'b' lies in the validation part and outside"):
        split(pairs(groups=["a", "b", "b"]), validation=["em01"])
    with pytest.raises(DataError, match="would be in the validation"):
        split(pairs(["train", "train", "test"]), validation=["em*"])


@given(
    groups=st.lists(st.integers(0, 12), min_size=6, max_size=60),
    count=st.integers(2, 5),
    test=st.sampled_from([0.0, 0.3]),
    seed=st.integers(0, 2**32),
)
def test_folds_part_all_but_the_test_part_by_group(
    groups: list[int], count: int, test: float, seed: int
) -> None:
    names = np.array(groups)
    data = data_set(len(names), groups=names)
    units = len(set(groups))
    if units < 3:
        return
    tested = max(1, round(test * units)) if test else 0
    settings = {"validation": 0.1, "test": test, "random_state": seed}
    if tested + 1 >= units:
        return
    if units - tested < count:
        with pytest.raises(DataError, match="too few for"):
            split(data, fold=(1, count), **settings)
        return
    found = [split(data, fold=(number, count), **settings) for number in range(1, count + 1)]
    whole = split(data, **settings)
    held = [each.validation if test else each.test for each in found]
    assert sorted(np.concatenate([*held, whole.test])) == list(range(len(names)))
    sizes = [len(set(names[part])) for part in held]
    assert max(sizes) - min(sizes) <= 1
    for each in found:
        assert sorted(np.concatenate(parts(each))) == list(range(len(names)))
        assert sum(len(set(names[part])) for part in parts(each)) == units
        if test:
            np.testing.assert_array_equal(each.test, whole.test)


@pytest.mark.parametrize("fold", [(0, 3), (4, 3), (1, 1)])
def test_a_fold_that_is_none(fold: tuple[int, int]) -> None:
    with pytest.raises(SettingError, match=r"give \[k, n\] with k from 1 to n"):
        split(data_set(20), fold=fold)
