"""The sparse autoencoder."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from isthmus.core.registry import Spec
from isthmus.core.settings import NonNegativeFloat
from isthmus.models._base import MODELS
from isthmus.models.autoencoder import Autoencoder
from isthmus.networks import NETWORKS
from isthmus.objectives import PENALTIES
from isthmus.objectives.kl_sparsity import Rho

Method = Literal["kl", "l1", "top_k", "batch_top_k"]
_CODE_ACTIVATIONS = {"kl": "sigmoid", "l1": "relu"}
_WEIGHTS = {"kl": 3.0, "l1": 0.1, "top_k": 1 / 32, "batch_top_k": 1 / 32}


@MODELS.register("sparse_autoencoder")
@dataclass(kw_only=True, eq=False, repr=False)
class SparseAutoencoder(Autoencoder):
    """Autoencoder of whose code units few are active in any sample, though they may be many.

    The method sets the code's activation and adds a penalty to those given:

    - ``"kl"``: sigmoid units and β Σ_j KL(ρ ‖ ρ̂_j); see `isthmus.objectives.kl_sparsity`;
    - ``"l1"``: rectified units and λ Σ_j |h_j|;
    - ``"top_k"``, ``"batch_top_k"``: only the largest units are kept, in each sample or in the
      batch, and a loss revives units that died; see `isthmus.networks.code_activations`.

    Parameters
    ----------
    method
        One of these.
    sparsity
        ρ, the mean activation that ``"kl"`` aims at; the share of active units for the two top-k
        methods; of no effect for ``"l1"``.
    sparsity_weight
        β or λ, or the weight of the reviving loss; by default 3, 0.1 and 1/32.
    mean_over
        For ``"kl"``: ρ̂ over the ``"training_set"``, exact, or over the ``"batch"``, estimated.
    """

    network: Annotated[Spec, NETWORKS] = "one_layer"
    method: Method = "kl"
    sparsity: Rho = 0.05
    sparsity_weight: NonNegativeFloat | None = None
    mean_over: Literal["batch", "training_set"] = "batch"

    def _equation_settings(self, own: dict[str, Any]) -> dict[str, Any]:
        method, weight = own["method"], own["sparsity_weight"]
        penalty: dict[str, Any] = {"weight": _WEIGHTS[method] if weight is None else weight}
        activation: Spec
        if method == "kl":
            penalty |= {
                "kind": "kl_sparsity",
                "rho": own["sparsity"],
                "mean_over": own["mean_over"],
            }
        elif method == "l1":
            penalty |= {"kind": "l1"}
        else:
            penalty |= {"kind": "revival"}
        if method in _CODE_ACTIVATIONS:
            activation = _CODE_ACTIVATIONS[method]
        else:
            size = own["code_size"]
            units = size if isinstance(size, int) else math.prod(size)
            activation = {"kind": method, "active": max(1, round(own["sparsity"] * units))}
        return {
            "network": NETWORKS.check({**own["network"], "code_activation": activation}),
            "penalties": (*own["penalties"], PENALTIES.check(penalty)),
        }
