"""What every network is: an encoder f, a decoder g, and an activation at the output."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from isthmus.core.registry import Registry, Spec
from isthmus.networks._activations import OUTPUT_ACTIVATIONS, OutputActivation
from isthmus.networks._initialise import initialise


class Network(nn.Module, ABC):
    """h = f(x), r = g(h): `encode` and `decode`, each usable alone.

    Parameters
    ----------
    sample_shape
        Shape of one sample: ``(D,)``, ``(H, W)`` or ``(C, H, W)``.
    output_activation
        See `OUTPUT_ACTIVATIONS`; ``"none"`` unless the targets have a reason for another.

    Attributes
    ----------
    code_shape : tuple of int
        Shape of one code as `encode` returns it.
    """

    kind: ClassVar[str]
    code_shape: tuple[int, ...]

    def __init__(self, sample_shape: Sequence[int], output_activation: OutputActivation) -> None:
        super().__init__()
        self.sample_shape = tuple(sample_shape)
        self.output_activation = output_activation

    @abstractmethod
    def encode(self, x: Tensor) -> Tensor:
        """Codes ``(N, *code_shape)`` of samples ``(N, *sample_shape)``."""

    @abstractmethod
    def logits(self, code: Tensor) -> Tensor:
        """Decoder's output before its activation, ``(N, *sample_shape)``."""

    def activate(self, logits: Tensor) -> Tensor:
        """The output activation."""
        return OUTPUT_ACTIVATIONS[self.output_activation](logits)

    def decode(self, code: Tensor) -> Tensor:
        """Samples ``(N, *sample_shape)`` of codes ``(N, *code_shape)``."""
        return self.activate(self.logits(code))

    def forward(self, x: Tensor) -> Tensor:
        """Reconstruction g(f(x))."""
        return self.decode(self.encode(x))


NETWORKS: Registry[Network] = Registry("network")


def build_network(
    spec: Spec,
    sample_shape: Sequence[int],
    code_size: int | Sequence[int],
    seed: int | None = None,
) -> Network:
    """Build a registered network without touching torch's global random state.

    Parameters
    ----------
    seed
        Seed of the weights (see `initialise`). With ``None`` the network stays on the ``meta``
        device: it has shapes and no memory, to be compared with a file before weights are read.
    """
    with torch.device("meta"):
        network = NETWORKS.build(spec, tuple(sample_shape), code_size)
    if seed is not None:
        network.to_empty(device="cpu")
        initialise(network, torch.Generator().manual_seed(seed))
    return network


def count_parameters(module: nn.Module) -> int:
    """Number of trainable numbers; shared ones count once."""
    return sum(parameter.numel() for parameter in module.parameters())
