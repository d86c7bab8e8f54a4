"""Losses L and penalties Ω. One file and one registration add either."""

from isthmus.objectives import cross_entropy, squared_error, weight_decay
from isthmus.objectives import l1 as l1_penalty
from isthmus.objectives._base import LOSSES, PENALTIES, Loss, LossValue, Pass, Penalty

__all__ = [
    "LOSSES",
    "PENALTIES",
    "Loss",
    "LossValue",
    "Pass",
    "Penalty",
    "cross_entropy",
    "l1_penalty",
    "squared_error",
    "weight_decay",
]
