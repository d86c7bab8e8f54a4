"""Stages: one after another they are the whole network, whose weights they share."""

from __future__ import annotations

import copy
import math
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from isthmus.core.errors import SettingError
from isthmus.networks import Network, build_network, count_parameters
from isthmus.objectives import LOSSES, PENALTIES, Pass
from isthmus.training import Equation

SHAPE, HIDDEN, CODE = (3, 4), (9, 7), 5
SIZES = [math.prod(SHAPE), *HIDDEN, CODE]
CASES: dict[str, dict[str, Any]] = {
    "relu": {"activation": "relu"},
    "tanh": {"activation": "tanh", "code_activation": "tanh"},
    "sigmoid": {
        "activation": "sigmoid",
        "code_activation": "sigmoid",
        "output_activation": "sigmoid",
    },
    "elu and the largest": {
        "activation": "elu",
        "code_activation": {"kind": "top_k", "active": 2},
        "output_activation": "relu",
    },
    "none": {"activation": "none"},
}
each = pytest.mark.parametrize("case", CASES)
tied_or_not = pytest.mark.parametrize("tied", [False, True])


def build(case: str, tied: bool = False) -> Network:
    spec = {"kind": "dense", "hidden_sizes": HIDDEN, "tied": tied, **CASES[case]}
    network = build_network(spec, SHAPE, CODE, seed=0).eval()
    with torch.no_grad():
        for number, weight in enumerate(network.parameters()):  # biases that are not 0
            weight.add_(0.1 * torch.randn(weight.shape, generator=generator(number)))
    return network


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def x() -> torch.Tensor:
    return torch.rand(6, *SHAPE, generator=generator(100))


# -- composition ------------------------------------------------------------------------------


@each
@tied_or_not
def test_one_after_another_they_are_the_network(case: str, tied: bool, x: torch.Tensor) -> None:
    network = build(case, tied)
    stages = network.stages()
    code = x
    for stage in stages:
        code = stage.encode(code)
    assert torch.equal(code, network.encode(x))
    restored = code
    for stage in reversed(stages):
        restored = stage.decode(restored)
    assert torch.equal(restored, network.decode(code))
    assert torch.equal(restored, network(x))
    inner = code
    for stage in reversed(stages[1:]):
        inner = stage.decode(inner)
    assert torch.equal(stages[0].logits(inner), network.logits(code))


@each
@tied_or_not
def test_each_is_an_autoencoder(case: str, tied: bool, x: torch.Tensor) -> None:
    given = x
    for stage in build(case, tied).stages():
        code, logits = stage.trace(given)
        assert code.shape == (6, *stage.code_shape)
        assert logits.shape == given.shape == (6, *stage.sample_shape)
        assert torch.equal(stage(given), stage.decode(code))
        given = code


@each
def test_shapes(case: str) -> None:
    stages = build(case).stages()
    assert [stage.sample_shape for stage in stages] == [SHAPE, *((size,) for size in HIDDEN)]
    assert [stage.code_shape for stage in stages] == [(size,) for size in SIZES[1:]]


@each
def test_layers_and_activations(case: str, x: torch.Tensor) -> None:
    network = build(case)
    stages = network.stages()
    hidden = CASES[case]["activation"]
    assert [stage.code_activation.kind for stage in stages[:-1]] == [hidden, hidden]
    assert stages[-1].code_activation is network.code_activation
    for stage, (wide, narrow) in zip(stages, pairwise(SIZES), strict=True):
        assert stage.single_layer is not None
        assert stage.single_layer.weight.shape == (narrow, wide)
    # Where an inner stage's targets are probabilities, a cross-entropy can take its logits.
    inner = "sigmoid" if hidden == "sigmoid" else "none"
    outer = CASES[case].get("output_activation", "none")
    assert [stage.output_activation for stage in stages] == [outer, inner, inner]


@pytest.mark.parametrize("spec", ["linear", "one_layer"])
def test_a_network_of_one_layer_is_its_only_stage(spec: str, x: torch.Tensor) -> None:
    network = build_network(spec, SHAPE, CODE, seed=0)
    (stage,) = network.stages()
    assert torch.equal(stage.encode(x), network.encode(x))
    assert torch.equal(stage(x), network(x))


