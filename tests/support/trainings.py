"""A small training that can be begun, interrupted and resumed."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from isthmus.corruption import CORRUPTIONS
from isthmus.data.augmentation import AUGMENTATIONS
from isthmus.data.scaling import NoScaling
from isthmus.networks import Network, build_network
from isthmus.objectives import LOSSES, PENALTIES
from isthmus.training import (
    Equation,
    Examples,
    History,
    Observer,
    Plan,
    Rows,
    State,
    Target,
    train,
)

Array = NDArray[Any]
CPU = torch.device("cpu")
DENSE = {"kind": "dense", "hidden_sizes": [24, 16]}
CONVOLUTIONAL = {"kind": "convolutional", "channels": [4, 6]}
COUNT, BATCH, EPOCHS = 70, 16, 3
STEPS = math.ceil(COUNT / BATCH)  # in an epoch
SEED_OF_1_2 = 8705518154548660899


class Crash(Exception):
    """What ends a training at a chosen moment."""


class CrashAt(Observer):
    """Raises once a step is taken, or an epoch ends; steps count from 1 over all epochs."""

    def __init__(self, *, step: int | None = None, epoch: int | None = None) -> None:
        self.step, self.epoch = step, epoch

    def stepped(self, state: State) -> None:
        if state.epoch * STEPS + state.step == self.step:
            raise Crash

    def epoch_ended(self, row: dict[str, float]) -> None:
        if row["epoch"] == self.epoch:
            raise Crash


@dataclass
class Setup:
    """A small training that can be begun again from nothing."""

    images: Array
    network: Any = field(default_factory=lambda: DENSE)
    code_size: int = 5
    dropout: float = 0.0
    corrupted: bool = True
    penalties: tuple[dict[str, Any], ...] = ()
    augmentations: tuple[str, ...] = ()
    held_out: Array | None = None
    target: Target = "sample"
    plan: Plan = field(
        default_factory=lambda: Plan(
            epochs=EPOCHS,
            batch_size=BATCH,
            learning_rate=1e-2,
            optimizer={"kind": "adam"},
            schedule={"kind": "one_cycle"},
            device="cpu",
            seed=7,
        )
    )

    def build(self) -> Network:
        network = build_network(self.network, self.images.shape[1:], self.code_size, seed=1)
        if self.dropout:
            network.encoder.insert(2, nn.Dropout(self.dropout))
        return network

    def equation(self, network: Network) -> Equation:
        return Equation(
            network,
            LOSSES.build("squared_error"),
            [PENALTIES.build(spec) for spec in self.penalties],
            CORRUPTIONS.build({"kind": "gaussian", "sigma": 0.2}) if self.corrupted else None,
        )

    def examples(self, images: Array | Rows, augmented: bool = False) -> Examples:
        kinds = self.augmentations if augmented else ()
        built = [AUGMENTATIONS.build(kind) for kind in kinds]
        labels = np.arange(len(images)) % 4
        return Examples(
            images, NoScaling(), CPU, augmentations=built, labels=labels, target=self.target
        )

    def run(self, network: Network | None = None, **options: Any) -> tuple[Network, History]:
        network = network or self.build()
        history = train(
            self.equation(network),
            self.examples(self.images, augmented=True),
            self.plan,
            validation=None if self.held_out is None else self.examples(self.held_out),
            **options,
        )
        return network, history

    def with_plan(self, **changes: Any) -> Setup:
        return replace(self, plan=replace(self.plan, **changes))


def same_weights(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.state_dict().items(), other.state_dict().items(), strict=True)
    return all(a == b and torch.equal(x, y) for (a, x), (b, y) in pairs)


def without_time(history: History) -> History:
    return [{name: row[name] for name in row if name != "seconds"} for row in history]


def damage(checkpoint: Path, how: str) -> None:
    path = checkpoint / "state.safetensors"
    content = bytearray(path.read_bytes())
    if how == "flipped":
        content[len(content) // 2] ^= 8
    elif how == "truncated":
        del content[len(content) // 2 :]
    elif how == "empty":
        content.clear()
    path.write_bytes(content)
    if how == "gone":
        path.unlink()
