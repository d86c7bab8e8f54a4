"""Random brightness, contrast and gamma of images."""

from __future__ import annotations

import torch
from torch import Tensor

from isthmus.core.settings import Fraction, NonNegativeFloat
from isthmus.data.augmentation._base import AUGMENTATIONS, ImageAugmentation


@AUGMENTATIONS.register("intensity")
class Intensity(ImageAugmentation):
    """Each image with its own contrast, brightness and gamma: mean + a (x - mean) + b, then γ.

    Gamma bends the grey values between the least, l, and the greatest, h, of an image:
    l + (h - l) ((x - l) / (h - l))^γ. Nothing is clipped.

    Parameters
    ----------
    contrast
        a is drawn from 1 - `contrast` to 1 + `contrast`.
    brightness
        b is drawn from -`brightness` to `brightness`, in units of the scaled data.
    gamma
        log γ is drawn from -`gamma` to `gamma`.
    """

    def __init__(
        self,
        *,
        contrast: Fraction = 0.2,
        brightness: NonNegativeFloat = 0.1,
        gamma: NonNegativeFloat = 0.2,
    ) -> None:
        self.contrast, self.brightness, self.gamma = contrast, brightness, gamma

    def change(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Images with other grey values."""
        count, device = len(images), images.device
        draws = torch.rand(3, count, 1, 1, 1, generator=generator, device=device)
        a, b, log_gamma = (2 * draws - 1).to(images.dtype)
        mean = images.mean((1, 2, 3), keepdim=True)
        changed = mean + (1 + self.contrast * a) * (images - mean) + self.brightness * b
        low = changed.amin((1, 2, 3), keepdim=True)
        width = (changed.amax((1, 2, 3), keepdim=True) - low).clamp_min(1e-12)
        bent: Tensor = low + width * ((changed - low) / width) ** (self.gamma * log_gamma).exp()
        return bent
