"""How θ moves: the settings of a training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from isthmus.core.settings import Device, Precision


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Settings of one training, checked where they come from (an estimator or a recipe).

    Attributes
    ----------
    epochs
        Passes over the training samples.
    batch_size
        Samples a step.
    learning_rate
        η at the height of the schedule.
    optimizer, schedule
        Specs for `OPTIMIZERS` and `SCHEDULES`.
    clip_norm
        Greatest norm of the whole gradient; ``None`` does not clip.
    patience
        Epochs without a better validation loss after which training stops and the best weights
        are taken back; ``None`` trains to the end and keeps the last.
    minutes
        Time after which training stops, at the schedule's end; ``None`` for no limit. How many
        steps fit depends on the machine, so only runs without a limit repeat bit for bit.
    device, precision
        See `choose_device`; ``"bfloat16"`` runs the network under autocast.
    seed
        Of the data's order and of all that is random in a step.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    optimizer: dict[str, Any]
    schedule: dict[str, Any]
    clip_norm: float | None = None
    patience: int | None = None
    minutes: float | None = None
    device: Device = "auto"
    precision: Precision = "float32"
    seed: int = 0
