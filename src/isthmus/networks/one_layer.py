"""The autoencoder of one layer each way, from which the family began."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from isthmus.core.registry import Spec
from isthmus.networks._activations import OutputActivation
from isthmus.networks._base import NETWORKS
from isthmus.networks.code_activations import CODE_ACTIVATIONS
from isthmus.networks.dense import DenseNetwork


@NETWORKS.register("one_layer")
class OneLayerNetwork(DenseNetwork):
    """h = s(W x + b) and r = s'(V h + c): a dense network without hidden sizes.

    Its decoder is a dictionary: a sample is a sum of the columns of V, each times a code unit.
    Source: lecture notes 001, 003.

    Parameters
    ----------
    sample_shape
        Shape of one sample, any.
    code_size
        Number of code units.
    code_activation
        s, of `CODE_ACTIVATIONS`.
    output_activation
        s', see `OUTPUT_ACTIVATIONS`.
    tied
        V = Wᵀ; the biases are separate.
    """

    def __init__(
        self,
        sample_shape: Sequence[int],
        code_size: int | Sequence[int],
        *,
        code_activation: Annotated[Spec, CODE_ACTIVATIONS] = "sigmoid",
        output_activation: OutputActivation = "none",
        tied: bool = False,
    ) -> None:
        super().__init__(
            sample_shape,
            code_size,
            hidden_sizes=(),
            code_activation=code_activation,
            output_activation=output_activation,
            tied=tied,
        )
