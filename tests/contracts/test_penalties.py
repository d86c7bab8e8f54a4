"""What every penalty keeps to, on a network with a vector code and one with a map as its code."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from isthmus.core.errors import SettingError
from isthmus.networks import build_network
from isthmus.networks.classifier import Centres, Classified, Head
from isthmus.objectives import LOSSES, PENALTIES, Pass
from isthmus.training import Equation

NETWORKS = {
    "vector": ({"kind": "dense", "hidden_sizes": (5,), "code_activation": "sigmoid"}, 3),
    "map": ({"kind": "convolutional", "channels": (2,), "code_activation": "sigmoid"}, (2, 3, 2)),
}
each = pytest.mark.parametrize("kind", list(PENALTIES))
each_network = pytest.mark.parametrize("code", list(NETWORKS))


def network_and_samples(code, kind=None):
    """A network that the penalty is defined for and has something to say about."""
    spec, code_size = NETWORKS[code]
    if kind == "revival":
        spec = {**spec, "code_activation": {"kind": "top_k", "active": 1}}
    if kind == "gaussian_kl":
        spec = {**spec, "code_activation": "gaussian"}
    if kind == "deep_supervision":
        spec, code_size = {"kind": "unet", "channels": (2, 3), "side_outputs": True}, 4
    network = build_network(spec, (5, 4), code_size, seed=0).eval()
    if kind == "revival":
        network.code_activation.idle[1:] = 1000  # all units but the first are dead
    if kind == "classification":
        network = Classified(network, Head(network, 3, seed=1))
    if kind == "clustering":
        # Each code is clearly nearest to one of them: its target moves with it, but is sure then.
        centres = torch.tensor([[0.5], [2.5], [5.0]]).repeat(1, math.prod(network.code_shape))
        network = Classified(network, Centres(centres, torch.full((3,), 1 / 3))).eval()
    return network, torch.rand(6, 5, 4, generator=torch.Generator().manual_seed(0))


def passed(network, x):
    code, logits = network.trace(x)
    return Pass(network, x, code, logits, x, torch.arange(len(x)) % 3)


def penalty(kind, weight=1.0):
    return PENALTIES.build({"kind": kind, "weight": weight})


@each
@each_network
def test_one_finite_non_negative_number_whose_gradient_reaches_the_network(kind, code):
    network, x = network_and_samples(code, kind)
    value = penalty(kind)(passed(network, x))
    assert value.shape == ()
    assert torch.isfinite(value)
    assert value >= 0
    value.backward()
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    assert any(gradient.any() for gradient in gradients)
    assert all(torch.isfinite(gradient).all() for gradient in gradients)


@each
@each_network
def test_mean_over_samples_not_their_sum(kind, code):
    network, x = network_and_samples(code, kind)
    once, twice = (penalty(kind)(passed(network, batch)) for batch in (x, torch.cat([x, x])))
    torch.testing.assert_close(once, twice)


@each
@each_network
def test_same_value_without_gradients_as_in_validation(kind, code):
    network, x = network_and_samples(code, kind)
    value = penalty(kind)(passed(network, x))
    with torch.no_grad():
        held_out = penalty(kind)(passed(network, x))
    assert not held_out.requires_grad
    assert torch.equal(held_out, value.detach())


@each
@each_network
def test_half_precision_changes_little_and_gives_a_float32(kind, code):
    network, x = network_and_samples(code, kind)
    with torch.autocast("cpu", torch.bfloat16):
        value = penalty(kind)(passed(network, x))
    value.backward()
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, penalty(kind)(passed(network, x)), rtol=0.03, atol=0)


@each
def test_a_step_against_its_gradient_lowers_it(kind):
    network, x = network_and_samples("vector", kind)
    before = penalty(kind)(passed(network, x))
    before.backward()
    with torch.no_grad():
        for p in network.parameters():
            if p.grad is not None:
                p.sub_(0.01 * p.grad)
    assert penalty(kind)(passed(network, x)) < before


@each
def test_weight_is_left_to_the_equation(kind, seeded):
    network, x = network_and_samples("vector", kind)
    light, heavy = penalty(kind, 0.5), penalty(kind, 2)
    value = light(passed(network, x))
    assert torch.equal(value, heavy(passed(network, x)))
    loss = LOSSES.build("squared_error")
    torch.manual_seed(0)  # of a random code
    result = Equation(network, loss, [light])(x, x, seeded(0), torch.arange(6) % 3)
    assert list(result.parts) == ["reconstruction", kind]
    torch.testing.assert_close(result.parts[kind], 0.5 * value)
    torch.manual_seed(0)
    restored = network.activate(network.trace(x)[1])
    torch.testing.assert_close(result.total, loss(restored, x).mean() + 0.5 * value)


@each
@pytest.mark.parametrize("weight", [-0.1, math.nan, math.inf, "heavy", None])
def test_weight_out_of_range_is_refused(kind, weight):
    with pytest.raises(SettingError, match=f"penalty '{kind}': weight: "):
        penalty(kind, weight)


@each_network
def test_l1_is_the_mean_norm_of_codes(code):
    network, x = network_and_samples(code)
    codes = network.encode(x).detach().flatten(1).numpy()
    expected = np.linalg.norm(codes, ord=1, axis=1).mean()
    assert penalty("l1")(passed(network, x)).item() == pytest.approx(expected, rel=1e-6)


@each_network
def test_weight_decay_is_half_the_squared_norms_and_leaves_biases_free(code):
    network, x = network_and_samples(code)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.endswith("bias"):
                parameter.fill_(3)
    weights = [w for n, w in network.state_dict().items() if n.endswith("weight")]
    expected = sum(np.linalg.norm(w.numpy()) ** 2 for w in weights) / 2
    value = penalty("weight_decay")(passed(network, x))
    assert value.item() == pytest.approx(expected, rel=1e-6)


@each_network
def test_sparseness_is_that_of_units_over_samples_and_of_samples_over_units(code):
    network, x = network_and_samples(code)
    codes = network.encode(x).detach()
    units = np.moveaxis(codes.numpy(), 1, -1).reshape(-1, codes.shape[1])  # (samples, units)

    def ratio(h):
        return np.mean(h) ** 2 / np.mean(h**2)

    lifetime = np.mean([ratio(h) for h in units.T])
    population = np.mean([ratio(h) for h in units])
    for share, expected in ((1, lifetime), (0, population), (0.5, (lifetime + population) / 2)):
        own = PENALTIES.build({"kind": "sparseness", "weight": 1, "lifetime": share})
        assert own(passed(network, x)).item() == pytest.approx(expected, rel=1e-4)


def test_sparseness_of_codes_with_one_active_unit_and_of_silent_ones():
    one_of_four = torch.eye(4).repeat(3, 1)
    value = penalty("sparseness")(Pass(None, one_of_four, one_of_four, one_of_four, one_of_four))
    assert value.item() == pytest.approx(1 / 4, rel=1e-4)
    silent = torch.zeros(5, 4, requires_grad=True)
    value = penalty("sparseness")(Pass(None, silent, silent, silent, silent))
    value.backward()
    assert value == 0
    assert torch.isfinite(silent.grad).all()
