"""The contractive autoencoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from isthmus.core.registry import Spec
from isthmus.core.settings import NonNegativeFloat
from isthmus.models._base import MODELS
from isthmus.models.autoencoder import Autoencoder
from isthmus.networks import NETWORKS
from isthmus.objectives import PENALTIES
from isthmus.objectives.contractive import Method


@MODELS.register("contractive_autoencoder")
@dataclass(kw_only=True, eq=False, repr=False)
class ContractiveAutoencoder(Autoencoder):
    """Autoencoder with λ ‖J_f(x)‖²_F added: the code moves little when the sample moves little.

    What must be rebuilt resists, so that the code stays sensitive along the data and becomes
    insensitive across them. Source: Rifai et al. 2011; lecture note 003.

    Parameters
    ----------
    contraction_weight
        λ.
    method
        How the norm is found, see `isthmus.objectives.contractive.Contractive`.
    """

    network: Annotated[Spec, NETWORKS] = "one_layer"
    contraction_weight: NonNegativeFloat = 0.1
    method: Method = "auto"

    def _equation_settings(self, own: dict[str, Any]) -> dict[str, Any]:
        penalty = {
            "kind": "contractive",
            "weight": own["contraction_weight"],
            "method": own["method"],
        }
        return {"penalties": (*own["penalties"], PENALTIES.check(penalty))}
