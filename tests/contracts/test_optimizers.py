"""What every optimiser keeps to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import nn, optim

from isthmus.training import OPTIMIZERS

VARIANTS = [{"kind": kind} for kind in OPTIMIZERS] + [
    {"kind": "sgd", "momentum": 0.9},
    {"kind": "adamw", "weight_decay": 0.2},
]
each = pytest.mark.parametrize("spec", VARIANTS, ids=str)


class Bowl:
    """The quadratic ½ Σ a (θ - 1)², steep and flat, over a vector and three matrices."""

    def __init__(self) -> None:
        starts = [
            torch.tensor([3.0, -2.0]),
            torch.zeros(2, 2),
            -torch.ones(2, 3),
            torch.zeros(3, 2),
        ]
        self.parameters = [nn.Parameter(start) for start in starts]
        self.slopes = [torch.linspace(0.5, 2, p.numel()).reshape(p.shape) for p in starts]

    def loss(self) -> torch.Tensor:
        pairs = zip(self.slopes, self.parameters, strict=True)
        return sum((slope * (p - 1).square()).sum() for slope, p in pairs) / 2

    def descend(self, steps: int, *optimizers: optim.Optimizer) -> list[float]:
        losses = []
        for _ in range(steps):
            for optimizer in optimizers:
                optimizer.zero_grad()
            loss = self.loss()
            loss.backward()
            for optimizer in optimizers:
                optimizer.step()
            losses.append(loss.item())
        return losses


@each
def test_lowers_a_quadratic(spec):
    bowl = Bowl()
    losses = bowl.descend(300, OPTIMIZERS.build(spec, bowl.parameters, 0.1))
    assert losses[-1] < 0.05 * losses[0]
    assert all(
        (p != start).all() for p, start in zip(bowl.parameters, Bowl().parameters, strict=True)
    )


def plain_rules(
    kind: str, parameters: Sequence[nn.Parameter], settings: dict[str, Any]
) -> list[optim.Optimizer]:
    """Torch's unfused rules: of the class above ours, or those that ours is put together from."""
    plain = {"lr": 0.1, "foreach": False, "fused": False}
    above = OPTIMIZERS[kind].__mro__[1]
    if above is not optim.Optimizer:
        return [above(parameters, **plain, **settings)]
    assert kind == "muon", f"say what the optimiser '{kind}' is put together from"
    vector, first, hidden, last = parameters
    ratio, decay = settings["adam_ratio"], settings["weight_decay"]
    adam = plain | {"lr": 0.1 * ratio, "betas": (0.9, 0.99), "weight_decay": decay}
    return [
        optim.AdamW([vector, first, last], **adam),
        optim.Muon(
            [hidden],
            lr=0.1,
            momentum=settings["momentum"],
            weight_decay=decay,
            adjust_lr_fn="match_rms_adamw",
        ),
    ]


@each
def test_takes_the_steps_of_torchs_plain_rules(spec):
    ours, theirs = Bowl(), Bowl()
    settings = OPTIMIZERS.check(spec)
    reference = plain_rules(settings.pop("kind"), theirs.parameters, settings)
    losses = ours.descend(20, OPTIMIZERS.build(spec, ours.parameters, 0.1))
    assert losses == pytest.approx(theirs.descend(20, *reference), rel=1e-5)


@each
def test_learning_rate_is_the_length_of_a_step(spec):
    """A rate of 0 moves nothing, as at the end of a schedule."""
    bowl = Bowl()
    optimizer = OPTIMIZERS.build(spec, bowl.parameters, 0.1)
    bowl.descend(1, optimizer)
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    losses = bowl.descend(3, optimizer)
    assert losses[0] == losses[2]


@each
def test_goes_on_to_the_bit_from_a_saved_state(spec):
    whole, parted = Bowl(), Bowl()
    expected = whole.descend(10, OPTIMIZERS.build(spec, whole.parameters, 0.1))
    first, second = (OPTIMIZERS.build(spec, parted.parameters, 0.1) for _ in range(2))
    losses = parted.descend(4, first)
    second.load_state_dict(first.state_dict())
    assert losses + parted.descend(6, second) == expected
