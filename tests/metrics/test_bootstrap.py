"""Means with intervals: SciPy's bootstrap is the oracle."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from isthmus.core.errors import DataError
from isthmus.metrics import bootstrap_mean, bootstrap_mean_of_seeds


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


# -- several trainings ------------------------------------------------------------------------


def crossed(
    generator: np.random.Generator, seeds: int, cases: int, of_seed: float, of_case: float
) -> np.ndarray:
    """Values ``(seeds, cases)`` with mean 0: effects of the training, of the case, and of both."""
    by_seed = of_seed * generator.normal(size=(seeds, 1))
    by_case = of_case * generator.normal(size=(1, cases))
    return by_seed + by_case + 0.5 * generator.normal(size=(seeds, cases))


def test_one_training_is_resampled_as_its_samples_are() -> None:
    values = np.random.default_rng(0).gamma(2.0, size=200)
    groups = np.arange(200) // 5
    assert bootstrap_mean_of_seeds(values[None]) == bootstrap_mean(values)
    assert bootstrap_mean_of_seeds(values[None], groups) == bootstrap_mean(values, groups)


def test_trainings_that_agree_add_nothing_to_the_interval() -> None:
    values = np.random.default_rng(0).gamma(2.0, size=200)
    np.testing.assert_allclose(
        bootstrap_mean_of_seeds(np.stack([values] * 3)), bootstrap_mean(values)
    )


@pytest.mark.parametrize(
    ("of_seed", "of_case"), [(0.0, 1.0), (0.1, 1.0), (0.1, 0.1), (0.0, 0.0)], ids=str
)
def test_the_variance_is_that_of_other_trainings_on_other_samples(
    of_seed: float, of_case: float
) -> None:
    """The interval, were it normal, against the spread of the means of fresh experiments."""
    generator = np.random.default_rng(0)
    many = [crossed(generator, 3, 150, of_seed, of_case) for _ in range(300)]
    spread = np.std([values.mean() for values in many])
    found = [bootstrap_mean_of_seeds(values, resamples=200) for values in many[:100]]
    # The squares, since those have no bias.
    width = np.sqrt(np.mean([((one.high - one.low) / (2 * 1.96)) ** 2 for one in found]))
    # What is of both counts three times where there is nothing else (Owen 2007).
    assert 0.85 * spread < width < (1.3 if of_seed or of_case else 1.9) * spread


@pytest.mark.parametrize(
    ("seeds", "of_seed", "least"), [(3, 0.0, 0.92), (3, 0.05, 0.92), (8, 0.2, 0.85)]
)
def test_the_interval_covers_the_truth(seeds: int, of_seed: float, least: float) -> None:
    generator = np.random.default_rng(1)
    covered = []
    for _ in range(200):
        values = crossed(generator, seeds, 150, of_seed, 1.0)
        estimate = bootstrap_mean_of_seeds(values, resamples=300)
        covered.append(estimate.low <= 0 <= estimate.high)
    assert np.mean(covered) >= least
    # Of the samples alone it would be too narrow where the trainings differ.
    if of_seed >= 0.2:
        alone = [
            bootstrap_mean(crossed(generator, seeds, 150, of_seed, 0.0).mean(0), resamples=300)
            for _ in range(100)
        ]
        assert np.mean([one.low <= 0 <= one.high for one in alone]) < 0.6


def test_groups_are_drawn_whole_for_all_trainings() -> None:
    generator = np.random.default_rng(0)
    values = np.repeat(generator.normal(size=(3, 20)), 25, axis=1)
    groups = np.repeat(np.arange(20), 25)
    alone, grouped = bootstrap_mean_of_seeds(values), bootstrap_mean_of_seeds(values, groups)
    assert grouped.high - grouped.low > 1.3 * (alone.high - alone.low)
    assert grouped.mean == alone.mean
    assert grouped.cases == alone.cases == 500


def test_many_cases_are_drawn_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    values = crossed(np.random.default_rng(0), 3, 70, 0.3, 1.0)
    whole = bootstrap_mean_of_seeds(values)
    monkeypatch.setattr("isthmus.metrics.bootstrap._DRAWN_AT_ONCE", 150)
    parted = bootstrap_mean_of_seeds(values)
    assert parted.low == pytest.approx(whole.low, abs=0.05)
    assert parted.high == pytest.approx(whole.high, abs=0.05)
    assert bootstrap_mean(values[0]).low == pytest.approx(bootstrap_mean_of_seeds(values[:1]).low)


def test_one_sample_has_no_interval_however_often_trained() -> None:
    estimate = bootstrap_mean_of_seeds(np.array([[1.0], [3.0]]))
    assert (estimate.mean, estimate.cases, estimate.has_interval) == (2, 1, False)


@pytest.mark.parametrize("shape", [(3,), (0, 5), (3, 0), (2, 2, 2)])
def test_what_is_not_trainings_by_samples_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match=r"\(S, N\)"):
        bootstrap_mean_of_seeds(np.ones(shape))
