"""Photon noise."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from isthmus.core.settings import PositiveFloat
from isthmus.corruption._base import CORRUPTIONS, Corruption


@CORRUPTIONS.register("poisson")
class Poisson(Corruption):
    """x̃ = k / peak with k ~ Poisson(x peak) photons, clipped to [0, 1] if `clip`.

    Mean x and variance x / peak: the darker the scene, the noisier its image. Source: Salmon et al.
    2014, for the "peak" of an image.

    Parameters
    ----------
    peak
        Photons that a pixel of value 1 (white) receives on average; few are much noise.
    clip
        Keep pixels in [0, 1], as a camera would.
    """

    domain = (0.0, math.inf)

    def __init__(self, *, peak: PositiveFloat = 30.0, clip: bool = True) -> None:
        self.peak = peak
        self.clip = clip

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Copy of x as counted photons tell it."""
        # Rounding, which `check_inputs` tolerates, may leave black a little below 0.
        photons = torch.poisson(x.clamp(min=0) * self.peak, generator=generator)
        return self.limit(photons / self.peak)
