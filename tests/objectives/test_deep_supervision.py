"""Deep supervision: side outputs are held against the target at their size."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from isthmus.core.errors import SettingError
from isthmus.networks import build_network
from isthmus.networks.unet import UNet
from isthmus.objectives import LOSSES, PENALTIES, Pass
from isthmus.training import Equation

PENALTY = PENALTIES.build({"kind": "deep_supervision", "weight": 1.0})
CLASSES = 3


def unet(size: tuple[int, int], outputs: int | None = CLASSES, **settings: Any) -> UNet:
    spec = {"kind": "unet", "channels": (3, 4, 5), "side_outputs": True, **settings}
    network = build_network(spec, (1, *size), 4, seed=0, outputs=outputs)
    assert isinstance(network, UNet)
    return network


def images(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1))


def labels(*shape: int) -> Tensor:
    return torch.randint(-1, CLASSES, shape, generator=torch.Generator().manual_seed(2))


def value(network: Any, y: Tensor, x: Tensor) -> Tensor:
    code, logits = network.trace(x)
    return PENALTY(Pass(network, x, code, logits, y))


def middle(index: int, cell: int, size: int) -> int:
    return min(index * cell + cell // 2, size - 1)


@pytest.mark.parametrize("shuffle", [1, 2])
@pytest.mark.parametrize("size", [(16, 32), (13, 18), (21, 5), (3, 1)], ids=str)
def test_by_loops_over_cells(size: tuple[int, int], shuffle: int) -> None:
    network, x, y = unet(size, shuffle=shuffle), images(2, 1, *size), labels(2, *size)
    found = value(network, y, x)
    deep, fine = network.side_logits
    total = []
    for side, cell in ((deep, 4 * shuffle), (fine, 2 * shuffle)):
        terms = []
        for n in range(2):
            for i in range(math.ceil(size[0] / cell)):
                for j in range(math.ceil(size[1] / cell)):
                    label = y[n, middle(i, cell, size[0]), middle(j, cell, size[1])]
                    if label >= 0:
                        terms.append(-side[n, :, i, j].log_softmax(0)[label])
        total.append(torch.stack(terms).mean())
    torch.testing.assert_close(found, (0.5 * total[0] + total[1]) / 1.5)


def test_nothing_labelled_costs_nothing() -> None:
    network, y = unet((8, 8)), torch.full((2, 8, 8), -1)
    found = value(network, y, images(2, 1, 8, 8))
    found.backward()
    assert found == 0


@pytest.mark.parametrize("shape", [(16, 24), (1, 16, 24)], ids=str)
def test_of_images_the_squared_error(shape: tuple[int, ...]) -> None:
    spec = {"kind": "unet", "channels": (3, 4), "side_outputs": True}
    network = build_network({**spec, "output_activation": "sigmoid"}, shape, 4, seed=0)
    x = images(2, *shape)
    found = value(network, x, x)
    (side,) = network.side_logits  # type: ignore[misc]
    expected = x.reshape(2, 1, 16, 24)[..., 1::2, 1::2]
    torch.testing.assert_close(found, F.mse_loss(side.sigmoid(), expected))


@pytest.mark.parametrize(
    "spec",
    [
        {"kind": "unet"},
        {"kind": "unet", "channels": (4,), "side_outputs": True},
        {"kind": "small"},
        {"kind": "dense"},
    ],
    ids=str,
)
def test_a_network_without_side_outputs_is_refused(spec: dict[str, Any]) -> None:
    network = build_network(spec, (8, 8), 4, seed=0)
    with pytest.raises(SettingError, match="side_outputs = true and at least two channels"):
        Equation(network, LOSSES.build("squared_error"), [PENALTY])


def test_it_reaches_the_side_outputs_and_they_learn(seeded: Any) -> None:
    coarse = images(4, 1, 4, 4)
    x = coarse.repeat_interleave(4, 2).repeat_interleave(4, 3)
    y = (x[:, 0] > 0.5).long()
    network = unet((16, 16), 2, output_activation="softmax", normalisation="batch")
    equation = Equation(network, LOSSES.build("categorical_cross_entropy"), [PENALTY])
    optimizer = torch.optim.Adam(network.parameters(), lr=0.03)
    values = []
    for _ in range(60):
        optimizer.zero_grad()
        result = equation(x, y, seeded(0))
        result.total.backward()
        optimizer.step()
        values.append(result.parts["deep_supervision"].item())
    silent = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == []
    assert values[-1] < 0.6 * values[0]


def test_a_network_is_copied_without_its_last_batch() -> None:
    network, x = unet((8, 8)), images(2, 1, 8, 8)
    network(x)
    assert network.side_logits
    twin = copy.deepcopy(network)
    assert twin.side_logits == []
    assert torch.equal(twin(x), network(x))
    assert network.without_decoder().side_logits == []
