"""FCN: scores of classes at three sizes, added."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from isthmus.core.settings import PositiveInt
from isthmus.networks._activations import OutputActivation
from isthmus.networks._base import NETWORKS
from isthmus.networks._images import ImageNetwork, Normalisation, convolution_block
from isthmus.networks._vgg import VGGBlocks, vgg_widths
from isthmus.networks.code_activations import CodeActivation


@NETWORKS.register("fcn")
class FCN(ImageNetwork):
    """Fully convolutional network: VGG16, scores at 1 / 32 of the size, and finer ones added.

    After the fifth block and its pooling come two 1 x 1 convolutions, whose maps are the code, and
    1 x 1 scores of the classes. These are doubled, and the scores of the pooled maps of that size
    are added, until the size is 1 / `stride`; then they are brought to the full size at once.
    Every up-sampling is a transposed convolution that begins as bilinear interpolation and learns.
    Source: Long, Shelhamer and Darrell 2015 (FCN-32s, -16s, -8s); lecture notes 001, 003, 004.

    Parameters
    ----------
    sample_shape, outputs
        See `ImageNetwork`.
    code_size
        Maps of the 1 x 1 convolutions after the fifth block.
    stride
        Of the finest scores. With 32 nothing passes by the code, and it can be decoded.
    width, normalisation, output_activation
        See `VGGNetwork`.
    """

    decoder_modules: ClassVar[tuple[str, ...]] = ("scores", "doubles", "last")

    def __init__(
        self,
        sample_shape: Sequence[int],
        code_size: int | Sequence[int],
        outputs: int | None = None,
        *,
        stride: Literal[8, 16, 32] = 8,
        width: PositiveInt = 32,
        normalisation: Normalisation = "batch",
        output_activation: OutputActivation = "none",
    ) -> None:
        super().__init__(
            sample_shape, code_size, outputs, output_activation=output_activation, stride=32
        )
        widths, maps, codes = vgg_widths(width), self.output_maps, self.code_shape[0]
        self.encoder = VGGBlocks(self.input_maps, widths, normalisation)
        self.head = convolution_block(widths[-1], codes, 2, "relu", normalisation, size=1)
        finer = {8: 2, 16: 1, 32: 0}[stride]
        scored = [codes, *widths[3:1:-1]][: 1 + finer]
        self.scores = nn.ModuleList(nn.Conv2d(own, maps, 1) for own in scored)
        self.doubles = nn.ModuleList(_Bilinear(maps, 2) for _ in range(finer))
        self.last = _Bilinear(maps, stride)

    @property
    def code_activation(self) -> CodeActivation:
        """The last module of the encoder."""
        return cast(CodeActivation, self.head[-1])

    @property
    def code_is_all(self) -> bool:
        """Whether there are no finer scores."""
        return not self.doubles

    def down(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The code, and the pooled maps at 1 / 16 and 1 / 8 of the size."""
        images = images.contiguous(memory_format=torch.channels_last)
        pooled = []
        for block in self.encoder:
            images = F.max_pool2d(block(images), 2)
            pooled.append(images)
        return self.head(images), pooled[3:1:-1]

    def up(self, code: Tensor, kept: list[Tensor] | None) -> Tensor:
        """Logits of the padded size."""
        coarsest, *finer = self.scores
        total: Tensor = coarsest(code)
        for double, score, maps in zip(self.doubles, finer, kept or [], strict=False):
            total = double(total) + score(maps)
        logits: Tensor = self.last(total)
        return logits


class _Bilinear(nn.ConvTranspose2d):
    """Maps enlarged by a factor, each by itself and bilinearly until training finds better."""

    def __init__(self, maps: int, factor: int) -> None:
        super().__init__(maps, maps, 2 * factor, stride=factor, padding=factor // 2, bias=False)

    def start(self) -> None:
        factor = self.stride[0]
        tent = 1 - ((torch.arange(2 * factor) + 0.5) / factor - 1).abs()
        with torch.no_grad():
            self.weight.copy_(torch.eye(self.in_channels)[..., None, None] * tent * tent[:, None])
