"""Random shift, rotation, scale and shear of images."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from isthmus.core.errors import DataError
from isthmus.core.settings import Fraction, NonNegativeFloat
from isthmus.data.augmentation._base import AUGMENTATIONS, Augmentation


@AUGMENTATIONS.register("affine")
class Affine(Augmentation):
    """Each image moved by its own small affine map, all ranges uniform; outside is 0.

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
    """

    def __init__(
        self,
        *,
        shift: NonNegativeFloat = 1.0,
        rotation: NonNegativeFloat = 0.0,
        scale: Fraction = 0.0,
        shear: NonNegativeFloat = 0.0,
    ) -> None:
        self.shift = shift
        self.rotation = rotation
        self.scale = scale
        self.shear = shear

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Moved copy of images ``(N, H, W)`` or ``(N, C, H, W)``, by bilinear interpolation.

        Raises
        ------
        DataError
            If the samples are not images.
        """
        if x.ndim not in (3, 4):
            raise DataError(
                "The augmentation 'affine' moves images, (H, W) or (C, H, W), but a sample has"
                f" shape {tuple(x.shape[1:])}."
            )
        images = x.unsqueeze(1) if x.ndim == 3 else x
        maps = self._maps(images, generator).to(images.dtype)
        grid = F.affine_grid(maps, list(images.shape), align_corners=False)
        moved = F.grid_sample(images, grid, align_corners=False)
        return moved.squeeze(1) if x.ndim == 3 else moved

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
