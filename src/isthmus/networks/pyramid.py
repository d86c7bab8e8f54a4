"""One encoder for all scales of an image, and scores of each pixel from what it says of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import ClassVar, cast

from torch import Tensor, nn
from torch.nn import functional as F

from isthmus.core.errors import SettingError
from isthmus.core.settings import PositiveInt
from isthmus.networks._activations import OutputActivation, activation
from isthmus.networks._base import NETWORKS, Network
from isthmus.networks._images import ImageNetwork, extend
from isthmus.networks.code_activations import CodeActivation


@NETWORKS.register("pyramid")
class Pyramid(ImageNetwork):
    """Features of every pixel at several scales, by one encoder, and a classifier on them.

    x_0 is the image, x_{s+1} every other pixel of the blurred x_s (a Gaussian pyramid). Each layer
    of the encoder is a convolution, a rectifier and 2 x 2 max pooling; the same weights look at all
    scales. The maps of all layers and scales, brought to one size, are the features of a pixel,
    from which one hidden layer and the scores are computed pixel by pixel.
    The encoder can be learnt layer by layer without labels, see `stages`.
    Source: Kallenberg et al. 2016 (several scales, layer by layer, a softmax for each pixel).

    Parameters
    ----------
    sample_shape, outputs
        See `ImageNetwork`.
    code_size
        Maps of the last layer; those of the coarsest scale are the code.
    channels
        Maps of the layers before.
    scales
        Levels of the pyramid, the image itself included.
    kernel
        Side of the convolutions, an odd number.
    hidden
        Width of the classifier's hidden layer.
    output_activation
        See `UNet`.

    Raises
    ------
    SettingError
        If `kernel` is even.
    """

    decoder_modules: ClassVar[tuple[str, ...]] = ("mix", "scores")

    def __init__(
        self,
        sample_shape: Sequence[int],
        code_size: int | Sequence[int],
        outputs: int | None = None,
        *,
        channels: tuple[PositiveInt, ...] = (16, 24),
        scales: PositiveInt = 4,
        kernel: PositiveInt = 5,
        hidden: PositiveInt = 32,
        output_activation: OutputActivation = "none",
    ) -> None:
        stride = 2 ** (scales + len(channels))
        super().__init__(
            sample_shape, code_size, outputs, output_activation=output_activation, stride=stride
        )
        if kernel % 2 == 0:
            raise SettingError(
                f"network 'pyramid': kernel = {kernel} has no centre; give an odd one."
            )
        self.scales = scales
        widths = [*channels, self.code_shape[0]]
        self.encoder = nn.ModuleList(
            nn.Sequential(nn.Conv2d(*pair, kernel, padding=kernel // 2), activation("relu"))
            for pair in pairwise([self.input_maps, *widths])
        )
        self.mix = nn.ModuleList(nn.Conv2d(own, hidden, 1) for own in scales * widths)
        self.scores = nn.Sequential(activation("relu"), nn.Conv2d(hidden, self.output_maps, 1))

    @property
    def code_activation(self) -> CodeActivation:
        """The last module of the encoder."""
        return cast(CodeActivation, cast(nn.Sequential, self.encoder[-1])[-1])

    def stages(self) -> list[Network]:
        """An autoencoder for each layer, with the layer's weights and a decoder of its own.

        What goes into one are the pooled codes of the one before, see `pooled`.
        """
        return [ConvolutionalStage(cast(nn.Sequential, layer)) for layer in self.encoder]

    def down(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The last maps of the coarsest scale, and all the others, the finest scale first."""
        found = []
        for scale in range(self.scales):
            images = halved(images) if scale else images
            maps = images
            for convolution, act in cast(Iterable[nn.Sequential], self.encoder):
                maps = act(pooled(convolution(maps)))  # as the greatest of rectified ones
                found.append(maps)
        return found[-1], found[:-1]

    def up(self, code: Tensor, kept: list[Tensor]) -> Tensor:
        """Logits of the padded size."""
        features = [*kept, code]
        size = features[0].shape[-2:]
        # A 1 x 1 convolution of all maps side by side, each before it is enlarged.
        mixed = (
            F.interpolate(mix(maps), size, mode="bilinear")
            for mix, maps in zip(self.mix, features, strict=True)
        )
        scores: Tensor = self.scores(sum(mixed))  # one after another, for they are large
        return F.interpolate(scores, scale_factor=2, mode="bilinear")


class ConvolutionalStage(Network):
    """One convolution as an autoencoder: h = s(W * x + b), r = V * h + c, on images of any size."""

    kind: ClassVar[str] = "convolutional_stage"
    decoder_modules: ClassVar[tuple[str, ...]] = ("back",)
    any_size: ClassVar[bool] = True

    def __init__(self, layer: nn.Sequential) -> None:
        inner = cast(nn.Conv2d, layer[0])
        side = inner.kernel_size[0]
        super().__init__((inner.in_channels, side, side), "none")
        self.code_shape = (inner.out_channels, side, side)
        self.encoder = layer
        self.back = nn.Conv2d(inner.out_channels, inner.in_channels, side, padding=side // 2)

    @property
    def code_activation(self) -> CodeActivation:
        """The activation s."""
        return cast(CodeActivation, self.encoder[-1])

    def encode(self, x: Tensor) -> Tensor:
        """Maps of the images' size, before any pooling."""
        code: Tensor = self.encoder(x)
        return code

    def logits(self, code: Tensor) -> Tensor:
        """V * h + c."""
        restored: Tensor = self.back(code)
        return restored


def pooled(maps: Tensor) -> Tensor:
    """The greatest of every 2 x 2 pixels of each map."""
    return F.max_pool2d(maps, 2)


def halved(images: Tensor) -> Tensor:
    """Every other pixel of images ``(N, C, H, W)`` blurred by [1, 3, 3, 1] / 8 each way."""
    for axis in (-1, -2):
        images = extend(images, axis, 1, 1)
    for stride in (1, 1, 2):  # [1, 1] * [1, 1] * [1, 1] = [1, 3, 3, 1]
        images = F.avg_pool2d(images, 2, stride)
    return images
