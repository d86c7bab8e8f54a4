"""The focal loss."""

from __future__ import annotations

import torch
from torch import Tensor

from isthmus.core.settings import NonNegativeFloat
from isthmus.objectives._base import LOSSES, Scale
from isthmus.objectives._segmentation import ClassWeights, PixelLoss, at_labels


@LOSSES.register("focal")
class Focal(PixelLoss):
    """L(y, p) = -Σ_i (1 - p_{i,y_i})^γ log p_{i,y_i}: pixels that are right already weigh little.

    Source: Lin et al. 2017.

    Parameters
    ----------
    gamma
        γ; 0 is the cross-entropy.
    """

    def __init__(
        self,
        *,
        gamma: NonNegativeFloat = 2.0,
        class_weights: ClassWeights = None,
        per: Scale = "pixel",
    ) -> None:
        super().__init__(class_weights=class_weights, per=per)
        self.gamma = gamma

    def values(self, log_p: Tensor, target: Tensor) -> Tensor:
        """Focal loss of each pixel in nats."""
        log_p_y = at_labels(log_p, target)
        # At p = 1 the slope of a power below 1 is infinite.
        error = (-log_p_y.expm1()).clamp(min=torch.finfo(log_p.dtype).tiny)
        return -(error**self.gamma) * log_p_y
