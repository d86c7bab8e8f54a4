"""Additive Gaussian noise."""

from __future__ import annotations

import torch
from torch import Tensor

from isthmus.core.settings import PositiveFloat
from isthmus.corruption._base import CORRUPTIONS, Corruption


@CORRUPTIONS.register("gaussian")
class Gaussian(Corruption):
    """x̃ = x + σ ε with ε ~ N(0, I), clipped to [0, 1] if `clip`.

    Source: lecture note 001 ("noise factor 0.5").

    Parameters
    ----------
    sigma
        σ, the standard deviation in units of the scaled data (0.5 is the notes' noise factor).
    clip
        Keep pixels in [0, 1], as a camera would.
    """

    def __init__(self, *, sigma: PositiveFloat = 0.5, clip: bool = True) -> None:
        self.sigma = sigma
        self.clip = clip

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Noisy copy of x."""
        noise = torch.randn(x.shape, generator=generator, device=x.device, dtype=x.dtype)
        return self.corrupt(x, noise)

    def corrupt(self, x: Tensor, noise: Tensor) -> Tensor:
        """The formula, for a given ε."""
        noisy = x + self.sigma * noise
        return noisy.clamp(0, 1) if self.clip else noisy
