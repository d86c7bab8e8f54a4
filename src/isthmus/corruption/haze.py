"""Haze over a scene."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from isthmus.core.errors import DataError
from isthmus.core.image_batches import as_image_batch
from isthmus.core.settings import PositiveRange, ProbabilityRange
from isthmus.corruption._base import CORRUPTIONS, ImageCorruption, beside, draw


@CORRUPTIONS.register("haze")
class Haze(ImageCorruption):
    """I = J t + A (1 - t) with t = exp(-β d): far things fade into the light of the air.

    J is the clear image, d the depth of each pixel and t the share of its light that arrives.
    Sources: Koschmieder 1924; Li et al. 2019 (RESIDE) for the ranges; lecture note 001.

    Parameters
    ----------
    beta
        Range of the scattering coefficient β, per unit of depth; each image draws its own.
    airlight
        Range of A, the brightness of the air, the same in all channels; each image draws its own.
    depth
        ``"ramp"``: d falls from 1 in the top row (far) to 0 in the bottom row (near);
        ``"part"``: it falls over a random part of that way, as in a piece that was cut out of a
        larger image; ``"flat"``: d = 1 everywhere. With a depth map at hand use `corrupt`.
    """

    domain = (0.0, 1.0)

    def __init__(
        self,
        *,
        beta: PositiveRange = (0.6, 1.8),
        airlight: ProbabilityRange = (0.7, 1.0),
        depth: Literal["ramp", "part", "flat"] = "ramp",
    ) -> None:
        self.beta = beta
        self.airlight = airlight
        self.depth = depth

    def change(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Hazy images."""
        far, near = torch.ones_like(images[:, 0, 0, 0]), torch.zeros_like(images[:, 0, 0, 0])
        if self.depth == "flat":
            near = far
        elif self.depth == "part":
            near, far = (draw((0.0, 1.0), images, generator) for _ in range(2))
            near, far = torch.minimum(near, far), torch.maximum(near, far)
        rows = torch.linspace(0, 1, images.shape[2], dtype=images.dtype, device=images.device)
        ramp = torch.lerp(far[:, None], near[:, None], rows)
        depth = ramp.unsqueeze(2).expand(-1, *images.shape[2:])
        beta, airlight = (
            draw(setting, images, generator) for setting in (self.beta, self.airlight)
        )
        return self.corrupt(images, depth, beta, airlight)

    def corrupt(
        self, x: Tensor, depth: Tensor, beta: Tensor | float, airlight: Tensor | float
    ) -> Tensor:
        """The formula, for images ``(N, H, W)`` or ``(N, C, H, W)`` of known depth.

        Parameters
        ----------
        depth
            ``(H, W)`` or ``(N, H, W)``, 0 or more, in any unit.
        beta
            Per that unit: one number or ``(N,)``.
        airlight
            One number, ``(N,)`` or, for coloured light, ``(N, C)``.

        Raises
        ------
        DataError
            If the samples are not images, or `depth` does not have their height and width.
        """
        images = as_image_batch(x, f"corruption '{self.kind}'")
        count, _, *size = images.shape
        if list(depth.shape) not in (size, [count, *size]):
            raise DataError(
                f"The corruption '{self.kind}' got depths of shape {tuple(depth.shape)} for"
                f" {count} images of {tuple(size)}; give {tuple(size)} or {(count, *size)}."
            )
        distance = depth.to(images).reshape(-1, 1, *size)
        arriving = (-beside(beta, images) * distance).exp()
        hazy = images * arriving + beside(airlight, images) * (1 - arriving)
        return hazy.reshape(x.shape)
