"""Random shift of images by whole pixels."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from isthmus.core.settings import NonNegativeInt
from isthmus.data.augmentation._base import AUGMENTATIONS, ImageAugmentation


@AUGMENTATIONS.register("shift")
class Shift(ImageAugmentation):
    """Each image moved by -pixels, ..., pixels along each axis, all equally likely; 0 comes in.

    Whole pixels are moved, not mixed: unlike `affine` it blurs nothing, so that a reconstruction
    may become as sharp as the data.

    Parameters
    ----------
    pixels
        Greatest shift, each way.
    """

    moves = True

    def __init__(self, *, pixels: NonNegativeInt = 1) -> None:
        self.pixels = pixels

    def change(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Images moved by whole pixels."""
        (count, channels, height, width), device = images.shape, images.device
        places = 2 * self.pixels + 1
        by = torch.randint(places, (2, count, 1, 1, 1), generator=generator, device=device)
        padded = F.pad(images, (self.pixels,) * 4)
        return padded[
            torch.arange(count, device=device).view(-1, 1, 1, 1),
            torch.arange(channels, device=device).view(-1, 1, 1),
            torch.arange(height, device=device).view(-1, 1) + by[0],
            torch.arange(width, device=device) + by[1],
        ]
