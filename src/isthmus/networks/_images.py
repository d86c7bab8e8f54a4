"""What networks for images of any size share: padding, cropping, and maps of several sizes."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from isthmus.core.errors import DataError, SettingError
from isthmus.networks._activations import Activation, OutputActivation, activation
from isthmus.networks._base import Network

Normalisation = Literal["none", "batch"]
Up = Literal["transposed", "nearest", "bilinear"]
_STRIP = 32  # pixels, at least, of an image that only one axis matters of


class ImageNetwork(Network):
    """A network whose one set of weights serves images of any size.

    Images are padded by reflection at the bottom and the right to a multiple of `stride`, and what
    comes out is cropped, so that it has their size.

    Parameters
    ----------
    sample_shape
        ``(H, W)`` or ``(C, H, W)``; the network takes any other H and W as well.
    code_size
        Number of maps of the deepest level, which is the code; or its whole shape, ``(maps, h, w)``
        with H and W divided by the stride and rounded up.
    outputs
        Number of maps that come out, K classes for label maps; ``None`` for those of a sample.
    stride
        By how much the code is smaller than the image.

    Attributes
    ----------
    input_maps, output_maps : int
        Channels of the images that go in and come out.

    Raises
    ------
    DataError
        If the samples are not images.
    SettingError
        If `code_size` has another height or width than the stride gives.
    """

    any_size: ClassVar[bool] = True

    def __init__(
        self,
        sample_shape: Sequence[int],
        code_size: int | Sequence[int],
        outputs: int | None,
        *,
        output_activation: OutputActivation,
        stride: int,
    ) -> None:
        super().__init__(sample_shape, output_activation)
        if len(self.sample_shape) not in (2, 3):
            raise DataError(
                f"The network '{self.kind}' needs images, (H, W) or (C, H, W), but a sample has"
                f" shape {self.sample_shape}; use the network 'dense' for vectors."
            )
        self.stride = stride
        self.input_maps = 1 if len(self.sample_shape) == 2 else self.sample_shape[0]
        self._like_samples = outputs is None
        self.output_maps = self.input_maps if outputs is None else outputs
        self.code_shape = self._code_shape(code_size)

    def _code_shape(self, code_size: int | Sequence[int]) -> tuple[int, ...]:
        height, width = (math.ceil(side / self.stride) for side in self.sample_shape[-2:])
        if isinstance(code_size, int):
            return code_size, height, width
        if tuple(code_size[1:]) != (height, width):
            raise SettingError(
                f"code_size {tuple(code_size)} does not fit: this network ('{self.kind}') brings"
                f" {' x '.join(map(str, self.sample_shape[-2:]))} pixels to {height} x {width}, so"
                f" give (maps, {height}, {width}), or the number of maps alone."
            )
        return tuple(code_size)

    @abstractmethod
    def down(self, images: Tensor) -> tuple[Tensor, Any]:
        """The code ``(N, maps, h, w)`` of padded images ``(N, C, H, W)``, and what else is kept.

        That is what the decoder looks at beside the code: maps of the levels above, or places.
        """

    @abstractmethod
    def up(self, code: Tensor, kept: Any) -> Tensor:
        """Logits ``(N, output_maps, H, W)`` of the padded size; `kept` may be ``None``."""

    @property
    def code_is_all(self) -> bool:
        """Whether the decoder looks at nothing but the code."""
        return False

    @cached_property
    def reach(self) -> int:
        """How many rows or columns beside a pixel's own, at most, have a say in its output.

        It is found by pixels that are no numbers, which make all that depends on them no number.
        The network must not be in training.
        """
        parameter = next(self.parameters())
        height, length = -(-_STRIP // self.stride) * self.stride, 8 * self.stride
        while True:
            length *= 2
            # One after another each place in a cell of the coarsest grid, in the middle.
            places = length // 2 // self.stride * self.stride + torch.arange(self.stride)
            x = parameter.new_zeros(self.stride, self.input_maps, height, length)
            x[torch.arange(self.stride), ..., places] = torch.nan
            with torch.inference_mode():
                felt = self.up(*self.down(x)).isnan().flatten(1, 2).any(1)
            if not felt[:, [0, -1]].any():
                image, column = felt.nonzero().T.cpu()
                return int((column - places[image]).abs().max())

    def encode(self, x: Tensor) -> Tensor:
        """The deepest maps, ``(N, *code_shape)``; of another height and width if the images are."""
        return self.down(self._padded(x))[0]

    def logits(self, code: Tensor) -> Tensor:
        """Decoder's output before its activation, ``(N, *sample_shape)`` or of `outputs` maps.

        Maps of another size than `code_shape` give images of their size times the stride.

        Raises
        ------
        SettingError
            If the decoder looks at more than the code.
        """
        if not self.code_is_all:
            raise SettingError(
                f"The decoder of this network ('{self.kind}') looks at more than the code, which"
                " alone does not determine an image; use a U-Net with skips = 'none' and residual ="
                " false to decode codes."
            )
        images = self.up(code, None)
        if code.shape[1:] == self.code_shape:
            images = crop(images, self.sample_shape[-2:])
        return self._shaped(images)

    def trace(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Codes and logits of one pass, of images of any size."""
        code, kept = self.down(self._padded(x))
        return code, self._shaped(crop(self.up(code, kept), x.shape[-2:]))

    def forward(self, x: Tensor) -> Tensor:
        """What is made of images of any size, in their size."""
        return self.activate(self.trace(x)[1])

    def _padded(self, x: Tensor) -> Tensor:
        images = x.unsqueeze(1) if len(self.sample_shape) == 2 else x
        return pad(images, self.stride)

    def _shaped(self, images: Tensor) -> Tensor:
        """As samples are shaped, where these come out."""
        flat = self._like_samples and len(self.sample_shape) == 2
        return images.squeeze(1) if flat else images


