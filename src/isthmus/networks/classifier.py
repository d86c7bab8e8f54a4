"""A softmax classifier on the code: beside the decoder, or in its place."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from isthmus.networks._base import Network
from isthmus.networks._initialise import initialise
from isthmus.networks.code_activations import CodeActivation


class Head(nn.Linear):
    """V h + c: scores of the classes, ``(N, classes)``, of codes of any shape.

    Parameters
    ----------
    network
        Whose codes are classified.
    classes
        Their number.
    seed
        Of the weights; ``None`` leaves them without memory, see `build_network`.
    """

    def __init__(self, network: Network, classes: int, seed: int | None) -> None:
        super().__init__(math.prod(network.code_shape), classes, device="meta")
        if seed is not None:
            self.to_empty(device="cpu")
            initialise(self, torch.Generator().manual_seed(seed))

    def forward(self, code: Tensor) -> Tensor:
        """Scores before the softmax."""
        return super().forward(code.flatten(1))


class Classified(Network):
    """An autoencoder with a classifier beside its decoder: f, g and the head on f's code.

    Parameters
    ----------
    network
        f and g, taken over as they are.
    classes, seed
        See `Head`.
    """

    def __init__(self, network: Network, classes: int, seed: int | None) -> None:
        super().__init__(network.sample_shape, network.output_activation)
        self.kind, self.code_shape = network.kind, network.code_shape  # type: ignore[misc]
        self.network, self.head = network, Head(network, classes, seed)

    @property
    def code_activation(self) -> CodeActivation:
        """That of f."""
        return self.network.code_activation

    @property
    def single_layer(self) -> nn.Linear | None:
        """That of f."""
        return self.network.single_layer

    def encode(self, x: Tensor) -> Tensor:
        """f(x)."""
        return self.network.encode(x)

    def logits(self, code: Tensor) -> Tensor:
        """g(h) before its activation."""
        return self.network.logits(code)

    def trace(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """f(x), and g's output before its activation."""
        return self.network.trace(x)

    def forward(self, x: Tensor) -> Tensor:
        """g(f(x))."""
        reconstruction: Tensor = self.network(x)
        return reconstruction

    def classify(self, code: Tensor) -> Tensor:
        """Scores of the classes before the softmax, ``(N, classes)``."""
        scores: Tensor = self.head(code)
        return scores


class Classifier(Network):
    """A copy of an encoder with the head in place of the decoder: y is the class.

    Parameters
    ----------
    network
        Whose encoder is copied.
    classes, seed
        See `Head`.
    """

    def __init__(self, network: Network, classes: int, seed: int | None) -> None:
        super().__init__(network.sample_shape, "softmax")
        self.code_shape = network.code_shape
        self.network = network.without_decoder()
        self.head = Head(network, classes, seed)

    @property
    def code_activation(self) -> CodeActivation:
        """That of the encoder."""
        return self.network.code_activation

    def encode(self, x: Tensor) -> Tensor:
        """f(x)."""
        return self.network.encode(x)

    def logits(self, code: Tensor) -> Tensor:
        """Scores of the classes before the softmax, ``(N, classes)``."""
        scores: Tensor = self.head(code)
        return scores
