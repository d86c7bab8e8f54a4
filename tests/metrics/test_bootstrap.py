"""Means with intervals: SciPy's bootstrap is the oracle."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from isthmus.core.errors import DataError
from isthmus.metrics import bootstrap_mean


@pytest.mark.parametrize("count", [20, 500])
def test_the_interval_is_scipys(count: int) -> None:
    values = np.random.default_rng(1).gamma(2.0, size=count)
    expected = stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(2)
    ).confidence_interval
    estimate = bootstrap_mean(values, resamples=20_000)
    tolerance = 0.03 * (expected.high - expected.low)
    assert estimate.mean == pytest.approx(values.mean())
    assert estimate.low == pytest.approx(expected.low, abs=tolerance)
    assert estimate.high == pytest.approx(expected.high, abs=tolerance)
    assert estimate.cases == count


def test_intervals_of_alike_groups_are_wider() -> None:
    generator = np.random.default_rng(0)
    groups = np.repeat(np.arange(20), 25)
    values = np.repeat(generator.normal(size=20), 25) + 0.1 * generator.normal(size=500)
    alone, grouped = bootstrap_mean(values), bootstrap_mean(values, groups)
    assert grouped.high - grouped.low > 3 * (alone.high - alone.low)
    assert grouped.mean == alone.mean
    assert grouped.low < grouped.mean < grouped.high


def test_groups_that_are_single_cases_change_nothing() -> None:
    values = np.random.default_rng(0).normal(size=50)
    names = np.array([f"patient {number:02d}" for number in range(50)])
    assert bootstrap_mean(values, names) == bootstrap_mean(values)


def test_groups_of_unequal_size_count_by_their_cases() -> None:
    values = np.concatenate([np.zeros(90), np.ones(10)])
    groups = np.concatenate([np.zeros(90), np.arange(1, 11)])
    estimate = bootstrap_mean(values, groups)
    assert estimate.mean == pytest.approx(0.1)  # of cases, not of groups
    # A draw without the great group has a mean of 1, one with it is near 0.1.
    assert estimate.low < 0.1
    assert estimate.high == 1


def test_it_is_the_same_every_time() -> None:
    values = np.random.default_rng(0).normal(size=30)
    assert bootstrap_mean(values) == bootstrap_mean(values)
    assert bootstrap_mean(values) != bootstrap_mean(values, seed=1)


@pytest.mark.parametrize(
    ("values", "groups"), [([3.0], None), ([2.0, 4.0], np.array(["one", "one"]))]
)
def test_one_case_or_group_has_no_interval(values: list[float], groups: np.ndarray | None) -> None:
    estimate = bootstrap_mean(np.array(values), groups)
    assert estimate.mean == 3
    assert np.isnan([estimate.low, estimate.high]).all()
    assert not estimate.has_interval
    assert str(estimate) == "3 [no interval]"


def test_no_case_is_refused() -> None:
    with pytest.raises(DataError, match="no case"):
        bootstrap_mean(np.array([]))


def test_equal_values_have_an_interval_of_no_width() -> None:
    assert str(bootstrap_mean(np.full(10, 2.5))) == "2.5 [2.5, 2.5]"
