"""Dead and saturated pixels."""

from __future__ import annotations

import torch
from torch import Tensor

from isthmus.core.errors import SettingError
from isthmus.core.settings import Probability
from isthmus.corruption._base import CORRUPTIONS, Corruption


@CORRUPTIONS.register("salt_and_pepper")
class SaltAndPepper(Corruption):
    """x̃_i = low or high, with probability `fraction` / 2 each, else x_i; each value by itself.

    Source: Vincent et al. 2010, "salt-and-pepper noise".

    Parameters
    ----------
    fraction
        Share of the values that are lost, on average.
    low, high
        Pepper and salt: the lowest and the highest value that the data may have.
    """

    _remedy = "set low and high to the ends of the data, which are 0 and 1 with scaling = 'unit'"

    def __init__(self, *, fraction: Probability = 0.1, low: float = 0.0, high: float = 1.0) -> None:
        if low >= high:
            raise SettingError(
                f"corruption 'salt_and_pepper': high ({high:g}) must be greater than low ({low:g})."
            )
        self.fraction = fraction
        self.low = low
        self.high = high
        self.domain = (low, high)

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Copy of x with values at both ends."""
        draws = torch.rand(x.shape, generator=generator, device=x.device)
        lost = x.masked_fill(draws < self.fraction, self.high)
        return lost.masked_fill(draws < self.fraction / 2, self.low)
