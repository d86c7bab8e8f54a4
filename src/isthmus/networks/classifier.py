"""A softmax classifier on the code: beside the decoder, or in its place."""

from __future__ import annotations

import math
from typing import ClassVar

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


class Centres(nn.Module):
    """-log(1 + ‖h - μ_j‖²): scores whose softmax is Student's t around K centres.

    Source: Xie et al. 2016 (one degree of freedom).

    Parameters
    ----------
    centres
        μ, ``(K, m)``; they move in training.
    shares
        Mean of the softmax over all samples, ``(K,)``. In training it follows the batches.
    """

    _FOLLOWS = 0.01  # how much of it a batch replaces

    def __init__(self, centres: Tensor, shares: Tensor) -> None:
        super().__init__()
        self.centres = nn.Parameter(centres)
        self.shares: Tensor
        self.register_buffer("shares", shares)

    def forward(self, code: Tensor) -> Tensor:
        """Scores before the softmax, ``(N, K)``."""
        scores = -(code.flatten(1)[:, None] - self.centres).square().sum(2).log1p()
        if self.training:
            found = scores.detach().float().softmax(1).mean(0)
            self.shares = torch.lerp(self.shares, found, self._FOLLOWS)
        return scores


class Classified(Network):
    """An autoencoder with a classifier beside its decoder: f, g and the head on f's code.

    Parameters
    ----------
    network
        f and g, taken over as they are.
    head
        `Head` or `Centres`.
    """

    def __init__(self, network: Network, head: nn.Module) -> None:
        super().__init__(network.sample_shape, network.output_activation)
        # A wrapper is of the kind that it wraps, which no other network tells of an instance.
        self.kind, self.code_shape = network.kind, network.code_shape  # type: ignore[misc]
        self.network, self.head = network, head

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

    kind: ClassVar[str] = "classifier"

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
