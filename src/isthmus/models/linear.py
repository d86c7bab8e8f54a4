"""The linear autoencoder, PCA's counterpart."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np

from isthmus.core.registry import Spec
from isthmus.core.settings import Device, NonNegativeInt, PositiveFloat, PositiveInt
from isthmus.data.scaling import SCALINGS
from isthmus.models._base import MODELS
from isthmus.models.autoencoder import Autoencoder


@MODELS.register("linear_autoencoder")
class LinearAutoencoder(Autoencoder):
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
    epochs, batch_size, learning_rate, minutes, device, random_state, verbose
        As for `Autoencoder`. A large set needs fewer epochs and a smaller learning rate (60,000
        images: 30 and 0.02, in batches of 1000).
    """

    _fixed: ClassVar[dict[str, Any]] = {
        "network": "linear",
        "loss": "squared_error",
        "optimizer": {"kind": "muon", "matrices": "all"},
        "schedule": {"kind": "one_cycle", "warmup": 0.1},
    }

    def __init__(
        self,
        *,
        code_size: PositiveInt = 32,
        scaling: Annotated[Spec, SCALINGS] = "standard",
        epochs: NonNegativeInt = 200,
        batch_size: PositiveInt = 64,
        learning_rate: PositiveFloat = 0.1,
        minutes: PositiveFloat | None = None,
        device: Device = "auto",
        random_state: NonNegativeInt | np.random.RandomState | None = None,
        verbose: bool = False,
    ) -> None:
        self.code_size = code_size
        self.scaling = scaling
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.minutes = minutes
        self.device = device
        self.random_state = random_state
        self.verbose = verbose
