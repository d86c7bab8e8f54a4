"""SegNet: a decoder that puts maxima back where they were."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from isthmus.networks._base import NETWORKS
from isthmus.networks._images import Normalisation
from isthmus.networks._vgg import CONVOLUTIONS, VGGNetwork, mirrored


@NETWORKS.register("segnet")
class SegNet(VGGNetwork):
    """VGG16's five blocks, each pooled, and their mirror image, unpooled at the maxima's places.

    The places are all that passes by the code, which is at 1 / 32 of the size. 13 convolutions and
    5 poolings each way. Source: Badrinarayanan, Kendall and Cipolla 2017; lecture notes 001, 003.
    """

    blocks = 5
    poolings = 5

    def _levels(self, widths: list[int], normalisation: Normalisation) -> Iterator[nn.Module]:
        pairs = list(zip(pairwise(widths), CONVOLUTIONS[1:], strict=True))
        for (above, own), count in reversed(pairs):
            yield nn.Sequential(*mirrored(own, above, count, normalisation))
        yield nn.Sequential(
            *mirrored(widths[0], widths[0], CONVOLUTIONS[0] - 1, normalisation),
            nn.Conv2d(widths[0], self.output_maps, 3, padding=1),
        )

    def down(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The code, and the places of each pooling's maxima."""
        images = images.contiguous(memory_format=torch.channels_last)
        *blocks, last = cast(Iterable[nn.Sequential], self.encoder)
        kept = []
        for block in blocks:
            images, places = F.max_pool2d(block(images), 2, return_indices=True)
            kept.append(places)
        # Maxima may be rectified after they are taken, where a 0 needs no place: the code is last.
        images, places = F.max_pool2d(last[:-1](images), 2, return_indices=True)
        return last[-1](images), [*kept, places]

    def up(self, code: Tensor, kept: list[Tensor]) -> Tensor:
        """Logits of the padded size."""
        images = code
        for level, places in zip(self.decoder, reversed(kept), strict=True):
            images = level(unpool(images, places))
        return images


def unpool(maps: Tensor, places: Tensor) -> Tensor:
    """Twice the size: each value at its place, 0 elsewhere.

    As `torch.nn.functional.max_unpool2d`, which neither is deterministic on every device nor can be
    exported.

    Parameters
    ----------
    maps
        ``(N, C, h, w)``.
    places
        ``(N, C, h, w)`` int64, row · 2w + column, as 2 x 2 max pooling tells them.
    """
    height, width = 2 * maps.shape[-2], 2 * maps.shape[-1]
    every = torch.arange(height * width, device=maps.device).view(height, width)
    return _doubled(maps) * (_doubled(places) == every)


def _doubled(maps: Tensor) -> Tensor:
    return maps.repeat_interleave(2, dim=-1).repeat_interleave(2, dim=-2)
