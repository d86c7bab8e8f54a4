"""The class-encoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from isthmus.core.settings import NonNegativeFloat
from isthmus.models._base import MODELS
from isthmus.models.autoencoder import Autoencoder
from isthmus.networks.classifier import Classified, Head
from isthmus.objectives import PENALTIES
from isthmus.training import Target


@MODELS.register("class_encoder")
@dataclass(kw_only=True, eq=False, repr=False)
class ClassEncoder(Autoencoder):
    """Autoencoder whose target is another sample of the same class: L(y, g(f(x))), y ~ class of x.

    What varies within a class cannot be predicted, so that the codes of a class draw together; with
    the squared error the reconstruction tends to the mean of the class. `fit` needs labels.
    Source: Shi et al. 2016; lecture note 003 (named only).

    Parameters
    ----------
    classification_weight
        λ of the softmax loss of a linear classifier on the code, trained along; 0 for none.
    """

    classification_weight: NonNegativeFloat = 0.0

    _target: ClassVar[Target] = "same_class"

    @property
    def uses_labels(self) -> bool:
        """Whether `fit` looks at labels: it does."""
        return True

    def _equation_settings(self, own: dict[str, Any]) -> dict[str, Any]:
        if not own["classification_weight"]:
            return {}
        penalty = {"kind": "classification", "weight": own["classification_weight"]}
        return {"penalties": (*own["penalties"], PENALTIES.check(penalty))}

    def _build_networks(self, seed: int | None) -> None:
        super()._build_networks(seed)
        if self.settings_["classification_weight"]:
            head_seed = None if seed is None else seed + 1
            head = Head(self.network_, len(self.classes_), head_seed)
            self.network_ = Classified(self.network_, head)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags
