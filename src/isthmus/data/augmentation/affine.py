"""Random shift, rotation, scale and shear of images."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from isthmus.core.settings import Fraction, NonNegativeFloat
from isthmus.data.augmentation._base import AUGMENTATIONS, Outside, Warp


@AUGMENTATIONS.register("affine")
class Affine(Warp):
    """Each image moved by its own small affine map, all ranges uniform.

    Parameters
    ----------
    shift
        Greatest shift in pixels, each way.
    rotation
        Greatest rotation in degrees, each way.
    scale
        Greatest relative change of size: 0.1 draws factors from 0.9 to 1.1.
    shear
        Greatest shear, each way, as the tangent of its angle.
    outside
        See `Warp`.
    """

    def __init__(
        self,
        *,
        shift: NonNegativeFloat = 1.0,
        rotation: NonNegativeFloat = 0.0,
        scale: Fraction = 0.0,
        shear: NonNegativeFloat = 0.0,
        outside: Outside = "zeros",
    ) -> None:
        super().__init__(outside=outside)
        self.shift = shift
        self.rotation = rotation
        self.scale = scale
        self.shear = shear

    def places(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Of the affine maps."""
        maps = self._maps(images, generator).to(images.dtype)
        return F.affine_grid(maps, list(images.shape), align_corners=False)

    def _maps(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Maps ``(N, 2, 3)`` from output to input positions, in units of half the image."""
        count, _, height, width = images.shape
        draws = torch.rand(count, 5, generator=generator, device=images.device) * 2 - 1
        angle = draws[:, 0] * math.radians(self.rotation)
        size = 1 / (1 + draws[:, 1] * self.scale)
        shear = draws[:, 2] * self.shear
        cos, sin, aspect = size * angle.cos(), size * angle.sin(), height / width
        rows = [
            torch.stack([cos, (shear * cos - sin) * aspect, draws[:, 3] * 2 * self.shift / width]),
            torch.stack([sin / aspect, shear * sin + cos, draws[:, 4] * 2 * self.shift / height]),
        ]
        return torch.stack(rows).permute(2, 0, 1)
