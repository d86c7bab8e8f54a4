"""The autoencoder whose every part can be chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from isthmus.core.registry import Spec
from isthmus.corruption import CORRUPTIONS
from isthmus.data.augmentation import AUGMENTATIONS
from isthmus.models._base import MODELS
from isthmus.models._estimator import AutoencoderEstimator
from isthmus.networks import NETWORKS
from isthmus.objectives import LOSSES, PENALTIES
from isthmus.training import OPTIMIZERS, SCHEDULES


@MODELS.register("autoencoder")
@dataclass(kw_only=True, eq=False, repr=False)
class Autoencoder(AutoencoderEstimator):
    """Autoencoder: minimise E[ L(x, g(f(C(x)))) ] + Σ λ_k Ω_k over encoder f and decoder g.

    Every part is given by its kind, or by a dict of its kind and settings:
    ``network={"kind": "dense", "hidden_sizes": [128, 64, 12]}``.

    Parameters
    ----------
    network
        f and g, of `isthmus.networks.NETWORKS`: ``"dense"``, ``"linear"``, ``"convolutional"``.
    loss
        L, of `isthmus.objectives.LOSSES`: ``"squared_error"``, ``"binary_cross_entropy"``, ...
    penalties
        Ω_k with their weights λ_k: ``[{"kind": "l1", "weight": 0.01}]``.
    corruption
        C, of `isthmus.corruption.CORRUPTIONS`, changes the input but not the target.
    augmentations
        Changes of input and target alike, of `isthmus.data.augmentation.AUGMENTATIONS`.
    optimizer, schedule
        Of `isthmus.training.OPTIMIZERS` and `isthmus.training.SCHEDULES`.
    """

    network: Annotated[Spec, NETWORKS] = "dense"
    loss: Annotated[Spec, LOSSES] = "squared_error"
    penalties: tuple[Annotated[Spec, PENALTIES], ...] = ()
    corruption: Annotated[Spec, CORRUPTIONS] | None = None
    augmentations: tuple[Annotated[Spec, AUGMENTATIONS], ...] = ()
    optimizer: Annotated[Spec, OPTIMIZERS] = "adam"
    schedule: Annotated[Spec, SCHEDULES] = "constant"
