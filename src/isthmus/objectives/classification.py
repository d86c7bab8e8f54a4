"""The softmax loss of a classifier on the code, as a part of the objective."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn import functional as F

from isthmus.core.errors import SettingError
from isthmus.objectives._base import PENALTIES, Pass, Penalty, at_least_float32


@PENALTIES.register("classification")
class Classification(Penalty):
    """Ω = -(1/N) Σ_n log p(label_n given h_n), p = softmax(V h + c), in nats.

    V and c, the head of the network, are trained along. Source: Shi et al. 2016 (class-encoder
    network: reconstruction of another sample of the class together with a softmax loss).
    """

    def check(self, network: Any) -> None:
        """Refuse a network without a head."""
        if not hasattr(network, "classify"):
            raise SettingError(
                "The penalty 'classification' needs a classifier on the code; use the model"
                " 'class_encoder' with a classification_weight, or 'stacked_autoencoder'."
            )

    def __call__(self, passed: Pass) -> Tensor:
        """Mean cross-entropy over the batch."""
        if passed.labels is None:
            raise SettingError("The penalty 'classification' needs the labels of the samples.")
        return F.cross_entropy(
            at_least_float32(passed.network.classify(passed.code)), passed.labels
        )
