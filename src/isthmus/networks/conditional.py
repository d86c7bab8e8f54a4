"""An autoencoder whose decoder is told the class."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from isthmus.core.errors import DataError
from isthmus.networks._base import Network
from isthmus.networks.code_activations import CodeActivation


class Conditional(Network):
    """r = g(h + e_c): each class c moves the code by a vector of its own, which is learnt.

    What the class tells need not be in the code h, which keeps what varies within a class. Before a
    linear layer W the sum is W h + W e_c, as if a one-hot class stood beside h.
    Source: Sohn, Lee and Yan 2015 (class beside the code).

    Parameters
    ----------
    network
        f and g, taken over as they are.
    classes
        Their number K.
    seed
        Of e_1, ..., e_K, drawn from N(0, I); ``None`` leaves them without memory, see
        `build_network`.
    """

    def __init__(self, network: Network, classes: int, seed: int | None) -> None:
        super().__init__(network.sample_shape, network.output_activation)
        self.kind, self.code_shape = network.kind, network.code_shape  # type: ignore[misc]
        self.network = network
        size = (classes, *network.code_shape)
        if seed is None:
            moves = torch.empty(size, device="meta")
        else:
            moves = torch.randn(size, generator=torch.Generator().manual_seed(seed))
        self.moves = nn.Parameter(moves)
        self.labels: Tensor | None = None

    @property
    def code_activation(self) -> CodeActivation:
        """That of f."""
        return self.network.code_activation

    def given(self, labels: Tensor | None) -> Conditional:
        """The same network for samples of the classes ``(N,)``, or all of one class ``()``."""
        twin = copy.copy(self)  # shares the weights
        twin.labels = labels
        return twin

    def encode(self, x: Tensor) -> Tensor:
        """f(x), which is not told the class."""
        return self.network.encode(x)

    def logits(self, code: Tensor) -> Tensor:
        """g(h + e_c) before its activation; of several codes for each label, one after another.

        Raises
        ------
        DataError
            If the classes are not known.
        """
        if self.labels is None:
            raise DataError(
                "This model's decoder must be told the class of what it decodes; give labels (in"
                " Python y, or model.given(label); on the command line data with classes, or"
                " --class)."
            )
        moves = self.moves[self.labels.to(code.device)]
        if self.labels.ndim:
            moves = moves.repeat_interleave(len(code) // len(moves), dim=0)
        return self.network.logits(code + moves)
