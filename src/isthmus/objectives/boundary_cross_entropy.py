"""The cross-entropy with more weight near the borders between labels."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from isthmus.core.errors import DataError
from isthmus.core.settings import NonNegativeFloat, PositiveFloat
from isthmus.objectives._base import LOSSES, Scale
from isthmus.objectives._segmentation import IGNORED, ClassWeights, PixelLoss, at_labels

_REACH = 3  # σ, beyond which a border is not felt


def border_weights(target: Tensor, boost: float, sigma: float) -> Tensor:
    """W = 1 + boost · exp(-d² / 2σ²), ``(N, H, W)`` float32, of a label map ``(N, H, W)``.

    d is the distance in pixels to the nearest pixel that touches another label, by steps to any of
    the 8 neighbours (chessboard distance), which max-pooling finds on the whole batch at once.
    Ignored pixels are no other label. w is 1 beyond 3σ.
    """
    if target.ndim != 3:
        raise DataError(
            "Borders are those of label maps (N, H, W), but the targets have shape"
            f" {tuple(target.shape)}; choose the loss 'categorical_cross_entropy'."
        )
    ignored, labels = target == IGNORED, target.float()
    highest = _grow(labels)
    lowest = -_grow(-labels.masked_fill(ignored, torch.inf))
    border = (highest > lowest).float()
    nearness = torch.zeros_like(border)
    for d in range(math.ceil(_REACH * sigma) + 1):
        nearness = torch.maximum(nearness, border * math.exp(-(d**2) / (2 * sigma**2)))
        border = _grow(border)
    return 1 + boost * nearness


def _grow(x: Tensor) -> Tensor:
    """The greatest of each 3 x 3 pixels; nothing enters from outside the image."""
    return F.max_pool2d(x, 3, stride=1, padding=1)


@LOSSES.register("boundary_cross_entropy")
class BoundaryCrossEntropy(PixelLoss):
    """L(y, p) = -Σ_i w_i log p_{i,y_i}, w = 1 + boost · exp(-d² / 2σ²), of images.

    d is the distance to the nearest border between labels, see `border_weights`. Source:
    Ronneberger et al. 2015 (U-Net), whose d is the sum of the distances to the two nearest cells.

    Parameters
    ----------
    boost
        How much more a pixel at a border weighs.
    sigma
        σ in pixels, how far from a border this reaches.
    """

    def __init__(
        self,
        *,
        boost: NonNegativeFloat = 10.0,
        sigma: PositiveFloat = 5.0,
        class_weights: ClassWeights = None,
        per: Scale = "pixel",
    ) -> None:
        super().__init__(class_weights=class_weights, per=per)
        self.boost, self.sigma = boost, sigma

    def values(self, log_p: Tensor, target: Tensor) -> Tensor:
        """Weighted cross-entropy of each pixel in nats."""
        return -border_weights(target, self.boost, self.sigma) * at_labels(log_p, target)
