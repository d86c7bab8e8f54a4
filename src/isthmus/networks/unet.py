"""U-Net: an encoder and a decoder of images, joined at every level."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import ClassVar, Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from isthmus.core.errors import DataError, SettingError
from isthmus.core.settings import PositiveInt
from isthmus.networks._activations import Activation, OutputActivation, activation
from isthmus.networks._base import NETWORKS, Network
from isthmus.networks.code_activations import CodeActivation

Skips = Literal["concatenate", "add", "none"]
Down = Literal["pool", "stride"]
Up = Literal["transposed", "nearest", "bilinear"]


@NETWORKS.register("unet")
class UNet(Network):
    """Levels of 3 x 3 convolutions, each half as large as the last, and back up beside their maps.

    With widths c_0, ..., c_k and c_{k+1} = `code_size`, level i works on c_i maps at 1 / 2^i of the
    size. On the way up level i sees what came from below and, by its *skip*, what it was itself on
    the way down, so that the code need not carry the details. A 1 x 1 convolution ends it.
    There is no normalisation, so that a sample's result is its own. Sources: Ronneberger, Fischer
    and Brox 2015; Zhang et al. 2017 (`residual`), 2018 (`shuffle`); lecture notes 000, 003, 004.

    One set of weights serves images of any size: they are padded by reflection at the bottom and
    the right to a multiple of the total stride, `shuffle` · 2^(k+1), and the result is cropped.

    Parameters
    ----------
    sample_shape
        ``(H, W)`` or ``(C, H, W)``; the network takes any other H and W as well.
    code_size
        Number of maps of the deepest level, which is the code; or its whole shape, ``(maps, h, w)``
        with H and W divided by the total stride and rounded up.
    channels
        Widths of the levels above it, outermost first.
    convolutions
        For each level and direction.
    skips
        ``"concatenate"``: the maps of both ways side by side; ``"add"``: their sum, with fewer
        weights; ``"none"``: a plain autoencoder, the only one that can decode a code alone.
    down
        ``"pool"``: 2 x 2 max pooling; ``"stride"``: 2 x 2 convolution with stride 2, better where
        every value counts, as in denoising.
    up
        ``"transposed"``: 2 x 2 transposed convolution with stride 2; ``"nearest"`` or
        ``"bilinear"``: a 1 x 1 convolution and interpolation.
    activation
        After each hidden convolution.
    output_activation
        ``"sigmoid"`` for pixels in [0, 1], ``"none"`` or ``"relu"`` for other ranges.
    residual
        The last convolution gives the difference to the input, r = x + g(f(x)): a denoiser then
        learns the noise.
    shuffle
        r: every r x r pixels become channels of one before the first level, and pixels again after
        the last; about r² times faster.

    Raises
    ------
    DataError
        If the samples are not images.
    SettingError
        If `code_size` has another height or width than the levels give, or if `residual` is set
        with an output activation. From `logits` and `decode`, if a code alone does not tell the
        image.
    """

    any_size = True
    decoder_modules: ClassVar[tuple[str, ...]] = ("ups", "decoder", "last")

    def __init__(
        self,
        sample_shape: Sequence[int],
        code_size: int | Sequence[int],
        *,
        channels: tuple[PositiveInt, ...] = (32, 64),
        convolutions: PositiveInt = 2,
        skips: Skips = "concatenate",
        down: Down = "pool",
        up: Up = "transposed",
        activation: Activation = "relu",
        output_activation: OutputActivation = "none",
        residual: bool = False,
        shuffle: PositiveInt = 1,
    ) -> None:
        super().__init__(sample_shape, output_activation)
        if len(self.sample_shape) not in (2, 3):
            raise DataError(
                f"A U-Net needs images, (H, W) or (C, H, W), but a sample has shape"
                f" {self.sample_shape}; use the network 'dense' for vectors."
            )
        if residual and output_activation != "none":
            raise SettingError(
                "A U-Net with residual = true adds its input to its output, which may be any"
                f" number: set output_activation = 'none' instead of '{output_activation}'."
            )
        self.skips, self.residual, self.shuffle = skips, residual, shuffle
        self._stride = shuffle * 2 ** len(channels)
        self.code_shape = self._code_shape(code_size)
        pixels = shuffle**2 * (1 if len(self.sample_shape) == 2 else self.sample_shape[0])
        widths = [*channels, self.code_shape[0]]
        joined = 2 if skips == "concatenate" else 1

        def level(inputs: int, outputs: int) -> nn.Sequential:
            return nn.Sequential(*_level(inputs, outputs, convolutions, activation))

        self.encoder = nn.ModuleList(level(*pair) for pair in pairwise([pixels, *widths]))
        self.downs = nn.ModuleList(_halve(own, down) for own in channels)
        self.ups = nn.ModuleList(_double(below, own, up) for own, below in pairwise(widths))
        self.decoder = nn.ModuleList(level(joined * own, own) for own in channels)
        self.last = (_StartsAtZero if residual else nn.Conv2d)(widths[0], pixels, 1)

    def _code_shape(self, code_size: int | Sequence[int]) -> tuple[int, ...]:
        height, width = (math.ceil(side / self._stride) for side in self.sample_shape[-2:])
        if isinstance(code_size, int):
            return code_size, height, width
        if tuple(code_size[1:]) != (height, width):
            raise SettingError(
                f"code_size {tuple(code_size)} does not fit: this U-Net brings"
                f" {' x '.join(map(str, self.sample_shape[-2:]))} pixels to {height} x {width}, so"
                f" give (maps, {height}, {width}), or the number of maps alone."
            )
        return tuple(code_size)

    @property
    def code_activation(self) -> CodeActivation:
        """The last module of the encoder."""
        return cast(CodeActivation, cast(nn.Sequential, self.encoder[-1])[-1])

    def encode(self, x: Tensor) -> Tensor:
        """The deepest maps, ``(N, *code_shape)``; of another height and width if the images are."""
        return self._down(x)[-1]

    def logits(self, code: Tensor) -> Tensor:
        """Decoder's output before its activation, ``(N, *sample_shape)``.

        Maps of another size than `code_shape` give images of their size times the total stride.

        Raises
        ------
        SettingError
            If the decoder looks at more than the code.
        """
        if self.skips != "none" or self.residual:
            raise SettingError(
                "A U-Net's decoder looks at more than the code, which alone does not determine an"
                " image; set skips = 'none' and residual = false to decode codes."
            )
        images = self._up([code])
        if code.shape[1:] == self.code_shape:
            images = _crop(images, self.sample_shape[-2:])
        return self._like_samples(images)

    def trace(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Codes and logits of one pass, of images of any size."""
        maps = self._down(x)
        logits = self._like_samples(_crop(self._up(maps), x.shape[-2:]))
        return maps[-1], x + logits if self.residual else logits

    def forward(self, x: Tensor) -> Tensor:
        """Reconstruction of images of any size."""
        return self.activate(self.trace(x)[1])

    def _down(self, x: Tensor) -> list[Tensor]:
        """Maps of all levels, the code last."""
        images = x.unsqueeze(1) if len(self.sample_shape) == 2 else x
        images = F.pixel_unshuffle(_pad(images, self._stride), self.shuffle)
        maps = [self.encoder[0](images.contiguous(memory_format=torch.channels_last))]
        for halve, level in zip(self.downs, self.encoder[1:], strict=True):
            maps.append(level(halve(maps[-1])))
        return maps

    def _up(self, maps: list[Tensor]) -> Tensor:
        """Padded images ``(N, C, H, W)`` of the maps of all levels; of the code without skips."""
        images = maps[-1]
        for number in reversed(range(len(self.decoder))):
            images = self.ups[number](images)
            if self.skips == "concatenate":
                images = torch.cat([maps[number], images], dim=1)
            elif self.skips == "add":
                images = maps[number] + images
            images = self.decoder[number](images)
        return F.pixel_shuffle(self.last(images), self.shuffle)

    def _like_samples(self, images: Tensor) -> Tensor:
        return images.squeeze(1) if len(self.sample_shape) == 2 else images


