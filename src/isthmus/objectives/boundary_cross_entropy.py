"""The cross-entropy with more weight near the borders between labels."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from isthmus.core.errors import DataError
from isthmus.core.labels import IGNORED
from isthmus.core.settings import NonNegativeFloat, PositiveFloat
from isthmus.objectives._base import LOSSES, Scale
from isthmus.objectives._segmentation import ClassWeights, PixelLoss, at_labels

_REACH = 3  # σ along each axis, beyond which a border is not felt


def border_weights(target: Tensor, boost: float, sigma: float) -> Tensor:
    """Weights 1 + boost · exp(-d² / 2σ²), ``(N, H, W)`` float32, of labels ``(N, H, W)``.

    d is the Euclidean distance in pixels to the nearest pixel that touches another label, by a side
    or a corner. Ignored pixels are no other label. A border 3σ away along an axis is not felt.

    Since d² is a sum over the axes, the greatest exp(-d² / 2σ²) is found one axis at a time.
    """
    if target.ndim != 3:
        raise DataError(
            "Borders are those of label maps (N, H, W), but the targets have shape"
            f" {tuple(target.shape)}; choose the loss 'categorical_cross_entropy'."
        )
    labels = target.float()
    highest = _around(labels)
    lowest = -_around(-labels.masked_fill(target == IGNORED, torch.inf))
    nearness = (highest > lowest).float()
    for _ in range(2):
        nearness = _nearest_in_row(nearness, sigma).transpose(1, 2)
    return 1 + boost * nearness


def _around(x: Tensor) -> Tensor:
    """The greatest of each 3 x 3 pixels; nothing enters from outside the image."""
    return F.max_pool2d(x, 3, stride=1, padding=1)


def _nearest_in_row(x: Tensor, sigma: float) -> Tensor:
    """max_k exp(-k² / 2σ²) x_{j+k} along the last axis."""
    best = x.clone()
    for k in range(1, math.ceil(_REACH * sigma) + 1):
        faded = math.exp(-(k**2) / (2 * sigma**2)) * x
        best[..., k:] = torch.maximum(best[..., k:], faded[..., :-k])
        best[..., :-k] = torch.maximum(best[..., :-k], faded[..., k:])
    return best


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
