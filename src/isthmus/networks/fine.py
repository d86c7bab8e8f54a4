"""DeepSmoke's fine path: few levels, for the detail of small places."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn
from torch.nn import functional as F

from isthmus.networks._base import NETWORKS
from isthmus.networks._images import Normalisation
from isthmus.networks._vgg import CONVOLUTIONS, VGGNetwork, mirrored


@NETWORKS.register("fine")
class Fine(VGGNetwork):
    """VGG16's first three blocks, and their mirror image.

    7 convolutions and 2 poolings, then 7 convolutions and 2 up-samplings (nearest neighbour). It
    has no skips, so that a code alone tells the image. Source: Yuan et al. 2019 (DeepSmoke), second
    path; lecture note 001.
    """

    blocks = 3
    poolings = 2

    def _levels(self, widths: list[int], normalisation: Normalisation) -> Iterator[nn.Module]:
        first, second, third = CONVOLUTIONS[:3]
        yield nn.Sequential(*mirrored(widths[2], widths[1], third, normalisation))
        yield nn.Sequential(*mirrored(widths[1], widths[0], second, normalisation))
        yield nn.Sequential(
            *mirrored(widths[0], widths[0], first - 1, normalisation),
            nn.Conv2d(widths[0], self.output_maps, 3, padding=1),
        )

    @property
    def code_is_all(self) -> bool:
        """True: nothing passes by the code."""
        return True

    def up(self, code: Tensor, kept: object = None) -> Tensor:
        """Logits of the padded size, of the code alone."""
        deepest, *levels = self.decoder
        images: Tensor = deepest(code)
        for level in levels:
            images = level(F.interpolate(images, scale_factor=2))
        return images
