"""Linear autoencoder: the network whose best solution is PCA's subspace."""

from __future__ import annotations

from collections.abc import Sequence

from isthmus.networks._base import NETWORKS
from isthmus.networks.dense import DenseNetwork


@NETWORKS.register("linear")
class LinearNetwork(DenseNetwork):
    """f(x) = W x + b, g(h) = V h + c, without activations.

    At a global minimum of the squared error, the columns of V span the subspace of the first
    `code_size` principal components; W and V are not unique (any invertible A gives the same
    reconstructions with A W and V A⁻¹). Source: Bourlard and Kamp 1988; lecture note 000.

    Parameters
    ----------
    sample_shape
        Shape of one sample, any.
    code_size
        Number of code units.
    tied
        V = Wᵀ; then the columns of V become orthonormal at the minimum, up to rotation.
    """

    def __init__(
        self, sample_shape: Sequence[int], code_size: int | Sequence[int], *, tied: bool = False
    ) -> None:
        super().__init__(sample_shape, code_size, hidden_sizes=(), tied=tied)
