"""What every schedule keeps to, and the shape of the one cycle."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from isthmus.core.errors import SettingError
from isthmus.training import SCHEDULES
from isthmus.training.schedules import OneCycle

each = pytest.mark.parametrize("kind", list(SCHEDULES))
warmups = st.floats(0, 0.99)


@each
@given(progress=st.floats(0, 1))
def test_factor_lies_between_0_and_1_and_has_no_memory(kind, progress):
    schedule = SCHEDULES.build(kind)
    factor = schedule(progress)
    assert 0 <= factor <= 1
    schedule(1.0)
    schedule(0.0)
    assert schedule(progress) == factor == SCHEDULES.build(kind)(progress)


@each
def test_reaches_the_full_rate_without_leaps(kind):
    factors = [SCHEDULES.build(kind)(step / 10_000) for step in range(10_001)]
    assert max(factors) == pytest.approx(1, abs=1e-6)
    assert np.abs(np.diff(factors)).max() < 0.01


@given(progress=st.floats(0, 1))
def test_constant_is_1(progress):
    assert SCHEDULES.build("constant")(progress) == 1


@given(warmup=warmups)
def test_one_cycle_starts_low_peaks_at_the_warmup_and_ends_at_0(warmup):
    schedule = OneCycle(warmup=warmup)
    assert schedule(0.0) == pytest.approx(1 if warmup == 0 else 1 / 25)
    assert schedule(warmup) == pytest.approx(1)
    assert schedule(1.0) == pytest.approx(0, abs=1e-12)


@given(warmup=warmups, pair=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_one_cycle_goes_up_then_down(warmup, pair):
    early, late = sorted(pair)
    schedule = OneCycle(warmup=warmup)
    if late < warmup:
        assert schedule(early) <= schedule(late) + 1e-12
    elif early >= warmup:
        assert schedule(early) >= schedule(late) - 1e-12


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
def test_one_cycle_agrees_with_torch(share):
    steps = 200
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    oracle = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        1.0,
        total_steps=steps,
        pct_start=share,
        final_div_factor=1e9,
        cycle_momentum=False,
    )
    expected = []
    for _ in range(steps):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the last step is one too many
            oracle.step() if len(expected) < steps else None
    # Torch's way up ends a step before `share`.
    schedule = OneCycle(warmup=(share * steps - 1) / (steps - 1))
    ours = [schedule(step / (steps - 1)) for step in range(steps)]
    np.testing.assert_allclose(ours, expected, atol=1e-8)


def test_warmup_without_0_is_the_cosine_schedule():
    schedule = OneCycle(warmup=0)
    for progress in (0, 0.25, 0.5, 1):
        assert schedule(progress) == pytest.approx((1 + np.cos(np.pi * progress)) / 2)


@pytest.mark.parametrize("warmup", [-0.1, 1, 2])
def test_warmup_out_of_range_is_refused(warmup):
    with pytest.raises(SettingError, match="schedule 'one_cycle': warmup: "):
        SCHEDULES.build({"kind": "one_cycle", "warmup": warmup})
