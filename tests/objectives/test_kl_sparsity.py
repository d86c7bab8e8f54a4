"""The Kullback-Leibler penalty: its curve, its refusals, and the mean over the training set."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import rel_entr

from isthmus.core.errors import SettingError
from isthmus.networks import CODE_ACTIVATIONS, build_network
from isthmus.objectives import LOSSES, PENALTIES, Pass
from isthmus.objectives.kl_sparsity import bernoulli_kl
from isthmus.training import Equation
from support.trainings import Setup

SIGMOID = {"kind": "dense", "hidden_sizes": [6], "code_activation": "sigmoid"}
WHOLE = {"kind": "kl_sparsity", "weight": 1.0, "rho": 0.1, "mean_over": "training_set"}
inside = st.floats(0.001, 0.999)


def kl_by_scipy(rho, rho_hat):
    rho_hat = np.asarray(rho_hat)
    return rel_entr(rho, rho_hat) + rel_entr(1 - rho, 1 - rho_hat)


def of_codes(codes, **settings):
    penalty = PENALTIES.build({"kind": "kl_sparsity", "weight": 1.0, **settings})
    return penalty(Pass(None, codes, codes, codes, codes))


# -- the curve --------------------------------------------------------------------------------


@given(inside, inside, inside)
def test_grows_with_the_distance_on_each_side(rho, one, other):
    near, far = sorted((one, other), key=lambda rho_hat: abs(rho_hat - rho))
    if (near - rho) * (far - rho) < 0 or abs(far - near) < 1e-6:
        return
    at_rho, at_near, at_far = bernoulli_kl(
        rho, torch.tensor([rho, near, far], dtype=torch.float64)
    ).tolist()
    assert at_rho == 0
    assert at_near >= -1e-16
    assert at_far > at_near
    assert at_far == pytest.approx(kl_by_scipy(rho, far), rel=1e-9, abs=1e-15)


def test_finite_with_a_finite_gradient_everywhere():
    rho_hat = torch.tensor([0, 1e-45, 1e-38, 1e-20, 1e-7, 0.5, 1 - 6e-8, 1]).requires_grad_()
    for rho in (1e-6, 0.05, 0.999999):
        value = bernoulli_kl(rho, rho_hat)
        (gradient,) = torch.autograd.grad(value.sum(), rho_hat)
        assert torch.isfinite(value).all()
        assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("a", [-80, -40, -20, -10])
def test_units_that_are_all_but_silent_are_still_drawn(a):
    """By ∂Ω/∂a_n ≈ -ρ h_n / Σ h, however small h is."""
    a = torch.full((4, 1), float(a)).requires_grad_()
    of_codes(torch.sigmoid(a), rho=0.2).backward()
    torch.testing.assert_close(a.grad, torch.full((4, 1), -0.05), rtol=1e-3, atol=0)


def test_mean_over_the_batch_is_by_default(seeded):
    codes = torch.rand(7, 2, 3, generator=seeded(0))
    expected = kl_by_scipy(0.05, codes.double().mean(0)).sum()
    assert of_codes(codes).item() == pytest.approx(expected, rel=1e-5)
    # By convexity, batches of their own cost more.
    assert torch.stack([of_codes(half) for half in codes.split(4)]).mean() > of_codes(codes)


# -- refusals ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [kind for kind in CODE_ACTIVATIONS if kind != "sigmoid"])
def test_codes_beyond_0_and_1_are_refused(kind):
    network = build_network({**SIGMOID, "code_activation": kind}, (4,), 32, seed=0)
    with pytest.raises(SettingError) as caught:
        Equation(network, LOSSES.build("squared_error"), [PENALTIES.build(WHOLE)])
    assert str(caught.value) == (
        "The penalty 'kl_sparsity' needs codes in (0, 1), but the network's code activation is"
        f" '{kind}'; set code_activation = 'sigmoid', or choose the penalty 'l1'."
    )


@pytest.mark.parametrize("rho", [0, 1, -0.1, 1.5, math.nan, "few"])
def test_rho_beyond_0_and_1_is_refused(rho):
    with pytest.raises(SettingError, match=r"^penalty 'kl_sparsity': rho: "):
        PENALTIES.build({"kind": "kl_sparsity", "weight": 1.0, "rho": rho})


# -- mean over the training set ---------------------------------------------------------------


def test_value_and_mean_gradient_are_those_of_the_whole_set(seeded):
    """Exactly, though no step sees more than a batch with gradients."""
    x = torch.randn(70, 5, dtype=torch.float64, generator=seeded(0))
    network = build_network(SIGMOID, (5,), 3, seed=0).double()
    parameters = list(network.encoder.parameters())
    mean = network.encode(x).mean(0)
    expected = kl_by_scipy(0.1, mean.detach().numpy()).sum()
    # Up to a constant: -ρ log ρ̂ - (1 - ρ) log (1 - ρ̂).
    exact = torch.autograd.grad(-(0.1 * mean.log() + 0.9 * (1 - mean).log()).sum(), parameters)

    equation = Equation(network, LOSSES.build("squared_error"), [PENALTIES.build(WHOLE)])
    averages = [torch.zeros_like(parameter) for parameter in parameters]
    for batch in x[torch.randperm(70, generator=seeded(1))].split(16):
        equation.survey(x.split(32))
        value = equation(batch, batch, seeded(0)).parts["kl_sparsity"]
        assert value.item() == pytest.approx(expected, rel=1e-12)
        for average, gradient in zip(averages, torch.autograd.grad(value, parameters), strict=True):
            average += len(batch) / len(x) * gradient
    for average, gradient in zip(averages, exact, strict=True):
        torch.testing.assert_close(average, gradient, rtol=1e-11, atol=1e-14)


def test_value_is_not_rounded_by_the_batch():
    """A mean of 1e-6 over all samples, in a batch where the unit is busy."""
    penalty = PENALTIES.build(WHOLE)
    penalty.survey([torch.full((4, 1), 1e-6)])
    busy = torch.full((4, 1), 0.9).requires_grad_()
    value = penalty(Pass(None, busy, busy, busy, busy))
    assert value.item() == pytest.approx(kl_by_scipy(0.1, 1e-6).item(), rel=1e-6)


def run(setup, **penalty):
    setup = replace(setup, network=SIGMOID, corrupted=False, penalties=({**WHOLE, **penalty},))
    return setup.run()


@pytest.mark.parametrize("mean_over", ["training_set", "batch"])
def test_training_moves_every_mean_towards_rho(setup, mean_over):
    setup = setup.with_plan(epochs=20, learning_rate=0.03)
    x = torch.from_numpy(setup.images)

    def distances(**penalty):
        network, _ = run(setup, mean_over=mean_over, **penalty)
        with torch.no_grad():
            return (network.encode(x).mean(0) - 0.1).abs()

    assert (distances(weight=100.0) < 0.02).all()
    assert distances(weight=0.0).mean() > 0.1


def test_validation_is_by_the_mean_of_its_own_samples(setup, digits):
    held_out = digits[-37:]
    setup = replace(setup, held_out=held_out).with_plan(epochs=1)
    network, history = run(setup, weight=2.0)
    with torch.no_grad():
        mean = network.encode(torch.from_numpy(held_out)).double().mean(0)
    expected = 2 * kl_by_scipy(0.1, mean.numpy()).sum()
    assert history[0]["validation/kl_sparsity"] == pytest.approx(expected, rel=1e-5)
    assert history[0]["train/kl_sparsity"] != pytest.approx(expected, rel=1e-2)


@pytest.fixture
def setup(digits):
    return Setup(digits[:70])
