"""Losses L and penalties Ω. One file and one registration add either."""

from isthmus.objectives import (
    boundary_cross_entropy,
    classification,
    clustering,
    contractive,
    cross_entropy,
    deep_supervision,
    dice,
    focal,
    gaussian_kl,
    kl_sparsity,
    revival,
    sparseness,
    squared_error,
    weight_decay,
)
from isthmus.objectives import l1 as l1_penalty
from isthmus.objectives._base import LOSSES, PENALTIES, Loss, LossValue, Pass, Penalty
from isthmus.objectives._segmentation import LabelMapLoss

__all__ = [
    "LOSSES",
    "PENALTIES",
    "LabelMapLoss",
    "Loss",
    "LossValue",
    "Pass",
    "Penalty",
    "boundary_cross_entropy",
    "classification",
    "clustering",
    "contractive",
    "cross_entropy",
    "deep_supervision",
    "dice",
    "focal",
    "gaussian_kl",
    "kl_sparsity",
    "l1_penalty",
    "revival",
    "sparseness",
    "squared_error",
    "weight_decay",
]
