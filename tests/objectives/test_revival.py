"""The revival of dead code units."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from isthmus.core.errors import SettingError
from isthmus.networks import build_network
from isthmus.objectives import LOSSES, PENALTIES, Pass
from isthmus.training import Equation

TOP_1 = {"kind": "top_k", "active": 1, "dead_after": 5}
NETWORK = {"kind": "dense", "hidden_sizes": [], "code_activation": TOP_1}


def revival(**settings):
    return PENALTIES.build({"kind": "revival", "weight": 1.0, **settings})


def passed(network, x):
    code, logits = network.trace(x)
    return Pass(network, x, code, logits, x)


@pytest.fixture
def network():
    """Units 0 to 2 answer to the axes 0 to 2; unit 3 sees all, but always less than another."""
    network = build_network(NETWORK, (4,), 4, seed=0)
    with torch.no_grad():
        weights = torch.eye(4)
        network.decoder[0].weight.copy_(weights)
        weights[3] = 0.01
        network.encoder[0].weight.copy_(weights)
        network.encoder[0].bias.copy_(torch.tensor([0.1, 0.1, 0.1, 0]))
    return network


@pytest.fixture
def x():
    """Four axes, of which three have a unit."""
    return torch.eye(4).repeat(3, 1)


def dead(network, *units):
    network.code_activation.idle[list(units)] = 5


def test_without_dead_units_it_is_0(network, x):
    value = revival()(passed(network, x))
    assert value.item() == 0
    assert value.dtype == torch.float32
    dead(network, 3)
    assert revival()(passed(network.eval(), x)).item() > 0


def test_value_is_the_error_left_by_the_largest_dead_units(network, seeded):
    x = torch.rand(6, 4, generator=seeded(0))
    dead(network, 1, 3)
    network.eval()
    with torch.no_grad():
        network.decoder[0].bias.fill_(0.3)
    run = passed(network, x)
    before = np.maximum(x @ network.encoder[0].weight.T + network.encoder[0].bias, 0).detach()
    before = before.numpy() * [0, 1, 0, 1]
    explained = before @ network.decoder[0].weight.detach().numpy().T
    error = (x - run.logits).detach().numpy()
    for units in (2, 32):
        expected = np.square(error - explained).mean()
        assert revival(units=units)(run).item() == pytest.approx(expected, rel=1e-5)
    before[:, 3] = 0  # unit 1 is always larger
    explained = before @ network.decoder[0].weight.detach().numpy().T
    expected = np.square(error - explained).mean()
    assert revival(units=1)(run).item() == pytest.approx(expected, rel=1e-5)


def test_gradient_is_left_to_the_dead(network, x):
    """Neither live units nor the bias of the output feel it: the error counts as a constant."""
    dead(network, 3)
    revival()(passed(network.eval(), x)).backward()
    gradients = {name: p.grad for name, p in network.named_parameters()}
    for name, gradient in gradients.items():
        units = gradient.T if name == "decoder.0.weight" else gradient
        if name == "decoder.0.bias":
            assert not gradient.any()
            continue
        assert not units[:3].any(), name
        assert units[3].any(), name


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_a_dead_unit_comes_back_only_with_it(network, x, weight, seeded):
    penalty = PENALTIES.build({"kind": "revival", "weight": weight})
    equation = Equation(network, LOSSES.build("squared_error"), [penalty])
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05)
    for step in range(200):
        optimizer.zero_grad()
        equation(x, x, seeded(0)).total.backward()
        optimizer.step()
        if step == 6:
            assert network.code_activation.dead.tolist() == [False, False, False, True]
    assert network.code_activation.dead[3].item() == (weight == 0)
    error = (network(x) - x).square().sum(1).mean().item()
    assert error > 0.15 if weight == 0 else error < 0.05


@pytest.mark.parametrize(
    ("code", "output"), [("relu", "none"), (TOP_1, "sigmoid"), ("sigmoid", "relu")], ids=str
)
def test_networks_without_dead_units_or_a_linear_end_are_refused(code, output):
    spec = {**NETWORK, "code_activation": code, "output_activation": output}
    network = build_network(spec, (4,), 4, seed=0)
    with pytest.raises(SettingError) as caught:
        Equation(network, LOSSES.build("squared_error"), [revival()])
    assert str(caught.value) == (
        "The penalty 'revival' needs the code activation 'top_k' or 'batch_top_k' and the output"
        f" activation 'none', but the network has '{network.code_activation.kind}' and '{output}';"
        " remove the penalty or change the network."
    )
