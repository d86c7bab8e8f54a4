"""The divergence of a Gaussian code from N(0, I)."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Normal, kl_divergence

from isthmus.core.errors import SettingError
from isthmus.networks import build_network
from isthmus.objectives import LOSSES, PENALTIES, Pass
from isthmus.objectives.gaussian_kl import gaussian_kl
from isthmus.training import Equation

GAUSSIAN = {"kind": "dense", "hidden_sizes": [], "code_activation": "gaussian"}


def divergence(weight=1.0, **settings):
    return PENALTIES.build({"kind": "gaussian_kl", "weight": weight, **settings})


@pytest.fixture
def network():
    return build_network(GAUSSIAN, (4,), 3, seed=0)


@pytest.fixture
def x(seeded):
    return torch.randn(50, 4, generator=seeded(0))


def passed(network, x):
    return Pass(network, x, *network.trace(x), x)


def unit_divergences(network, x):
    """By torch.distributions."""
    network.encode(x)
    code = network.code_activation
    q = Normal(code.mean, (code.log_variance / 2).exp())
    return kl_divergence(q, Normal(0.0, 1.0)).mean(0)


@given(mean=st.floats(-5, 5), log_variance=st.floats(-6, 4))
def test_closed_form_is_that_of_torch_and_never_negative(mean, log_variance):
    mu, lv = (torch.tensor(value, dtype=torch.float64) for value in (mean, log_variance))
    value = gaussian_kl(mu, lv)
    expected = kl_divergence(Normal(mu, (lv / 2).exp()), Normal(0.0, 1.0))
    torch.testing.assert_close(value, expected)
    assert value >= -1e-12


def test_monte_carlo_agrees(seeded):
    """E_q[log q(h) - log p(h)], p second: the other way round gives another number."""
    mean, std = torch.tensor(0.7), torch.tensor(0.5)
    q, p = Normal(mean, std), Normal(torch.tensor(0.0), torch.tensor(1.0))
    h = mean + std * torch.randn(400_000, generator=seeded(0))
    estimate = (q.log_prob(h) - p.log_prob(h)).mean()
    value = gaussian_kl(mean, 2 * std.log())
    assert value.item() == pytest.approx(estimate.item(), abs=0.01)
    assert abs(value.item() - kl_divergence(p, q).item()) > 0.5


def test_value_is_the_sum_over_units_of_the_mean_over_samples(network, x):
    value = divergence()(passed(network, x))
    torch.testing.assert_close(value, unit_divergences(network, x).sum())


def test_free_nats_hold_each_unit_up(network, x):
    units = unit_divergences(network, x).detach()
    free = float(units.median()) + 1e-4
    value = divergence(free_nats=free)(passed(network, x))
    torch.testing.assert_close(value, units.clamp(min=free).sum())
    value.backward()
    gradients = network.encoder[0].weight.grad.reshape(2, 3, 4).abs().sum((0, 2))
    assert (gradients > 0).tolist() == (units > free).tolist()


def test_weight_grows_evenly_and_is_full_in_validation(network, x, seeded):
    penalty = divergence(weight=2.0, warmup=0.5)
    factors = [penalty.factor(progress) for progress in (0, 0.1, 0.25, 0.5, 1)]
    assert factors == pytest.approx([0, 0.4, 1, 2, 2])
    equation = Equation(network, LOSSES.build("squared_error"), [penalty])
    parts = [equation(x, x, seeded(0), None, *late).parts for late in ((0.25,), (), (1.0,))]
    begun, default, late = (part["gaussian_kl"].item() for part in parts)
    assert (2 * begun, default) == pytest.approx((late, late))


def test_other_codes_are_refused():
    network = build_network({**GAUSSIAN, "code_activation": "tanh"}, (4,), 3, seed=0)
    with pytest.raises(SettingError) as caught:
        Equation(network, LOSSES.build("squared_error"), [divergence()])
    assert str(caught.value) == (
        "The penalty 'gaussian_kl' needs the code activation 'gaussian', but the network has"
        " 'tanh'; use the model 'variational_autoencoder'."
    )
