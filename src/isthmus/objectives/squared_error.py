"""Squared error."""

from __future__ import annotations

from torch import Tensor

from isthmus.objectives._base import LOSSES, Loss, at_least_float32
from isthmus.objectives._segmentation import PixelLoss, one_hot


@LOSSES.register("squared_error")
class SquaredError(Loss):
    """L(y, r) = ‖r - y‖² = Σ_i (r_i - y_i)², or its mean over i.

    Source: lecture notes 001, 003, 004 (which call the sum "MSE"; the mean divides by the number
    of values).

    Parameters
    ----------
    per
        ``"sample"``: the sum over all values; ``"pixel"``: the mean.
    """

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        """Squared error of each sample, ``(N,)``."""
        return self.reduce((at_least_float32(output) - target).square())


@LOSSES.register("probability_squared_error")
class ProbabilitySquaredError(PixelLoss):
    """L(y, p) = Σ_i Σ_c (p_ic - y_ic)², the squared error of probabilities and one-hot labels.

    Of two classes it is twice the squared error of the object's probability and its mask. Source:
    lecture note 004; Brier 1950.
    """

    def values(self, log_p: Tensor, target: Tensor) -> Tensor:
        """Squared error of each pixel, over the classes."""
        return (log_p.exp() - one_hot(log_p, target)).square().sum(1)
