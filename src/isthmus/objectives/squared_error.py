"""Squared error."""

from __future__ import annotations

from torch import Tensor

from isthmus.objectives._base import LOSSES, Loss, at_least_float32


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
