from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import pearsonr

from isthmus.core.errors import DataError
from isthmus.metrics import agreement, bootstrap_mean, bootstrap_statistic


@pytest.fixture
def pairs() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    true = rng.uniform(50, 200, 40)
    return true + 3 + rng.normal(0, 5, 40), true


def test_bias_and_limits_are_those_of_the_differences(pairs: tuple[np.ndarray, np.ndarray]) -> None:
    measured, true = pairs
    found, d = agreement(measured, true), measured - true
    assert found.bias.mean == pytest.approx(d.mean())
    assert found.upper.mean - found.lower.mean == pytest.approx(2 * 1.96 * np.std(d, ddof=1))
    assert found.absolute_error.mean == pytest.approx(np.abs(d).mean())
    assert found.bias.low < 3 < found.bias.high


def test_correlation_is_scipys(pairs: tuple[np.ndarray, np.ndarray]) -> None:
    assert agreement(*pairs).correlation.mean == pytest.approx(pearsonr(*pairs).statistic)


def test_concordance_is_one_only_for_equal_values(pairs: tuple[np.ndarray, np.ndarray]) -> None:
    _, true = pairs
    assert agreement(true, true).concordance.mean == pytest.approx(1)
    shifted, scaled = agreement(true + 10, true), agreement(2 * true, true)
    assert shifted.correlation.mean == scaled.correlation.mean == pytest.approx(1)
    # Lin (1989): of a mere shift by u, 2 s² / (2 s² + u²)
    assert shifted.concordance.mean == pytest.approx(2 * true.var() / (2 * true.var() + 100))
    assert scaled.concordance.mean < 0.6


def test_whole_patients_are_drawn(pairs: tuple[np.ndarray, np.ndarray]) -> None:
    measured, true = (np.repeat(values[:8], 5) for values in pairs)
    alone = agreement(measured, true)
    grouped = agreement(measured, true, np.repeat(np.arange(8), 5))
    assert grouped.bias.mean == alone.bias.mean
    assert grouped.bias.high - grouped.bias.low > 1.5 * (alone.bias.high - alone.bias.low)


def test_values_that_never_change_have_no_correlation() -> None:
    found = agreement([1, 1, 1], [1, 2, 3])
    assert np.isnan(found.correlation.mean)
    assert found.concordance.mean == 0


@pytest.mark.parametrize(
    ("measured", "true", "fault"),
    [
        ([1, 2], [1, 2, 3], "one length"),
        ([1], [1], "two cases at least"),
        ([1, np.nan], [1, 2], "finite numbers"),
    ],
)
def test_what_cannot_be_compared_is_refused(measured: list, true: list, fault: str) -> None:
    with pytest.raises(DataError, match=fault):
        agreement(measured, true)


def test_the_bootstrap_of_a_mean_is_that_of_any_statistic() -> None:
    values, groups = np.random.default_rng(1).normal(size=60), np.repeat(np.arange(12), 5)
    any_statistic = bootstrap_statistic(np.mean, values, groups, resamples=4000)
    mean = bootstrap_mean(values, groups, resamples=4000)
    assert any_statistic == pytest.approx(mean, abs=0.02)
    assert np.isnan(bootstrap_statistic(np.mean, values[:1]).low)
