"""Grey thresholds within a region."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isthmus.inference.thresholds import best_threshold, learn_deviations, threshold_at


def dice(values: np.ndarray, bright: np.ndarray, threshold: float) -> float:
    found = values > threshold
    return 2 * (found & bright).sum() / (found.sum() + bright.sum())


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 40), st.booleans()), min_size=2, max_size=60))
def test_no_other_threshold_is_better(pixels: list[tuple[int, bool]]) -> None:
    values, bright = (np.array(column) for column in zip(*pixels, strict=True))
    bright[0] = True
    best = dice(values, bright, best_threshold(values, bright))
    # All that is can be had but for the whole region, which no threshold within it gives.
    others = [dice(values, bright, t) for t in range(values.min(), values.max() + 1)]
    assert best >= max(others) - 1e-12


def test_what_two_tissues_part_is_found_at_any_exposure() -> None:
    draws = np.random.default_rng(0)
    cases = []
    for gain in (1.0, 3.0):
        bright = draws.random(4000) < 0.3
        cases.append((gain * (bright + 0.1 * draws.normal(size=4000)), bright))
    deviations = learn_deviations(cases)
    for values, bright in cases:
        assert dice(values, bright, threshold_at(values, deviations)) > 0.999
        assert dice(values, bright, best_threshold(values, bright)) > 0.999
    values = cases[0][0]
    assert threshold_at(values, 1.5) == pytest.approx(values.mean() + 1.5 * values.std())


def test_nothing_to_part() -> None:
    nothing, none = np.zeros(0), np.zeros(0, bool)
    assert best_threshold(nothing, none) == threshold_at(nothing, 1.0) == learn_deviations([]) == 0
    flat = np.full(5, 7.0)
    assert threshold_at(flat, learn_deviations([(flat, np.ones(5, bool))])) == 7
