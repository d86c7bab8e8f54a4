"""Multiplicative Gaussian noise."""

from __future__ import annotations

import torch
from torch import Tensor

from isthmus.core.settings import PositiveFloatOrRange
from isthmus.corruption._base import CORRUPTIONS, Corruption, beside, draw


@CORRUPTIONS.register("speckle")
class Speckle(Corruption):
    """x̃ = x + x σ ε with ε ~ N(0, I), clipped to [0, 1] if `clip`: black stays black.

    Source: Lee 1981, the noise of radar and ultrasound images.

    Parameters
    ----------
    sigma
        σ, the standard deviation as a share of the value, or the range from which each sample
        draws its own, uniformly.
    clip
        Keep pixels in [0, 1], as a camera would.
    """

    def __init__(self, *, sigma: PositiveFloatOrRange = 0.5, clip: bool = True) -> None:
        self.sigma = sigma
        self.clip = clip

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Speckled copy of x."""
        noise = torch.randn(x.shape, generator=generator, device=x.device, dtype=x.dtype)
        return self.limit(x + x * beside(draw(self.sigma, x, generator), x) * noise)
