"""The softmax loss of a head on the code."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from isthmus.core.errors import SettingError
from isthmus.networks import build_network
from isthmus.networks.classifier import Classified, Head
from isthmus.networks.dense import DenseNetwork
from isthmus.objectives import LOSSES, PENALTIES, Pass
from isthmus.training import Equation

LABELS = torch.tensor([2, 0, 1, 2, 2])
PENALTY = {"kind": "classification", "weight": 0.5}


class Headed(DenseNetwork):
    """The least that the penalty asks for."""

    def classify(self, code):
        return code @ self.v

    v = nn.Parameter(torch.arange(6.0).reshape(2, 3))


def networks():
    spec = {"kind": "dense", "hidden_sizes": []}
    maps = {"kind": "convolutional", "channels": [2]}
    built = [
        build_network(spec, (4, 4), 2, seed=0),
        build_network(maps, (4, 4), (2, 2, 2), seed=0),
    ]
    return [
        Headed((4, 4), 2, hidden_sizes=()),
        *(Classified(network, Head(network, 3, seed=1)) for network in built),
    ]


@pytest.mark.parametrize("network", networks(), ids=["own", "vector", "map"])
def test_mean_cross_entropy_in_nats(network, seeded):
    x = torch.rand(5, 4, 4, generator=seeded(0))
    equation = Equation(network, LOSSES.build("squared_error"), [PENALTIES.build(PENALTY)])
    value = equation(x, x, seeded(0), LABELS).parts["classification"]
    scores = network.classify(network.encode(x))
    assert scores.shape == (5, 3)
    expected = -scores.softmax(1).log()[range(5), LABELS].mean()
    torch.testing.assert_close(value, 0.5 * expected)
    torch.testing.assert_close(value, 0.5 * nn.functional.cross_entropy(scores, LABELS))


def test_network_without_a_head_is_refused():
    network = build_network("linear", (4,), 2, seed=0)
    with pytest.raises(SettingError) as caught:
        Equation(network, LOSSES.build("squared_error"), [PENALTIES.build(PENALTY)])
    assert str(caught.value) == (
        "The penalty 'classification' needs a classifier on the code; use the model 'class_encoder'"
        " with a classification_weight, or 'stacked_autoencoder'."
    )


def test_samples_without_labels_are_refused():
    network = networks()[0]
    x = torch.zeros(5, 4, 4)
    run = Pass(network, x, *network.trace(x), x)
    with pytest.raises(SettingError, match=r"'classification' needs the labels of the samples\.$"):
        PENALTIES.build(PENALTY)(run)
