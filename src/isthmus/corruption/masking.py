"""Missing values."""

from __future__ import annotations

import torch
from torch import Tensor

from isthmus.core.settings import Probability
from isthmus.corruption._base import CORRUPTIONS, Corruption


@CORRUPTIONS.register("masking")
class Masking(Corruption):
    """x̃_i = 0 with probability `fraction`, else x_i; each value by itself.

    Source: Vincent et al. 2010, "masking noise".

    Parameters
    ----------
    fraction
        Share of the values that are lost, on average.
    """

    def __init__(self, *, fraction: Probability = 0.25) -> None:
        self.fraction = fraction

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Copy of x with values missing."""
        draws = torch.rand(x.shape, generator=generator, device=x.device)
        return x.masked_fill(draws < self.fraction, 0)
