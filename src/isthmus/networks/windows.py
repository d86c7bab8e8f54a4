"""A classifier of pixels that looks at the window around each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from isthmus.core.errors import SettingError
from isthmus.core.settings import PositiveInt
from isthmus.networks._activations import OutputActivation, activation
from isthmus.networks._base import NETWORKS
from isthmus.networks._images import BatchNorm, ImageNetwork, Normalisation, extend
from isthmus.networks.code_activations import CodeActivation

Window = PositiveInt | tuple[PositiveInt, PositiveInt]


@NETWORKS.register("windows")
class Windows(ImageNetwork):
    """Scores of one pixel from the c x d window around it, for all pixels of an image at once.

    A convolution without padding, an activation and 2 x 2 max pooling for each entry of `channels`;
    a convolution of all that is left, which gives the code of the window; and its scores. The first
    ones are 3 x 3, or 4 wide where only so the pooling leaves no pixel out. Neighbours share nearly
    all of their windows, so all are looked at together: a pooling of stride 1, after which layers
    are dilated by 2, gives at each pixel what its window gives by itself (`classify_window`).
    Images are reflected beyond their borders.
    Sources: lecture note 004 (vessels, windows of 23 x 23); Giusti et al. 2013 (all at once).

    Parameters
    ----------
    sample_shape, outputs
        See `ImageNetwork`; where samples come out, r is the window's centre.
    code_size
        Maps of the code, ``(maps, H, W)``: it is as large as the image.
    window
        c = d, or ``(c, d)``: rows and columns. An even one has its centre at c / 2.
    channels
        Widths of the convolutions before the last.
    normalisation, output_activation
        See `VGGNetwork`.

    Raises
    ------
    DataError
        If the samples are not images.
    SettingError
        If the window is too small for so many poolings.
    """

    decoder_modules: ClassVar[tuple[str, ...]] = ("scores",)

    def __init__(
        self,
        sample_shape: Sequence[int],
        code_size: int | Sequence[int],
        outputs: int | None = None,
        *,
        window: Window = 23,
        channels: tuple[PositiveInt, ...] = (32, 64),
        normalisation: Normalisation = "batch",
        output_activation: OutputActivation = "none",
    ) -> None:
        super().__init__(
            sample_shape, code_size, outputs, output_activation=output_activation, stride=1
        )
        self.window = (window, window) if isinstance(window, int) else window
        sizes, left, least = [], self.window, 1
        for _ in channels:
            sizes.append((3 + left[0] % 2, 3 + left[1] % 2))
            left, least = (left[0] // 2 - 1, left[1] // 2 - 1), 2 * least + 2
        if min(left) < 1:
            raise SettingError(
                f"A window of {self.window[0]} x {self.window[1]} pixels is too small for"
                f" {len(channels)} convolutions and poolings, which need {least} x {least};"
                " enlarge window or shorten channels."
            )
        widths = [self.input_maps, *channels, self.code_shape[0]]
        self.encoder = nn.ModuleList(
            _layer(*pair, size, normalisation)
            for pair, size in zip(pairwise(widths), [*sizes, left], strict=True)
        )
        self.scores = nn.Conv2d(self.code_shape[0], self.output_maps, 1)

    @property
    def code_activation(self) -> CodeActivation:
        """The last module of the encoder."""
        return cast(CodeActivation, cast(nn.Sequential, self.encoder[-1])[-1])

    @property
    def code_is_all(self) -> bool:
        """True: nothing passes by the code."""
        return True

    def windows(self, x: Tensor) -> Tensor:
        """The windows of all pixels of images ``(N, [C,] H, W)``, as ``(N, H, W, C, c, d)``."""
        rows, columns = self.window
        views = self._bordered(self._padded(x)).unfold(2, rows, 1).unfold(3, columns, 1)
        return views.permute(0, 2, 3, 1, 4, 5)

    def down(self, images: Tensor) -> tuple[Tensor, None]:
        """The codes of all pixels' windows."""
        bordered = self._bordered(images).contiguous(memory_format=torch.channels_last)
        return self.codes(bordered, dense=True), None

    def up(self, code: Tensor, kept: object = None) -> Tensor:
        """Logits of the images' size, of the code alone."""
        logits: Tensor = self.scores(code)
        return logits

    def codes(self, images: Tensor, *, dense: bool) -> Tensor:
        """Of single windows ``(N, C, c, d)`` as ``(N, maps, 1, 1)``, or of all within images."""
        (stride, growth), dilation = (1, 2) if dense else (2, 1), 1
        *layers, last = cast(Iterable[nn.Sequential], self.encoder)
        for layer in layers:
            images = _apply(layer, images, dilation)
            images = F.max_pool2d(images, 2, stride, dilation=dilation)
            dilation *= growth
        return _apply(last, images, dilation)

    def _bordered(self, images: Tensor) -> Tensor:
        """So far beyond the borders that each pixel has its window."""
        for axis, side in zip((-2, -1), self.window, strict=True):
            images = extend(images, axis, side // 2, (side - 1) // 2)
        return images


def classify_window(network: Windows, windows: Tensor) -> Tensor:
    """Scores ``(N, outputs)`` of the centres of windows ``(N, C, c, d)``, each by itself.

    The convolutions and poolings of note 004 as they stand there, with no work shared: what the
    network gives at the same pixels, more slowly, but for a normalisation while it is trained.
    """
    return network.up(network.codes(windows, dense=False))[..., 0, 0]


def _layer(
    inputs: int, outputs: int, size: tuple[int, int], normalisation: Normalisation
) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, size, bias=normalisation == "none")
    normal = [BatchNorm(outputs)] if normalisation == "batch" else []
    return nn.Sequential(convolution, *normal, activation("relu"))


def _apply(layer: nn.Sequential, images: Tensor, dilation: int) -> Tensor:
    convolution, *others = cast(Iterable[Any], layer)
    images = F.conv2d(images, convolution.weight, convolution.bias, dilation=dilation)
    for module in others:
        images = module(images)
    return images
