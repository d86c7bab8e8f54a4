"""Gaussian blur."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from isthmus.core.settings import PositiveFloatOrRange
from isthmus.corruption._base import CORRUPTIONS, ImageCorruption, draw


@CORRUPTIONS.register("blur")
class Blur(ImageCorruption):
    """x̃ = g_σ * x, each channel convolved with a Gaussian, the image reflected at its edges.

    The edge pixels are repeated (``mode="reflect"`` of `scipy.ndimage.gaussian_filter`), so that
    blurring keeps the mean of an image; the Gaussian is cut off at 4 σ.

    Parameters
    ----------
    sigma
        σ in pixels, or the range from which each image draws its own, uniformly.
    """

    def __init__(self, *, sigma: PositiveFloatOrRange = (0.5, 2.0)) -> None:
        self.sigma = sigma

    def change(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Blurred images."""
        # One width for all kernels, or an image would depend on the others of its batch.
        widest = self.sigma[1] if isinstance(self.sigma, tuple) else self.sigma
        reach = math.ceil(4 * widest)
        distances = torch.arange(-reach, reach + 1, dtype=images.dtype, device=images.device)
        sigma = draw(self.sigma, images, generator)
        kernels = (-0.5 * (distances / sigma.unsqueeze(1)).square()).exp()
        kernels = kernels / kernels.sum(1, keepdim=True)
        # Autocast, under which training may run, would round the images to bfloat16.
        with torch.autocast(images.device.type, enabled=False):
            down, across = (_matrices(kernels, size) for size in images.shape[2:])
            blurred: Tensor = down @ images @ across
        return blurred


def _matrices(kernels: Tensor, size: int) -> Tensor:
    """Convolution of `size` pixels with each kernel ``(N, K)``, as matrices ``(N, 1, size, size)``.

    They are symmetric, so that rows and columns are blurred alike by a product from either side. On
    images of the usual sizes they are faster than a convolution with a kernel for each image.
    """
    reach = kernels.shape[1] // 2
    copies = math.ceil(reach / size)  # of the image on either side of it, every other one mirrored
    padded = F.pad(kernels, (copies * size + size - 1 - reach,) * 2)
    rows = padded.unfold(1, (2 * copies + 1) * size, 1).flip(1).unflatten(2, (-1, size))
    direct, mirrored = (rows[:, :, first % 2 :: 2].sum(2) for first in (copies, copies + 1))
    folded: Tensor = direct + mirrored.flip(2)
    return folded.unsqueeze(1)