@pytest.mark.parametrize("kind", ["convolutional", "unet"])
def test_other_networks_have_none(kind: str) -> None:
    with pytest.raises(SettingError) as caught:
        build_network(kind, (8, 8), CODE, seed=0).stages()
    assert str(caught.value) == (
        f"A {kind} network cannot be trained layer by layer; use the network 'dense'."
    )


# -- weights ----------------------------------------------------------------------------------


@each
@tied_or_not
def test_weights_are_those_of_the_network(case: str, tied: bool) -> None:
    network = build(case, tied)
    own = [set(map(id, stage.parameters())) for stage in network.stages()]
    assert set.union(*own) == set(map(id, network.parameters()))
    assert sum(map(len, own)) == len(list(network.parameters()))  # no weight in two stages
    assert all(len(weights) == (3 if tied else 4) for weights in own)


@tied_or_not
def test_a_step_on_one_leaves_the_others(tied: bool, x: torch.Tensor) -> None:
    network = build("tanh", tied)
    before = copy.deepcopy(network.state_dict())
    stage = network.stages()[1]
    optimizer = torch.optim.SGD(stage.parameters(), lr=0.1)
    samples = torch.rand(6, SIZES[1], generator=generator(7))
    F.mse_loss(stage(samples), samples).backward()
    optimizer.step()
    moved = {n for n, weight in network.state_dict().items() if not torch.equal(weight, before[n])}
    expected = {"encoder.2.weight", "encoder.2.bias", "decoder.2.bias"}
    assert moved == (expected if tied else expected | {"decoder.2.weight"})


@tied_or_not
def test_moved_to_another_type_the_network_moves_along(tied: bool, x: torch.Tensor) -> None:
    """As to another device: weights stay shared."""
    network = build("relu", tied)
    for stage in network.stages():
        stage.double()
    assert all(weight.dtype == torch.float64 for weight in network.parameters())
    assert network(x.double()).dtype == torch.float64


@tied_or_not
def test_without_decoder_it_is_a_copy_that_encodes(tied: bool, x: torch.Tensor) -> None:
    network = build("relu", tied)
    stage = network.stages()[0]
    encoder = stage.without_decoder()
    code = encoder.encode(x)
    assert torch.equal(code, stage.encode(x))
    assert count_parameters(encoder) == SIZES[0] * SIZES[1] + SIZES[1]
    with torch.no_grad():
        for weight in network.parameters():
            weight.zero_()
    assert torch.equal(encoder.encode(x), code)


@tied_or_not
def test_copies_stand_alone(tied: bool, x: torch.Tensor) -> None:
    stage = build("sigmoid", tied).stages()[0]
    twin, expected = copy.deepcopy(stage), stage(x)
    assert torch.equal(twin(x), expected)
    with torch.no_grad():
        for weight in twin.parameters():
            weight.add_(0.1)
    assert torch.equal(stage(x), expected)
    stage.load_state_dict(twin.state_dict())
    assert torch.equal(stage(x), twin(x))


# -- under an equation ------------------------------------------------------------------------


@each
def test_losses_and_penalties_apply_to_each(case: str, x: torch.Tensor) -> None:
    """The contractive norm of a stage is of its own layer, in closed form as in full."""
    given = x
    for stage in build(case).stages():
        with torch.no_grad():
            code, logits = stage.trace(given)
        passed = Pass(stage, given, code, logits, given)
        norms = [
            PENALTIES.build({"kind": "contractive", "weight": 1.0, "method": method})(passed)
            for method in ("auto", "exact")
        ]
        torch.testing.assert_close(*norms)
        equation = Equation(stage, LOSSES.build("squared_error"))
        value = equation(given, given, generator(0)).total
        expected = (stage(given) - given).square().flatten(1).sum(1).mean()
        torch.testing.assert_close(value, expected)
        given = code


def test_a_cross_entropy_takes_the_logits_of_probabilities(x: torch.Tensor) -> None:
    stage = build("sigmoid").stages()[1]
    given = torch.rand(6, SIZES[1], generator=generator(3))
    value = Equation(stage, LOSSES.build("binary_cross_entropy"))(given, given, generator(0)).total
    expected = F.binary_cross_entropy(stage(given), given, reduction="none").sum(1).mean()
    torch.testing.assert_close(value, expected)
    with pytest.raises(SettingError, match="belongs to the output activation 'sigmoid'"):
        Equation(build("relu").stages()[1], LOSSES.build("binary_cross_entropy"))
