"""U-Net: an encoder and a decoder of images, joined at every level."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, ClassVar, Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from isthmus.core.errors import SettingError
from isthmus.core.settings import PositiveInt
from isthmus.networks._activations import Activation, OutputActivation
from isthmus.networks._base import NETWORKS
from isthmus.networks._images import ImageNetwork, Normalisation, Up, convolution_block, double
from isthmus.networks.code_activations import CodeActivation

Skips = Literal["concatenate", "add", "none"]
Down = Literal["pool", "stride"]


@NETWORKS.register("unet")
class UNet(ImageNetwork):
    """Levels of 3 x 3 convolutions, each half as large as the last, and back up beside their maps.

    With widths c_0, ..., c_k and c_{k+1} = `code_size`, level i works on c_i maps at 1 / 2^i of the
    size. On the way up level i sees what came from below and, by its *skip*, what it was itself on
    the way down, so that the code need not carry the details. A 1 x 1 convolution ends it.
    Images of any size are padded to a multiple of the total stride, `shuffle` · 2^(k+1).
    Sources: Ronneberger, Fischer and Brox 2015; Zhang et al. 2017 (`residual`), 2018 (`shuffle`);
    Lee et al. 2015 (`side_outputs`); lecture notes 000, 003, 004.

    Parameters
    ----------
    sample_shape, code_size, outputs
        See `ImageNetwork`.
    channels
        Widths of the levels above the code, outermost first.
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
    normalisation
        ``"batch"``: of each map over the batch in training, by running means after it, so that a
        sample's result is its own; label maps are learnt faster with it. ``"none"`` is for
        restoration, where it costs accuracy. ``"auto"``: as it is a label map or a sample.
    output_activation
        ``"sigmoid"`` for pixels in [0, 1], ``"none"`` or ``"relu"`` for other ranges, ``"softmax"``
        for label maps.
    residual
        The last convolution gives the difference to the input, r = x + g(f(x)): a denoiser then
        learns the noise.
    shuffle
        r: every r x r pixels become channels of one before the first level, and pixels again after
        the last; about r² times faster.
    side_outputs
        Whether the levels on the way up tell logits of their own, which the penalty
        ``"deep_supervision"`` looks at: `side_logits` of the last pass, deepest first.

    Raises
    ------
    DataError
        If the samples are not images.
    SettingError
        If `code_size` has another height or width than the levels give, or if `residual` is set
        with an output activation. From `logits` and `decode`, if a code alone does not tell the
        image.
    """

    decoder_modules: ClassVar[tuple[str, ...]] = ("ups", "decoder", "sides", "last")

    def __init__(
        self,
        sample_shape: Sequence[int],
        code_size: int | Sequence[int],
        outputs: int | None = None,
        *,
        channels: tuple[PositiveInt, ...] = (32, 64),
        convolutions: PositiveInt = 2,
        skips: Skips = "concatenate",
        down: Down = "pool",
        up: Up = "transposed",
        activation: Activation = "relu",
        normalisation: Normalisation | Literal["auto"] = "auto",
        output_activation: OutputActivation = "none",
        residual: bool = False,
        shuffle: PositiveInt = 1,
        side_outputs: bool = False,
    ) -> None:
        stride = shuffle * 2 ** len(channels)
        super().__init__(
            sample_shape, code_size, outputs, output_activation=output_activation, stride=stride
        )
        if residual and (output_activation != "none" or outputs is not None):
            raise SettingError(
                "A U-Net with residual = true adds its input to its output, which may be any"
                f" number: set output_activation = 'none' instead of '{output_activation}'."
            )
        self.skips, self.residual, self.shuffle = skips, residual, shuffle
        widths = [*channels, self.code_shape[0]]
        joined = 2 if skips == "concatenate" else 1
        maps = shuffle**2 * self.output_maps

        normal: Normalisation = "none" if outputs is None else "batch"
        if normalisation != "auto":
            normal = normalisation

        def level(inputs: int, outputs: int) -> nn.Sequential:
            return convolution_block(inputs, outputs, convolutions, activation, normal)

        levels = pairwise([shuffle**2 * self.input_maps, *widths])
        self.encoder = nn.ModuleList(level(*pair) for pair in levels)
        self.downs = nn.ModuleList(_halve(own, down) for own in channels)
        self.ups = nn.ModuleList(double(below, own, up) for own, below in pairwise(widths))
        self.decoder = nn.ModuleList(level(joined * own, own) for own in channels)
        inner = channels[1:] if side_outputs else ()
        self.sides = nn.ModuleList(nn.Conv2d(own, self.output_maps, 1) for own in inner)
        self.side_logits: list[Tensor] = []
        self.last = (_StartsAtZero if residual else nn.Conv2d)(widths[0], maps, 1)

    def __getstate__(self) -> dict[str, Any]:
        # A copy is of the network, not of the last batch (whose graph could not be copied).
        return {**self.__dict__, "side_logits": []}

    @property
    def code_activation(self) -> CodeActivation:
        """The last module of the encoder."""
        return cast(CodeActivation, cast(nn.Sequential, self.encoder[-1])[-1])

    @property
    def code_is_all(self) -> bool:
        """Whether the decoder looks at nothing but the code."""
        return self.skips == "none" and not self.residual

    def trace(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Codes and logits of one pass, of images of any size."""
        code, logits = super().trace(x)
        return code, x + logits if self.residual else logits

    def down(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The code, and the maps of all levels above it."""
        images = F.pixel_unshuffle(images, self.shuffle)
        maps = [self.encoder[0](images.contiguous(memory_format=torch.channels_last))]
        for halve, level in zip(self.downs, self.encoder[1:], strict=True):
            maps.append(level(halve(maps[-1])))
        return maps[-1], maps[:-1]

    def up(self, code: Tensor, kept: list[Tensor] | None) -> Tensor:
        """Logits of the padded size; without skips of the code alone."""
        images, self.side_logits = code, []
        for number in reversed(range(len(self.decoder))):
            images = self.ups[number](images)
            if self.skips != "none" and kept is not None:
                own = kept[number]
                joined = self.skips == "concatenate"
                images = torch.cat([own, images], dim=1) if joined else own + images
            images = self.decoder[number](images)
            if self.sides and number:
                self.side_logits.append(self.sides[number - 1](images))
        return F.pixel_shuffle(self.last(images), self.shuffle)


class _StartsAtZero(nn.Conv2d):
    """A convolution whose initial weights are 0, so that a residual network begins with r = x."""

    def start(self) -> None:
        nn.init.zeros_(self.weight)


def _halve(maps: int, mode: Down) -> nn.Module:
    return nn.MaxPool2d(2) if mode == "pool" else nn.Conv2d(maps, maps, 2, stride=2)
