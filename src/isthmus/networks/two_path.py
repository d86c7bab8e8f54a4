"""DeepSmoke: a coarse and a fine path, fused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from torch import Tensor, nn

from isthmus.core.settings import PositiveInt
from isthmus.networks._activations import OutputActivation
from isthmus.networks._base import NETWORKS
from isthmus.networks._images import ImageNetwork, Normalisation, convolution_block
from isthmus.networks._vgg import vgg_widths
from isthmus.networks.coarse import Coarse
from isthmus.networks.code_activations import CodeActivation
from isthmus.networks.fine import Fine


@NETWORKS.register("two_path")
class TwoPath(ImageNetwork):
    """The networks `Coarse` and `Fine` side by side, and a very small one that fuses them.

    What the two make of an image is added; a convolution, an activation and a 1 x 1 convolution
    follow. All is trained at once. Source: Yuan et al. 2019 (DeepSmoke), who tell no more of the
    fusion; lecture note 001.

    Parameters
    ----------
    sample_shape, outputs
        See `ImageNetwork`.
    code_size
        Maps of the coarse path's last block, which are the code.
    width
        Maps of each path's first block; VGG16's is 64. The fusion has as many.
    normalisation, output_activation
        See `VGGNetwork`.
    """

    decoder_modules: ClassVar[tuple[str, ...]] = ("coarse.decoder", "fine", "fusion")

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
            stride=2**Coarse.poolings,
        )
        settings: dict[str, Any] = {"width": width, "normalisation": normalisation}
        self.coarse = Coarse(sample_shape, code_size, outputs, **settings)
        self.fine = Fine(sample_shape, vgg_widths(width)[Fine.blocks - 1], outputs, **settings)
        self.fusion = nn.Sequential(
            *convolution_block(self.output_maps, width, 1, "relu", normalisation),
            nn.Conv2d(width, self.output_maps, 1),
        )

    @property
    def code_activation(self) -> CodeActivation:
        """That of the coarse path."""
        return self.coarse.code_activation

    def down(self, images: Tensor) -> tuple[Tensor, tuple[Tensor, list[Tensor]]]:
        """The coarse path's code; the images and the maps of its levels are kept."""
        code, maps = self.coarse.down(images)
        return code, (images, maps)

    def up(self, code: Tensor, kept: tuple[Tensor, list[Tensor]]) -> Tensor:
        """Logits of the padded size."""
        images, maps = kept
        fine = self.fine.up(self.fine.down(images)[0])
        logits: Tensor = self.fusion(self.coarse.up(code, maps) + fine)
        return logits
