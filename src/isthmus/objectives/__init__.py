"""Losses L and penalties Ω. One file and one registration add either."""

from isthmus.objectives import (
    classification,
    clustering,
    contractive,
    cross_entropy,
    deep_supervision,
    gaussian_kl,
    kl_sparsity,
    revival,
    squared_error,
    weight_decay,
)
from isthmus.objectives import l1 as l1_penalty
from isthmus.objectives._base import LOSSES, PENALTIES, Loss, LossValue, Pass, Penalty

__all__ = [
    "LOSSES",
    "PENALTIES",
    "Loss",
    "LossValue",
    "Pass",
    "Penalty",
    "classification",
    "clustering",
    "contractive",
    "cross_entropy",
    "deep_supervision",
    "gaussian_kl",
    "kl_sparsity",
    "l1_penalty",
    "revival",
    "squared_error",
    "weight_decay",
]
