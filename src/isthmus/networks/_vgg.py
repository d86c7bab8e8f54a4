"""VGG16's convolutions as an encoder, and what the networks on it share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar, cast

import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from isthmus.core.errors import ModelFileError, SettingError
from isthmus.core.settings import PositiveInt
from isthmus.networks._activations import OutputActivation
from isthmus.networks._images import ImageNetwork, Normalisation, convolution_block
from isthmus.networks.code_activations import CodeActivation

CONVOLUTIONS = (2, 2, 3, 3, 3)  # of VGG16's blocks
_WIDTHS = (1, 2, 4, 8, 8)  # as multiples of the first block's


def vgg_widths(width: int) -> list[int]:
    """Maps of the five blocks."""
    return [width * factor for factor in _WIDTHS]


class VGGBlocks(nn.ModuleList):
    """The first blocks of VGG16, as many as `widths` has entries; poolings are left to the network.

    Source: Simonyan and Zisserman 2015, configuration D; lecture note 001.
    """

    def __init__(self, inputs: int, widths: Sequence[int], normalisation: Normalisation) -> None:
        super().__init__(
            convolution_block(before, own, count, "relu", normalisation)
            for before, own, count in zip([inputs, *widths], widths, CONVOLUTIONS, strict=False)
        )

    def named_convolutions(self) -> Iterator[tuple[str, nn.Conv2d]]:
        """The convolutions by torchvision's names, ``features.0``, ``features.2``, ..."""
        place = 0
        for block in self:
            for layer in block.children():
                if isinstance(layer, nn.Conv2d):
                    yield f"features.{place}", layer
                    place += 2  # its activation is counted too
            place += 1  # and so is the pooling


class VGGNetwork(ImageNetwork):
    """A network whose encoder is VGG16's first blocks, with 2 x 2 max pooling between them.

    Parameters
    ----------
    sample_shape, outputs
        See `ImageNetwork`.
    code_size
        Maps of the last block's convolutions (VGG16's own number is 8 · `width`, after the third
        block 4 · `width`), which are the code.
    width
        Maps of the first block; the next ones have 2, 4, 8 and 8 times as many. VGG16's is 64.
    normalisation
        ``"batch"`` or ``"none"``, see `UNet`.
    output_activation
        ``"softmax"`` for label maps, ``"sigmoid"`` for pixels in [0, 1], ``"none"`` or ``"relu"``
        for other ranges.

    Raises
    ------
    DataError
        If the samples are not images.
    SettingError
        If `code_size` has another height or width than the poolings give. From `logits` and
        `decode`, if a code alone does not tell the image.
    """

    blocks: ClassVar[int]
    poolings: ClassVar[int]

    def __init__(
        self,
        sample_shape: Sequence[int],
        code_size: int | Sequence[int],
        outputs: int | None = None,
        *,
        width: PositiveInt = 32,
        normalisation: Normalisation = "batch",
        output_activation: OutputActivation = "none",
    ) -> None:
        super().__init__(
            sample_shape,
            code_size,
            outputs,
            output_activation=output_activation,
            stride=2**self.poolings,
        )
        widths = [*vgg_widths(width)[: self.blocks - 1], self.code_shape[0]]
        self.encoder = VGGBlocks(self.input_maps, widths, normalisation)
        self.decoder = nn.ModuleList(self._levels(widths, normalisation))

    @abstractmethod
    def _levels(self, widths: list[int], normalisation: Normalisation) -> Iterator[nn.Module]:
        """The decoder's levels, deepest first, for an encoder of these widths."""

    @property
    def code_activation(self) -> CodeActivation:
        """The last module of the encoder."""
        return cast(CodeActivation, cast(nn.Sequential, self.encoder[-1])[-1])

    def down(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The last block's maps, and those of the blocks above it."""
        first, *others = self.encoder
        maps = [first(images.contiguous(memory_format=torch.channels_last))]
        for block in others:
            maps.append(block(F.max_pool2d(maps[-1], 2)))
        return maps[-1], maps[:-1]


def mirrored(
    inputs: int, outputs: int, count: int, normalisation: Normalisation
) -> list[nn.Module]:
    """A block of VGG16 the other way: its layers go from `inputs` to `outputs` maps at the end."""
    return [
        *convolution_block(inputs, inputs, count - 1, "relu", normalisation),
        *convolution_block(inputs, outputs, 1, "relu", normalisation),
    ]


def load_vgg16(network: nn.Module, path: str | Path) -> None:
    """Fill the VGG16 encoders of a network with weights of a local file, in place.

    The network has `width` = 64, three channels and `normalisation` = "none"; where the code is
    VGG16's last block, `code_size` = 512, after three blocks 256. Weights of torchvision were
    trained on RGB in [0, 1], less (0.485, 0.456, 0.406), divided by (0.229, 0.224, 0.225).

    Parameters
    ----------
    path
        A ``.safetensors`` file, or a state dict written by torch, of which nothing is executed.
        Its tensors are named as torchvision's, ``features.0.weight``, ...; others are left alone.

    Raises
    ------
    SettingError
        If the network has no such encoder.
    ModelFileError
        If the file cannot be read, or a tensor is missing or has another shape; the network is
        then as it was.
    """
    encoders = [module for module in network.modules() if isinstance(module, VGGBlocks)]
    layers = [pair for encoder in encoders for pair in encoder.named_convolutions()]
    if not layers or any(layer.bias is None for _, layer in layers):
        raise SettingError(
            "Weights of VGG16 need a network on its blocks without normalisation: 'fcn', 'segnet',"
            " 'coarse', 'fine' or 'two_path' with normalisation = 'none'."
        )
    tensors = _read(Path(path))
    pairs = [
        (f"{name}.{part}", parameter)
        for name, layer in layers
        for part, parameter in layer.named_parameters()
    ]
    for name, parameter in pairs:
        found = tensors.get(name)
        shape = list(found.shape) if isinstance(found, Tensor) else "missing"
        if shape != list(parameter.shape):
            raise ModelFileError(
                f"{path} does not fit the network: '{name}' is {shape} where"
                f" {list(parameter.shape)} belongs; VGG16 has width 64 and three channels."
            )
    with torch.no_grad():
        for name, parameter in pairs:
            parameter.copy_(tensors[name])


def _read(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        tensors = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # each kind of damage is another one
        reason = str(error).partition("\n")[0]
        raise ModelFileError(
            f"{path} cannot be read as weights ({reason}); give a .safetensors file or a state dict"
            " of tensors alone."
        ) from error
    if not isinstance(tensors, dict):
        raise ModelFileError(f"{path} holds no table of tensors by name; give a state dict.")
    return tensors