def convolution_block(
    inputs: int,
    outputs: int,
    count: int,
    act: Activation,
    normalisation: Normalisation = "none",
    size: int = 3,
) -> nn.Sequential:
    """Convolutions, 3 x 3, each followed by a normalisation, if any, and an activation."""
    layers: list[nn.Module] = []
    for number in range(count):
        # The mean that a normalisation takes off makes a bias useless.
        bias = normalisation == "none"
        layers.append(
            nn.Conv2d(outputs if number else inputs, outputs, size, padding=size // 2, bias=bias)
        )
        if normalisation == "batch":
            layers.append(BatchNorm(outputs))
        layers.append(activation(act))
    return nn.Sequential(*layers)


class BatchNorm(nn.BatchNorm2d):
    """By the running means also where a batch has a single value of each map, without a spread."""

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``(N, C, H, W)``."""
        if self.training and x.numel() == x.shape[1]:
            running = self.running_mean, self.running_var
            return F.batch_norm(x, *running, self.weight, self.bias, eps=self.eps)
        return super().forward(x)


def double(inputs: int, outputs: int, mode: Up) -> nn.Module:
    """A module that doubles the size of maps: a transposed convolution, or interpolation."""
    if mode == "transposed":
        return nn.ConvTranspose2d(inputs, outputs, 2, stride=2)
    # Where the convolution is 1 x 1 the order does not matter, and this one is four times cheaper.
    smooth = None if mode == "nearest" else False
    resize = nn.Upsample(scale_factor=2, mode=mode, align_corners=smooth)
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1), resize)


def pad(images: Tensor, multiple: int) -> Tensor:
    """Images with sides that are multiples, reflected; small ones with their edge repeated."""
    for axis in (-1, -2):
        missing = -images.shape[axis] % multiple
        if torch.onnx.is_in_onnx_export() or missing:
            images = extend(images, axis, 0, missing)
    return images


def extend(images: Tensor, axis: int, before: int, after: int) -> Tensor:
    """Images reflected on both sides of their last axis, -1, or the one above it, -2."""
    if torch.onnx.is_in_onnx_export():
        return _extended_by_any(images, axis, before, after)
    sides = [before, after, 0, 0] if axis == -1 else [0, 0, before, after]
    reflects = max(before, after) < images.shape[axis]
    return F.pad(images, sides, mode="reflect" if reflects else "replicate")


def _extended_by_any(images: Tensor, axis: int, before: int, after: int) -> Tensor:
    """The same as one graph for images of all sizes, in which no size may decide on the way."""
    last = images.shape[axis] - 1
    places = torch.arange(-before, images.shape[axis] + after, device=images.device)
    reflected = last - (last - places.abs()).abs()
    reflects = torch.as_tensor((last >= before) & (last >= after))  # sizes are tensors here
    return images.index_select(axis, torch.where(reflects, reflected, places.clamp(0, last)))


def crop(images: Tensor, size: Sequence[int]) -> Tensor:
    """The upper left part of a size (h, w)."""
    return images[..., : size[0], : size[1]]
