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
    state = {name: value.numpy() for name, value in network.state_dict().items()}
    before = np.maximum(x.numpy() @ state["encoder.0.weight"].T + state["encoder.0.bias"], 0)
    error = (x - run.logits).detach().numpy()
    for units, used in [(32, [0, 1, 0, 1]), (2, [0, 1, 0, 1]), (1, [0, 1, 0, 0])]:
        explained = (before * used) @ state["decoder.0.weight"].T
        expected = np.square(error - explained).sum(1).mean()
        assert revival(units=units)(run).item() == pytest.approx(expected, rel=1e-5)


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
    weights = [w for name, w in network.named_parameters() if name.endswith("weight")]
    optimizer = torch.optim.SGD(weights, lr=0.1)
    parts, dead = [], []
    for _ in range(40):
        optimizer.zero_grad()
        value = equation(x, x, seeded(0))
        value.total.backward()
        optimizer.step()
        parts.append({name: part.item() for name, part in value.parts.items()})
        dead.append(network.code_activation.dead.tolist())
    assert dead[3] == [False, False, False, False]
    assert dead[4] == [False, False, False, True]
    assert dead[-1] == [False, False, False, weight == 0]
    assert (parts[-1]["reconstruction"] < 0.01) == (weight > 0)
    assert (parts[-1]["reconstruction"] > 0.24) == (weight == 0)
    assert [part["revival"] > 0 for part in parts[:6]] == [False] * 4 + [weight > 0] * 2


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
