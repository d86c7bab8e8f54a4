"""DeepSmoke's coarse path: all of VGG16's convolutions, for the context of a whole image."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from isthmus.networks._base import NETWORKS
from isthmus.networks._images import Normalisation, convolution_block
from isthmus.networks._vgg import VGGNetwork


@NETWORKS.register("coarse")
class Coarse(VGGNetwork):
    """VGG16's five blocks without the last pooling, and a shorter way back beside their maps.

    The encoder has 13 convolutions and 4 poolings, the decoder 9 and 4 up-samplings (nearest
    neighbour): after each the block's maps of that size are concatenated, and two convolutions
    follow; the ninth ends it. Source: Yuan et al. 2019 (DeepSmoke), first path; lecture note 001.
    """

    blocks = 5
    poolings = 4

    def _levels(self, widths: list[int], normalisation: Normalisation) -> Iterator[nn.Module]:
        for own, below in reversed(list(pairwise(widths))):
            yield convolution_block(own + below, own, 2, "relu", normalisation)
        yield nn.Conv2d(widths[0], self.output_maps, 3, padding=1)

    def up(self, code: Tensor, kept: list[Tensor]) -> Tensor:
        """Logits of the padded size."""
        *levels, last = self.decoder
        images = code
        for level, own in zip(levels, reversed(kept), strict=True):
            images = level(torch.cat([own, F.interpolate(images, scale_factor=2)], dim=1))
        logits: Tensor = last(images)
        return logits
