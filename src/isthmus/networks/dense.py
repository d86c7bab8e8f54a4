"""Dense autoencoder: layer sizes down to the code, and mirrored up again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, cast

from torch import Tensor, nn
from torch.nn import functional as F

from isthmus.core.errors import SettingError
from isthmus.core.registry import Spec
from isthmus.core.settings import PositiveInt
from isthmus.networks._activations import Activation, OutputActivation, activation
from isthmus.networks._base import NETWORKS, Network
from isthmus.networks.code_activations import CODE_ACTIVATIONS, CodeActivation
from isthmus.networks.stage import Stage


class _TiedLinear(nn.Module):
    """The transpose of another layer, y = Wᵀ x + b, with a bias of its own."""

    def __init__(self, source: nn.Linear) -> None:
        super().__init__()
        # In a tuple, so that the source is not registered (and saved) a second time.
        self._source = (source,)
        self.bias = nn.Parameter(source.weight.new_empty(source.in_features))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self._source[0].weight.T, self.bias)


@NETWORKS.register("dense")
class DenseNetwork(Network):
    """f(x) = s(W x + b) layer after layer, and g its mirror image.

    With sizes D, n_1, ..., n_k, m the encoder maps D → n_1 → ... → n_k → m and the decoder
    m → n_k → ... → n_1 → D. Samples of any shape are flattened to D values and restored.
    Source: lecture notes 001 (one layer), 002 (784-128-64-12-2).

    Parameters
    ----------
    sample_shape
        Shape of one sample, any.
    code_size
        m, the number of code units.
    hidden_sizes
        n_1, ..., n_k; empty for one layer each way.
    activation
        s after each hidden layer, of the encoder and of the decoder.
    code_activation
        Of `CODE_ACTIVATIONS`: ``"none"`` leaves the code unbounded, ``"sigmoid"`` puts it in
        (0, 1), ``{"kind": "top_k", "active": 10}`` keeps the ten largest units of a sample.
    output_activation
        ``"none"`` for real-valued data, ``"sigmoid"`` for [0, 1], ``"relu"`` for non-negative data.
    tied
        Decoder weights are the transposes of the encoder's; biases are separate.

    Raises
    ------
    SettingError
        If `code_size` is not one whole number, or if decoder weights are tied to an encoder that
        has more than one output for each unit.
    """

    def __init__(
        self,
        sample_shape: Sequence[int],
        code_size: int | Sequence[int],
        *,
        hidden_sizes: tuple[PositiveInt, ...] = (128, 64),
        activation: Activation = "relu",
        code_activation: Annotated[Spec, CODE_ACTIVATIONS] = "none",
        output_activation: OutputActivation = "none",
        tied: bool = False,
    ) -> None:
        super().__init__(sample_shape, output_activation)
        if not isinstance(code_size, int):
            raise SettingError(
                f"A {self.kind} network has a vector as its code: give one whole number"
                f" as code_size, not {tuple(code_size)}."
            )
        self.code_shape = (code_size,)
        last = CODE_ACTIVATIONS.build(code_activation, code_size)
        if tied and last.inputs > 1:
            raise SettingError(
                f"A decoder cannot be tied to an encoder of '{last.kind}' codes, which has"
                f" {last.inputs} outputs for each unit; set tied = false."
            )
        sizes = [math.prod(self.sample_shape), *hidden_sizes]
        down = [nn.Linear(wide, narrow) for wide, narrow in pairwise(sizes)]
        down.append(nn.Linear(sizes[-1], code_size * last.inputs))
        up: list[nn.Module] = [
            _TiedLinear(layer) if tied else nn.Linear(narrow, layer.in_features)
            for layer, narrow in zip(reversed(down), (code_size, *sizes[:0:-1]), strict=True)
        ]
        self.encoder = _stack(down, activation, last)
        self.decoder = _stack(up, activation, nn.Identity())

    @property
    def code_activation(self) -> CodeActivation:
        """The last module of the encoder."""
        return cast(CodeActivation, self.encoder[-1])

    @property
    def single_layer(self) -> nn.Linear | None:
        """The encoder's layer, where it is the only one."""
        layers = [module for module in self.encoder if isinstance(module, nn.Linear)]
        return layers[0] if len(layers) == 1 else None

    def stages(self) -> list[Network]:
        """Each layer with its mirror image."""
        down, up = list(self.encoder), list(reversed(self.decoder))
        outer = Stage(down[0], down[1], up[1], up[0], self.sample_shape, self.output_activation)
        inner = range(2, len(down), 2)
        return [outer, *(Stage(down[i], down[i + 1], up[i + 1], up[i]) for i in inner)]

    def encode(self, x: Tensor) -> Tensor:
        """Codes ``(N, code_size)``."""
        code: Tensor = self.encoder(x.flatten(1))
        return code

    def logits(self, code: Tensor) -> Tensor:
        """Decoder's output before its activation, ``(N, *sample_shape)``."""
        flat: Tensor = self.decoder(code)
        return flat.reshape(-1, *self.sample_shape)


def _stack(layers: Sequence[nn.Module], inner: Activation, last: nn.Module) -> nn.Sequential:
    """Layers with the activation `inner` between them and the module `last` at the end."""
    modules: list[nn.Module] = []
    for layer in layers:
        modules += [layer, last if layer is layers[-1] else activation(inner)]
    return nn.Sequential(*modules)
