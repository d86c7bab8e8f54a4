"""Mirror images and quarter turns."""

from __future__ import annotations

import torch
from torch import Tensor

from isthmus.data.augmentation._base import AUGMENTATIONS, ImageAugmentation


@AUGMENTATIONS.register("flip")
class Flip(ImageAugmentation):
    """Each image is mirrored left to right, and top to bottom, with a chance of one half.

    Parameters
    ----------
    horizontal, vertical
        Which of the two may happen.
    transpose
        Square images also change rows for columns with a chance of one half, so that all eight
        symmetries of the square can come up.
    """

    moves = True

    def __init__(
        self, *, horizontal: bool = True, vertical: bool = False, transpose: bool = False
    ) -> None:
        self.horizontal = horizontal
        self.vertical = vertical
        self.transpose = transpose

    def change(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Mirrored copies."""
        chances = torch.rand(3, len(images), generator=generator, device=images.device) < 0.5
        changed = images.clone()
        for wanted, chosen, axis in (
            (self.horizontal, chances[0], -1),
            (self.vertical, chances[1], -2),
        ):
            if wanted:
                changed[chosen] = changed[chosen].flip(axis)
        if self.transpose and images.shape[-1] == images.shape[-2]:
            changed[chances[2]] = changed[chances[2]].mT
        return changed
