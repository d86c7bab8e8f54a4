"""The softmax classifier on a code: beside a decoder, and in its place."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from isthmus.networks import Network, build_network, count_parameters
from isthmus.networks.classifier import Classified, Classifier, Head

CLASSES, SHAPE = 4, (8, 8)
NETWORKS: dict[str, tuple[Any, Any]] = {
    "dense": ({"kind": "dense", "hidden_sizes": (7,)}, 5),
    "tied": ({"kind": "dense", "hidden_sizes": (7,), "tied": True}, 5),
    "one layer": ({"kind": "one_layer", "output_activation": "sigmoid"}, 5),
    "largest": (
        {"kind": "dense", "hidden_sizes": (), "code_activation": {"kind": "top_k", "active": 2}},
        5,
    ),
    "convolutional": ({"kind": "convolutional", "channels": (3,)}, 5),
    "map": ({"kind": "convolutional", "channels": (3,)}, (2, 4, 4)),
    "unet": ({"kind": "unet", "channels": (3,)}, 5),
}
each = pytest.mark.parametrize("name", NETWORKS)


def build(name: str, seed: int | None = 0) -> Network:
    spec, code_size = NETWORKS[name]
    return build_network(spec, SHAPE, code_size, seed)


def both(name: str) -> tuple[Classified, Classifier]:
    network = build(name)
    classified = Classified(network, Head(network, CLASSES, seed=1))
    return classified, Classifier(build(name), CLASSES, seed=1)


def units(network: Network) -> int:
    return int(torch.tensor(network.code_shape).prod())


@pytest.fixture
def x() -> torch.Tensor:
    return torch.rand(6, *SHAPE, generator=torch.Generator().manual_seed(2))


# -- the head ---------------------------------------------------------------------------------


@each
def test_scores_are_linear_in_the_code(name: str, x: torch.Tensor) -> None:
    network = build(name)
    head = Head(network, CLASSES, seed=1)
    assert head.weight.shape == (CLASSES, units(network))
    with torch.no_grad():
        head.bias.copy_(torch.arange(4.0))
        code = network.encode(x)
        expected = code.flatten(1) @ head.weight.T + torch.arange(4.0)
        torch.testing.assert_close(head(code), expected)


def test_weights_are_a_function_of_the_seed_alone() -> None:
    network, before = build("dense"), torch.get_rng_state()
    one, same, other = (Head(network, CLASSES, seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(one.weight, same.weight)
    assert not torch.equal(one.weight, other.weight)
    assert not one.bias.any()
    wide = Head(build_network("linear", (9,), 400, seed=0), 600, seed=1)
    assert wide.weight.std().item() == pytest.approx((2 / 1000) ** 0.5, rel=0.01)  # Glorot


def classified(network: Network, classes: int, seed: int | None) -> Classified:
    return Classified(network, Head(network, classes, seed))


@pytest.mark.parametrize("kind", [classified, Classifier])
def test_without_a_seed_there_are_shapes_and_no_memory(kind: Any) -> None:
    empty = kind(build("dense", None), CLASSES, None).state_dict()
    full = kind(build("dense"), CLASSES, 1).state_dict()
    assert {n: (w.shape, w.device.type) for n, w in empty.items()} == {
        n: (w.shape, "meta") for n, w in full.items()
    }


# -- beside the decoder -----------------------------------------------------------------------


@each
def test_classified_is_the_network_with_a_head(name: str, x: torch.Tensor) -> None:
    network = build(name)
    classified = Classified(network, Head(network, CLASSES, seed=1))
    assert classified.network is network
    assert classified.code_activation is network.code_activation
    assert classified.single_layer is network.single_layer
    for attribute in ("kind", "sample_shape", "code_shape", "output_activation"):
        assert getattr(classified, attribute) == getattr(network, attribute), attribute
    for ours, own in zip(classified.trace(x), network.trace(x), strict=True):
        assert torch.equal(ours, own)
    assert torch.equal(classified(x), network(x))
    assert torch.equal(classified.encode(x), network.encode(x))
    if name != "unet":  # whose decoder looks at more than the code
        code = network.encode(x)
        assert torch.equal(classified.decode(code), network.decode(code))
    scores = classified.classify(classified.encode(x))
    assert scores.shape == (6, CLASSES)
    assert torch.equal(scores, classified.head(network.encode(x)))
    extra = CLASSES * (units(network) + 1)
    assert count_parameters(classified) == count_parameters(network) + extra


@each
def test_both_tasks_reach_the_encoder(name: str, x: torch.Tensor) -> None:
    classified, _ = both(name)
    first = next(classified.network.encoder.parameters())  # type: ignore[union-attr, operator]
    classified.classify(classified.encode(x)).square().sum().backward()
    assert first.grad is not None
    assert first.grad.any()
    decoder = [p for n, p in classified.network.named_parameters() if "decoder" in n]
    assert decoder
    assert all(weight.grad is None for weight in decoder)


# -- in its place -----------------------------------------------------------------------------


@each
def test_classifier_gives_probabilities_of_classes(name: str, x: torch.Tensor) -> None:
    _, classifier = both(name)
    network = build(name)
    assert (classifier.sample_shape, classifier.code_shape) == (SHAPE, network.code_shape)
    assert torch.equal(classifier.encode(x), network.encode(x))
    probabilities = classifier(x)
    assert probabilities.shape == (6, CLASSES)
    assert (probabilities > 0).all()
    torch.testing.assert_close(probabilities.sum(1), torch.ones(6))
    scores = classifier.head(network.encode(x))
    torch.testing.assert_close(probabilities, torch.softmax(scores, 1))
    assert torch.equal(classifier.decode(network.encode(x)), probabilities)
    assert torch.equal(classifier.logits(network.encode(x)), scores)
    assert classifier.output_activation == "softmax"


@each
def test_classifier_holds_a_copy_of_the_encoder_alone(name: str, x: torch.Tensor) -> None:
    network = build(name)
    classifier = Classifier(network, CLASSES, seed=1)
    encoder = count_parameters(network.without_decoder())
    assert count_parameters(classifier) == encoder + CLASSES * (units(network) + 1)
    ours = {id(weight) for weight in network.parameters()}
    assert ours.isdisjoint(id(weight) for weight in classifier.parameters())
    before, code = copy.deepcopy(network.state_dict()), network.encode(x)
    with torch.no_grad():
        for weight in classifier.parameters():
            weight.add_(0.1)
    assert all(torch.equal(w, before[n]) for n, w in network.state_dict().items())
    assert torch.equal(network.encode(x), code)
    assert not torch.equal(classifier.encode(x), code)


def test_counts_of_idle_units_are_copied(x: torch.Tensor) -> None:
    network = build("largest").train()
    network(x)
    before = network.code_activation.idle.clone()  # type: ignore[union-attr, operator]
    classifier = Classifier(network, CLASSES, seed=1)
    assert torch.equal(classifier.code_activation.idle, before)  # type: ignore[arg-type]
    classifier.train()(x)
    classifier(x)
    assert torch.equal(network.code_activation.idle, before)  # type: ignore[arg-type]


@each
def test_every_weight_of_a_classifier_is_trained(name: str, x: torch.Tensor) -> None:
    _, classifier = both(name)
    labels = torch.arange(6) % CLASSES
    optimizer = torch.optim.Adam(classifier.parameters(), lr=0.01)
    before, losses = copy.deepcopy(classifier.state_dict()), []
    for _ in range(40):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(classifier.trace(x)[1], labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]
    still = [n for n, w in classifier.named_parameters() if torch.equal(w, before[n])]
    assert still == []
