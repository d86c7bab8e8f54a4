"""A part of a stack that is an autoencoder itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from torch import Tensor, nn

from isthmus.networks._activations import OutputActivation
from isthmus.networks._base import Network
from isthmus.networks.code_activations import CodeActivation


class Stage(Network):
    """One layer of a dense autoencoder and its mirror image, h = s(W x + b) and r = s'(V h + c).

    Parameters
    ----------
    layer, act
        W and b; s.
    back, back_act
        V and c; s'.
    sample_shape
        Of the samples; a vector of the layer's inputs by default.
    output_activation
        Of the samples, for the outermost stage; an inner stage has that of its codes, s'.
    """

    decoder_modules = ("back", "back_act")

    def __init__(
        self,
        layer: nn.Module,
        act: nn.Module,
        back: nn.Module,
        back_act: nn.Module,
        sample_shape: Sequence[int] | None = None,
        output_activation: OutputActivation = "none",
    ) -> None:
        if isinstance(back_act, CodeActivation) and back_act.kind == "sigmoid":
            output_activation = "sigmoid"  # so that a cross-entropy can take the logits
        outputs, inputs = cast(nn.Linear, layer).weight.shape
        super().__init__(sample_shape or (inputs,), output_activation)
        self.code_shape = (outputs,)
        self.encoder = nn.Sequential(layer, act)
        self.back, self.back_act = back, back_act

    @property
    def code_activation(self) -> CodeActivation:
        """The activation s."""
        return cast(CodeActivation, self.encoder[-1])

    @property
    def single_layer(self) -> nn.Linear:
        """The layer of W and b."""
        return cast(nn.Linear, self.encoder[0])

    def encode(self, x: Tensor) -> Tensor:
        """Codes ``(N, units)``."""
        code: Tensor = self.encoder(x.flatten(1))
        return code

    def logits(self, code: Tensor) -> Tensor:
        """V h + c, ``(N, *sample_shape)``."""
        flat: Tensor = self.back(code)
        return flat.reshape(-1, *self.sample_shape)

    def activate(self, logits: Tensor) -> Tensor:
        """The activation s', or the output activation."""
        inner = isinstance(self.back_act, CodeActivation)
        activated: Tensor = self.back_act(logits) if inner else super().activate(logits)
        return activated
