"""Where a training stands: all that a checkpoint keeps besides weights and optimiser."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from torch import Tensor

History = list[dict[str, float]]
"""One row per epoch: ``epoch``, ``seconds``, ``learning_rate``, and the loss parts and total as
``train/NAME`` and ``validation/NAME``."""


@dataclass
class State:
    """Progress of a training.

    Attributes
    ----------
    order
        What the order of the data depends on: seed, samples a step, number of samples.
    epoch, step
        The next step to take: epochs done, and steps done in the current one.
    seconds
        Time spent before the present process.
    sums, count
        Loss parts summed over the samples of the current epoch, and their number.
    best_loss, best_epoch, best_weights
        The best validation so far, if early stopping is on.
    history
        Rows of the epochs done.
    """

    order: list[int] = field(default_factory=list)
    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    sums: dict[str, float] = field(default_factory=dict)
    count: int = 0
    best_loss: float = math.inf
    best_epoch: int = 0
    best_weights: dict[str, Tensor] = field(default_factory=dict)
    history: History = field(default_factory=list)

    def add(self, parts: dict[str, float], samples: int) -> None:
        """Count in the loss parts of one batch."""
        for name, value in parts.items():
            self.sums[name] = self.sums.get(name, 0.0) + value * samples
        self.count += samples

    def means(self) -> dict[str, float]:
        """Mean loss parts of the current epoch, and their total."""
        means = {name: total / self.count for name, total in self.sums.items()}
        return {**means, "total": sum(means.values())}

    def next_epoch(self) -> None:
        """Close the current epoch."""
        self.epoch, self.step, self.sums, self.count = self.epoch + 1, 0, {}, 0
