"""The linear autoencoder, PCA's counterpart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from isthmus.core.registry import Spec
from isthmus.core.settings import NonNegativeInt, PositiveFloat, PositiveInt
from isthmus.data.scaling import SCALINGS
from isthmus.models._base import MODELS
from isthmus.models._estimator import AutoencoderEstimator
from isthmus.networks import NETWORKS
from isthmus.objectives import LOSSES
from isthmus.training import OPTIMIZERS, SCHEDULES


@MODELS.register("linear_autoencoder")
@dataclass(kw_only=True, eq=False, repr=False)
class LinearAutoencoder(AutoencoderEstimator):
    """Autoencoder without activations, f(x) = W x + b and g(h) = V h + c, squared error.

    At the minimum the columns of V span PCA's subspace, and the error is PCA's; the codes are an
    invertible linear map of PCA's scores. See `isthmus.networks.linear.LinearNetwork`. All
    matrices are moved by Muon: Adam needs many times the steps to find the weak directions.

    Parameters
    ----------
    code_size
        Number of code units.
    scaling
        PCA is that of the scaled samples; ``"centre"`` keeps their units, as PCA usually does, but
        columns of very different size then take many more steps.
    epochs, batch_size, learning_rate
        A large set needs fewer epochs and a smaller learning rate (60,000 images: 30 and 0.02, in
        batches of 1000).
    """

    code_size: PositiveInt = 32
    scaling: Annotated[Spec, SCALINGS] = "standard"
    epochs: NonNegativeInt = 200
    batch_size: PositiveInt = 64
    learning_rate: PositiveFloat = 0.1

    def _equation_settings(self, own: dict[str, Any]) -> dict[str, Any]:
        return {
            "network": NETWORKS.check("linear"),
            "loss": LOSSES.check("squared_error"),
            "penalties": (),
            "corruption": None,
            "augmentations": (),
            "optimizer": OPTIMIZERS.check({"kind": "muon", "matrices": "all"}),
            "schedule": SCHEDULES.check({"kind": "one_cycle", "warmup": 0.1}),
        }
