from __future__ import annotations

import numpy as np
import pytest

from isthmus.recipes.evaluation import Evaluation, baseline_of


@pytest.mark.parametrize(
    ("methods", "baseline"),
    [
        (["model", "untrained network", "PCA"], "PCA"),
        (["model", "untrained network", "Otsu + watershed"], "Otsu + watershed"),
        (["model", "untrained network"], "untrained network"),
        (["model"], None),
    ],
)
def test_a_model_has_the_baseline_that_it_should_beat(
    methods: list[str], baseline: str | None
) -> None:
    assert baseline_of(methods) == baseline


def test_differences_are_taken_sample_by_sample() -> None:
    generator = np.random.default_rng(0)
    hard = generator.normal(size=200) * 100  # some samples are, for both
    ours = {"model": {"error": hard + 1, "other": hard, "none": np.full(200, np.nan)}}
    theirs = {"model": {"error": hard, "none": hard}}
    first, second = Evaluation(ours, None, "x", {}), Evaluation(theirs, None, "x", {})
    found = first.minus(second)
    assert found is not None
    assert list(found) == ["error"]
    assert found["error"].low == pytest.approx(1)
    assert found["error"].high == pytest.approx(1)
    assert first.minus(Evaluation(theirs, None, "y", {})) is None