class _StartsAtZero(nn.Conv2d):
    """A convolution whose initial weights are 0, so that a residual network begins with r = x."""

    starts_at_zero = True


def _level(inputs: int, outputs: int, convolutions: int, act: Activation) -> Iterator[nn.Module]:
    for number in range(convolutions):
        yield nn.Conv2d(outputs if number else inputs, outputs, 3, padding=1)
        yield activation(act)


def _halve(maps: int, mode: Down) -> nn.Module:
    return nn.MaxPool2d(2) if mode == "pool" else nn.Conv2d(maps, maps, 2, stride=2)


def _double(inputs: int, outputs: int, mode: Up) -> nn.Module:
    if mode == "transposed":
        return nn.ConvTranspose2d(inputs, outputs, 2, stride=2)
    # Where the convolution is 1 x 1 the order does not matter, and this one is four times cheaper.
    smooth = None if mode == "nearest" else False
    resize = nn.Upsample(scale_factor=2, mode=mode, align_corners=smooth)
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1), resize)


def _pad(images: Tensor, multiple: int) -> Tensor:
    """Images with sides that are multiples, reflected; small ones with their edge repeated."""
    height, width = images.shape[-2:]
    for size, at in ((width, 0), (height, 2)):
        if missing := -size % multiple:
            sides = [0, 0, 0, 0]
            sides[at + 1] = missing
            images = F.pad(images, sides, mode="reflect" if missing < size else "replicate")
    return images


def _crop(images: Tensor, size: Sequence[int]) -> Tensor:
    return images[..., : size[0], : size[1]]
