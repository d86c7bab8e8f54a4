"""Cutting pieces out of images."""

from __future__ import annotations

import torch
from torch import Tensor

from isthmus.core.errors import DataError
from isthmus.core.settings import PositiveInt
from isthmus.data.augmentation._base import AUGMENTATIONS, ImageAugmentation


@AUGMENTATIONS.register("crop")
class Crop(ImageAugmentation):
    """A piece of each image, at a random place: for networks that take images of any size.

    Parameters
    ----------
    size
        Side of the square piece, in pixels.
    """

    resizes = True
    moves = True

    def __init__(self, *, size: PositiveInt = 64) -> None:
        self.size = size

    def change(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Pieces ``(N, C, size, size)`` of ``(N, C, H, W)``.

        Raises
        ------
        DataError
            If the images are smaller.
        """
        count, _, height, width = images.shape
        if min(height, width) < self.size:
            raise DataError(
                f"The augmentation 'crop' cuts pieces of {self.size} x {self.size} pixels, but an"
                f" image has only {height} x {width}; give a smaller size."
            )
        top, left = (
            torch.randint(
                side - self.size + 1, (count, 1), generator=generator, device=images.device
            )
            for side in (height, width)
        )
        along = torch.arange(self.size, device=images.device)
        rows, columns = (top + along)[:, :, None], (left + along)[:, None, :]
        sample = torch.arange(count, device=images.device)[:, None, None]
        # Advanced indices move to the front; the channels come back to their place.
        return images[sample, :, rows, columns].permute(0, 3, 1, 2)
