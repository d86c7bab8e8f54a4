"""A missing rectangle."""

from __future__ import annotations

import torch
from torch import Tensor

from isthmus.core.settings import Probability
from isthmus.corruption._base import CORRUPTIONS, ImageCorruption


@CORRUPTIONS.register("block")
class Block(ImageCorruption):
    """x̃ = x outside, `value` inside of a rectangle, all channels; each image has its own place.

    All places at which the rectangle lies within the image are equally likely. Sources: DeVries
    and Taylor 2017 (cutout); Pathak et al. 2016 (context encoders, which fill it in).

    Parameters
    ----------
    fraction
        Height and width of the rectangle as shares of the image's, rounded to whole pixels; 0.5
        hides a quarter of the area.
    value
        What stands in the rectangle, in units of the scaled data.
    """

    def __init__(self, *, fraction: Probability = 0.5, value: float = 0.0) -> None:
        self.fraction = fraction
        self.value = value

    def change(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Images with a rectangle missing."""
        (count, _, height, width), device = images.shape, images.device

        def hidden(size: int) -> Tensor:
            length = round(self.fraction * size)
            start = torch.randint(size - length + 1, (count, 1), generator=generator, device=device)
            places = torch.arange(size, device=device)
            return (start <= places) & (places < start + length)

        rows, columns = hidden(height), hidden(width)
        return images.masked_fill(rows[:, None, :, None] & columns[:, None, None, :], self.value)
