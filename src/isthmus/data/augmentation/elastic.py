"""Random elastic deformation of images."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from isthmus.core.settings import NonNegativeFloat, PositiveInt
from isthmus.data.augmentation._base import AUGMENTATIONS, Outside, Warp


@AUGMENTATIONS.register("elastic")
class Elastic(Warp):
    """Each image bent by a smooth field: displacements at a coarse grid, bicubic between.

    Source: Ronneberger, Fischer and Brox 2015 (a 3 x 3 grid, 10 pixels).

    Parameters
    ----------
    amplitude
        Standard deviation of the displacements in pixels.
    cells
        Points of the grid along each axis; more bend more finely.
    outside
        See `Warp`.
    """

    def __init__(
        self,
        *,
        amplitude: NonNegativeFloat = 5.0,
        cells: PositiveInt = 4,
        outside: Outside = "zeros",
    ) -> None:
        super().__init__(outside=outside)
        self.amplitude = amplitude
        self.cells = cells

    def places(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """The pixels' own places, displaced."""
        count, _, height, width = images.shape
        device, size = images.device, (height, width)
        points = torch.randn(count, 2, self.cells, self.cells, generator=generator, device=device)
        field = F.interpolate(points, size, mode="bicubic", align_corners=True)
        half = torch.tensor([width / 2, height / 2], device=device)
        own = F.affine_grid(
            torch.eye(2, 3, device=device).expand(count, 2, 3), [count, 1, *size], False
        )
        return own + self.amplitude * field.permute(0, 2, 3, 1) / half
