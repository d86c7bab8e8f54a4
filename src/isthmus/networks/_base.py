"""What every network is: an encoder f, a decoder g, and an activation at the output."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from isthmus.core.errors import SettingError
from isthmus.core.registry import Registry, Spec
from isthmus.networks._activations import OUTPUT_ACTIVATIONS, OutputActivation
from isthmus.networks._initialise import initialise
from isthmus.networks.code_activations import CodeActivation


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
    decoder_modules : tuple of str
        Names of the modules that only g uses, with dots where one lies within another.
    any_size : bool
        Whether images of other sizes than `sample_shape` can be given.
    """

    kind: ClassVar[str]
    decoder_modules: ClassVar[tuple[str, ...]] = ("decoder",)
    any_size: ClassVar[bool] = False
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

    @property
    @abstractmethod
    def code_activation(self) -> CodeActivation:
        """The last module of the encoder."""

    def stages(self) -> list[Network]:
        """Autoencoders of one layer each, outermost first, that share this network's weights.

        Raises
        ------
        SettingError
            If the network is not a chain of layers and their mirror images.
        """
        raise SettingError(
            f"A {self.kind} network cannot be trained layer by layer; use the network 'dense'."
        )

    def without_decoder(self) -> Self:
        """A copy that can only encode."""
        twin = copy.deepcopy(self)
        for name in self.decoder_modules:
            twin.set_submodule(name, nn.Identity())
        return twin

    def without_encoder(self) -> Self:
        """A copy that can only decode."""
        twin = copy.deepcopy(self)
        kept = {name.partition(".")[0] for name in self.decoder_modules}
        for name, _ in list(twin.named_children()):
            if name not in kept:
                twin.set_submodule(name, nn.Identity())
        return twin

    def encoder_weights(self) -> dict[str, Tensor]:
        """The encoder's entries of the state dict: all that no module of the decoder holds."""
        of_decoder = tuple(f"{name}." for name in self.decoder_modules)
        weights: dict[str, Tensor] = self.state_dict()
        return {name: weights[name] for name in weights if not name.startswith(of_decoder)}

    @property
    def single_layer(self) -> nn.Linear | None:
        """The encoder's only layer of weights, where it has one that is dense."""
        return None

    def given(self, labels: Tensor | None) -> Network:
        """The same network for samples of the classes ``(N,)``, where its decoder looks at them."""
        return self

    def trace(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Codes, random ones drawn, and logits of one pass, as training looks at them.

        A network whose decoder looks at more than the code overrides this, and `forward`.
        """
        code = self.code_activation.draw(self.encode(x))
        return code, self.logits(code)

    def activate(self, logits: Tensor) -> Tensor:
        """The output activation."""
        return OUTPUT_ACTIVATIONS[self.output_activation](logits)

    def decode(self, code: Tensor) -> Tensor:
        """Samples ``(N, *sample_shape)`` of codes ``(N, *code_shape)``."""
        return self.activate(self.logits(code))

    def forward(self, x: Tensor) -> Tensor:
        """Reconstruction g(f(x)); of the mean, where the code is random."""
        return self.decode(self.encode(x))


NETWORKS: Registry[Network] = Registry("network")


def build_network(
    spec: Spec,
    sample_shape: Sequence[int],
    code_size: int | Sequence[int],
    seed: int | None = None,
    outputs: int | None = None,
) -> Network:
    """Build a registered network without touching torch's global random state.

    Parameters
    ----------
    outputs
        Number of maps that come out, K classes for label maps; ``None`` for a sample as it went in.
    seed
        Seed of the weights (see `initialise`). With ``None`` the network stays on the ``meta``
        device: it has shapes and no memory, to be compared with a file before weights are read.
    """
    context: list[Any] = [tuple(sample_shape), code_size]
    if outputs is not None:
        kind = NETWORKS.check(spec)["kind"]
        if not NETWORKS[kind].any_size:
            sizes = [name for name in NETWORKS if NETWORKS[name].any_size]
            raise SettingError(
                f"The network '{kind}' takes images of one size only, and gives samples, not label"
                f" maps; choose from: {', '.join(sizes)}."
            )
        context.append(outputs)
    with torch.device("meta"):
        network = NETWORKS.build(spec, *context)
    if seed is not None:
        network.to_empty(device="cpu")
        initialise(network, torch.Generator().manual_seed(seed))
    return network


def count_parameters(module: nn.Module) -> int:
    """Number of trainable numbers; shared ones count once."""
    return sum(parameter.numel() for parameter in module.parameters())
