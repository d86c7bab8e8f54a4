"""What `make outliers` measures by: against scikit-learn."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(FOLDER)
    import outliers

    return outliers


@pytest.mark.parametrize("levels", [5, 1000])
def test_a_ranking_is_that_of_scikit_learn(benchmark: ModuleType, levels: int) -> None:
    generator = np.random.default_rng(levels)
    outlier = generator.random(300) < 0.2
    scores = generator.integers(0, levels, 300) + outlier * levels / 4
    for weights in (np.ones(300), *benchmark.draws(outlier, 3)):
        found = benchmark.Ranking(scores, outlier)(weights)
        kept = {"sample_weight": weights}
        assert found[0] == pytest.approx(roc_auc_score(outlier, scores, **kept))
        assert found[1] == pytest.approx(average_precision_score(outlier, scores, **kept))


def test_draws_keep_the_classes(benchmark: ModuleType) -> None:
    strata = np.repeat([0, 1], [90, 10])
    drawn = benchmark.draws(strata, 50)
    assert (drawn[0] == 1).all()
    assert (drawn[:, :90].sum(1) == 90).all()
    assert (drawn[:, 90:].sum(1) == 10).all()
    assert drawn[1:].std() > 0.5


@pytest.mark.parametrize("contaminated", [False, True])
def test_no_row_is_trained_on_and_scored(benchmark: ModuleType, contaminated: bool) -> None:
    outlier = np.arange(100) % 10 == 0
    train, test = benchmark._part(outlier, contaminated, 0)
    assert sorted([*train, *test]) == list(range(100))
    assert outlier[train].sum() == (6 if contaminated else 0)
    assert len(train) == (60 if contaminated else 45)
