from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.core.errors import DataError, SettingError
from isthmus.data import DataSet, Split, split


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
