"""Convolutional autoencoder: halve the image stage by stage, and double it again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from isthmus.core.errors import DataError, SettingError
from isthmus.core.registry import Spec
from isthmus.core.settings import PositiveInt
from isthmus.networks._activations import Activation, OutputActivation, activation
from isthmus.networks._base import NETWORKS, Network
from isthmus.networks.code_activations import CODE_ACTIVATIONS, CodeActivation

Down = Literal["stride", "pool"]
Up = Literal["transposed", "nearest", "bilinear", "bicubic"]


class _Upsample(nn.Module):
    """Double an image to an exact size, then (or by) a 3 x 3 convolution, then an activation."""

    def __init__(self, inputs: int, outputs: int, mode: Up, act: Activation) -> None:
        super().__init__()
        self.mode = mode
        convolution = (
            nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1)
            if mode == "transposed"
            else nn.Conv2d(inputs, outputs, 3, padding=1)
        )
        self.layer = nn.Sequential(convolution, activation(act))

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        convolution, act = self.layer
        if self.mode == "transposed":
            # Of the two sizes that stride 2 can give, 2n - 1 and 2n, take the encoder's.
            images: Tensor = convolution(x, output_size=size)
        else:
            smooth = None if self.mode == "nearest" else False
            resized = F.interpolate(x, size=size, mode=self.mode, align_corners=smooth)
            images = convolution(resized)
        output: Tensor = act(images)
        return output


@NETWORKS.register("convolutional")
class ConvolutionalNetwork(Network):
    """Stages of 3 x 3 convolutions that halve height and width (rounded up), and their mirror.

    Any input size: a side of 7 becomes 4 and comes back as 7. The code is a vector, by a dense
    layer on the last map, or that map itself. Source: lecture notes 001, 003, 004.

    Parameters
    ----------
    sample_shape
        ``(H, W)`` or ``(C, H, W)``.
    code_size
        A whole number m for a vector code ``(m,)``, or ``(c, h, w)`` for a map as the code; h and
        w must be the input's sides halved once per stage.
    channels
        Channels after each stage; as many stages as entries.
    down
        ``"stride"``: convolution with stride 2; ``"pool"``: convolution, then 2 x 2 max pooling.
    up
        ``"transposed"``: transposed convolution with stride 2 (learnable); else ``"nearest"``,
        ``"bilinear"`` or ``"bicubic"`` interpolation (half-pixel centres) and a convolution.
    activation
        After each hidden convolution, of the encoder and of the decoder.
    code_activation
        Of `CODE_ACTIVATIONS`, see `DenseNetwork`.
    output_activation
        ``"sigmoid"`` for pixels in [0, 1], ``"none"`` or ``"relu"`` for other ranges.

    Raises
    ------
    DataError
        If the samples are not images.
    SettingError
        If `code_size` is a map of a size that the stages do not give.
    """

    decoder_modules = ("from_code", "decoder")

    def __init__(
        self,
        sample_shape: Sequence[int],
        code_size: int | Sequence[int],
        *,
        channels: tuple[PositiveInt, ...] = (16, 32),
        down: Down = "stride",
        up: Up = "transposed",
        activation: Activation = "relu",
        code_activation: Annotated[Spec, CODE_ACTIVATIONS] = "none",
        output_activation: OutputActivation = "none",
    ) -> None:
        super().__init__(sample_shape, output_activation)
        if len(self.sample_shape) not in (2, 3):
            raise DataError(
                f"A convolutional network needs images, (H, W) or (C, H, W), but a sample has shape"
                f" {self.sample_shape}; use the network 'dense' for vectors."
            )
        image_channels = 1 if len(self.sample_shape) == 2 else self.sample_shape[0]
        self._sizes = _halvings(self.sample_shape[-2:], len(channels))
        widths = [image_channels, *channels]
        self.encoder = nn.Sequential(
            *(
                module
                for inputs, outputs in pairwise(widths)
                for module in _halve(inputs, outputs, down, activation)
            )
        )
        self._map_shape = (widths[-1], *self._sizes[-1])
        self.to_code, self.from_code = self._heads(code_size, activation, code_activation)
        acts: list[Activation] = ["none", *[activation] * (len(channels) - 1)]
        self.decoder = nn.ModuleList(
            _Upsample(inputs, outputs, up, act)
            for (outputs, inputs), act in reversed(list(zip(pairwise(widths), acts, strict=True)))
        )

    def _heads(
        self, code_size: int | Sequence[int], act: Activation, code_activation: Spec
    ) -> tuple[nn.Sequential, nn.Sequential]:
        """From the last map to the code, and back to a map."""
        if isinstance(code_size, int):
            self.code_shape = (code_size,)
            values = math.prod(self._map_shape)
            last = CODE_ACTIVATIONS.build(code_activation, code_size)
            return (
                nn.Sequential(nn.Flatten(), nn.Linear(values, code_size * last.inputs), last),
                nn.Sequential(
                    nn.Linear(code_size, values), activation(act), nn.Unflatten(1, self._map_shape)
                ),
            )
        self.code_shape = tuple(code_size)
        if len(self.code_shape) != 3 or self.code_shape[1:] != self._sizes[-1]:
            height, width = self._sizes[-1]
            raise SettingError(
                f"code_size {self.code_shape} does not fit: {len(self._sizes) - 1} stages bring"
                f" {' x '.join(map(str, self._sizes[0]))} pixels to {height} x {width}, so give"
                f" (channels, {height}, {width}), or one whole number for a vector code."
            )
        maps, codes = self._map_shape[0], self.code_shape[0]
        last = CODE_ACTIVATIONS.build(code_activation, math.prod(self.code_shape))
        return (
            nn.Sequential(nn.Conv2d(maps, codes * last.inputs, 3, padding=1), last),
            nn.Sequential(nn.Conv2d(codes, maps, 3, padding=1), activation(act)),
        )

    @property
    def code_activation(self) -> CodeActivation:
        """The last module of the encoder."""
        return cast(CodeActivation, self.to_code[-1])

    def encode(self, x: Tensor) -> Tensor:
        """Codes ``(N, *code_shape)``."""
        images = x.unsqueeze(1) if len(self.sample_shape) == 2 else x
        images = images.contiguous(memory_format=torch.channels_last)
        code: Tensor = self.to_code(self.encoder(images))
        return code

    def logits(self, code: Tensor) -> Tensor:
        """Decoder's output before its activation, ``(N, *sample_shape)``."""
        images: Tensor = self.from_code(code)
        for stage, size in zip(self.decoder, reversed(self._sizes[:-1]), strict=True):
            images = stage(images, size)
        return images.squeeze(1) if len(self.sample_shape) == 2 else images


def _halvings(size: tuple[int, ...], stages: int) -> list[tuple[int, int]]:
    """The sides after 0, 1, ..., `stages` halvings, rounded up."""
    height, width = size
    return [(math.ceil(height / 2**k), math.ceil(width / 2**k)) for k in range(stages + 1)]


def _halve(inputs: int, outputs: int, down: Down, act: Activation) -> list[nn.Module]:
    if down == "stride":
        return [nn.Conv2d(inputs, outputs, 3, stride=2, padding=1), activation(act)]
    convolution = nn.Conv2d(inputs, outputs, 3, padding=1)
    return [convolution, activation(act), nn.MaxPool2d(2, ceil_mode=True)]
