"""The stacked autoencoder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from isthmus.core.errors import DataError, SettingError
from isthmus.core.settings import NonNegativeInt, PositiveFloat
from isthmus.corruption import CORRUPTIONS
from isthmus.data.scaling import NoScaling
from isthmus.inference import in_batches
from isthmus.models._base import MODELS
from isthmus.models._estimator import BATCH
from isthmus.models._files import Document
from isthmus.models._inputs import Samples
from isthmus.models.autoencoder import Autoencoder
from isthmus.networks import Network
from isthmus.networks.classifier import Classifier
from isthmus.objectives import LOSSES
from isthmus.training import (
    Checkpoints,
    Equation,
    Examples,
    History,
    Observer,
    Phases,
    Plan,
    Target,
    choose_device,
)


def _has_probabilities(model: StackedAutoencoder) -> bool:
    return model.classifier == "softmax" or hasattr(model.classifier, "predict_proba")


@MODELS.register("stacked_autoencoder")
@dataclass(kw_only=True, eq=False, repr=False)
class StackedAutoencoder(ClassifierMixin, Autoencoder):  # type: ignore[misc]  # sklearn untyped
    """Deep autoencoder that is trained layer by layer, then as a whole, then with a classifier.

    1. Each layer of the (dense) network and its mirror image are an autoencoder on the codes of the
       layer before, with the corruption and the penalties given: plain, denoising, contractive, ...
    2. The whole is trained on end to end for `epochs`.
    3. Where labels are given, a classifier learns on the codes. A softmax layer is trained together
       with a copy of the encoder, so that codes and reconstructions stay those of the autoencoder;
       a classifier of scikit-learn takes the codes as they are.

    Source: Hinton and Salakhutdinov 2006; Vincent et al. 2010; lecture notes 001, 003.

    Parameters
    ----------
    epochs
        Passes of step 2; 0 keeps what the layers have learnt by themselves.
    pretraining_epochs
        Passes of step 1, for each layer.
    classifier
        ``"softmax"``, a classifier of scikit-learn, or ``None``.
    classifier_epochs, classifier_learning_rate
        Of the softmax layer and its encoder; the rate is `learning_rate` by default.

    Attributes
    ----------
    classifier_network_ : isthmus.networks.Network
        The softmax layer on its copy of the encoder.
    classifier_ : scikit-learn classifier
        The classifier fitted to the codes.
    classes_ : ndarray
        Class labels.
    """

    epochs: NonNegativeInt = 20
    pretraining_epochs: NonNegativeInt = 20
    classifier: Literal["softmax"] | BaseEstimator | None = "softmax"
    classifier_epochs: NonNegativeInt = 20
    classifier_learning_rate: PositiveFloat | None = None

    @property
    def uses_labels(self) -> bool:
        """Whether `fit` looks at labels: it does."""
        return True

    def _needs_labels(self) -> bool:
        return self._has_softmax()  # never the training samples: without theirs there is none

    # -- training ---------------------------------------------------------------------------

    def _train(
        self,
        training: Samples,
        held_out: Samples | None,
        observer: Observer,
        checkpoints: Checkpoints | None,
    ) -> History:
        phases = Phases(observer, checkpoints)
        self._train_layers(phases, training, held_out)
        self._train_whole(phases, training, held_out)
        self.__dict__.pop("classifier_network_", None)
        self.__dict__.pop("classifier_", None)
        if training.labels is not None and self.classifier is not None:
            self._train_classifier(phases, training, held_out)
        self.network_.eval()  # also where no phase has an epoch
        return phases.history

    def _train_layers(self, phases: Phases, training: Samples, held_out: Samples | None) -> None:
        """Step 1: each stage on what the one before makes of the clean samples."""
        plan = self._phase_plan("pretraining_epochs")
        if not plan.epochs:
            return
        examples, aside = self._both(training, held_out)
        stages = self.network_.stages()
        self._check_codes(stages)
        for number, stage in enumerate(stages, 1):
            equation = self._equation(stage, self._loss_of(stage), examples)
            phases.train(equation, examples, plan, aside)
            if number < len(stages):
                examples = self._codes(stage, examples)
                aside = None if aside is None else self._codes(stage, aside)

    def _check_codes(self, stages: list[Network]) -> None:
        """Refuse a corruption that does not fit the codes of a layer before any is trained."""
        spec = self.settings_["corruption"]
        allowed = None if spec is None else CORRUPTIONS.build(spec).value_range
        for stage in stages[:-1]:
            (low, high), kind = stage.code_activation.code_range, stage.code_activation.kind
            if allowed is not None and not allowed[0] <= low <= high <= allowed[1]:
                raise SettingError(
                    f"The corruption '{spec['kind']}' needs values from {allowed[0]:g} to"
                    f" {allowed[1]:g}, but every layer's codes are corrupted too, and units with"
                    f" the activation '{kind}' go from {low:g} to {high:g}; use 'sigmoid' units, or"
                    " another corruption, or clip = false where it has that."
                )

    def _train_whole(self, phases: Phases, training: Samples, held_out: Samples | None) -> None:
        """Step 2."""
        plan = self._phase_plan("epochs")
        if plan.epochs:
            examples, aside = self._both(training, held_out)
            equation = self._equation(self.network_, self.settings_["loss"], examples)
            phases.train(equation, examples, plan, aside)

    def _train_classifier(
        self, phases: Phases, training: Samples, held_out: Samples | None
    ) -> None:
        """Step 3."""
        if self.classifier != "softmax":
            codes = self._encode(training.values)
            self.classifier_ = clone(self.classifier).fit(codes, self.classes_[training.labels])
            return
        self.classifier_network_: Network = self._new_classifier(self.seed_ + 1)
        plan = self._phase_plan("classifier_epochs")
        rate = self.settings_["classifier_learning_rate"]
        if rate is not None:
            plan = replace(plan, learning_rate=rate)
        loss = LOSSES.build("categorical_cross_entropy")
        examples, aside = self._both(training, held_out, "label")
        equation = Equation(self.classifier_network_, loss, loss_part="classification")
        phases.train(equation, examples, plan, aside)

    def _both(
        self, training: Samples, held_out: Samples | None, target: Target = "sample"
    ) -> tuple[Examples, Examples | None]:
        """Samples to train on, and those to stop by."""
        augmentations = self.settings_["augmentations"]
        examples = self._examples(*training, augmentations=augmentations, target=target)
        aside = None if held_out is None else self._examples(*held_out, target=target)
        return examples, aside

    def _phase_plan(self, epochs: str) -> Plan:
        """The plan of a phase; a time limit is shared among the phases by their epochs."""
        minutes, layers = self.settings_["minutes"], len(self.network_.stages())
        if minutes is not None:
            last = int(self._has_softmax())
            passes = {"pretraining_epochs": layers, "epochs": 1, "classifier_epochs": last}
            total = sum(count * self.settings_[name] for name, count in passes.items())
            minutes *= self.settings_[epochs] / max(total, 1)
        return self._plan(epochs=self.settings_[epochs], minutes=minutes or None)

    def _loss_of(self, stage: Network) -> dict[str, Any]:
        """The loss that was asked for, where it suits the stage's output; else squared error."""
        spec: dict[str, Any] = self.settings_["loss"]
        if LOSSES[spec["kind"]].output_activation in (None, stage.output_activation):
            return spec
        return LOSSES.check({"kind": "squared_error", "per": spec["per"]})

    def _codes(self, stage: Network, examples: Examples) -> Examples:
        """What a stage makes of samples, as samples for the next."""
        codes = in_batches(stage.eval().encode, examples.in_order(BATCH))
        return Examples(codes, NoScaling(), choose_device(self.device))

    # -- networks and files -----------------------------------------------------------------

    def _has_softmax(self) -> bool:
        """Whether a softmax layer belongs to the model."""
        return self.classifier == "softmax" and hasattr(self, "classes_")

    def _new_classifier(self, seed: int | None) -> Classifier:
        return Classifier(self.network_, len(self.classes_), seed)

    def _build_networks(self, seed: int | None) -> None:
        super()._build_networks(seed)
        if seed is None and self._has_softmax():  # of a saved model
            self.classifier_network_ = self._new_classifier(None)

    def _networks(self) -> dict[str, Network]:
        there = hasattr(self, "classifier_network_")
        return super()._networks() | ({"classifier": self.classifier_network_} if there else {})

    def untrained(self) -> Self:
        """The same model with the weights that its training began with, as a baseline.

        So has the softmax layer; a classifier of scikit-learn is gone, since it knows other codes.
        """
        twin = super().untrained()
        twin.__dict__.pop("classifier_", None)
        if hasattr(twin, "classifier_network_"):
            twin.classifier_network_ = twin._new_classifier(self.seed_ + 1).eval()
        return twin

    def _put_networks(self, networks: Mapping[str, Network]) -> None:
        super()._put_networks(networks)
        if "classifier" in networks:
            self.classifier_network_ = networks["classifier"]

    def _document(self) -> Document:
        classifier = self.parameters_["classifier"]
        if isinstance(classifier, BaseEstimator):
            name = type(classifier).__name__
            raise SettingError(
                f"A {name} of scikit-learn is not saved, since nothing is ever pickled; use"
                " classifier = 'softmax', or classifier = None and fit one to the codes anew."
            )
        return super()._document()

    # -- using ------------------------------------------------------------------------------

    def predict(self, X: Any) -> NDArray[Any]:
        """Class of each sample, ``(N,)``, one of `classes_`.

        Raises
        ------
        DataError
            If the model was fitted without labels or without a classifier.
        """
        if self._has_classifier() and hasattr(self, "classifier_"):
            return np.asarray(self.classifier_.predict(self._plain_codes(X)))
        return np.asarray(self.classes_[self.predict_proba(X).argmax(1)])

    @available_if(_has_probabilities)  # type: ignore[untyped-decorator]  # sklearn has no types
    def predict_proba(self, X: Any) -> NDArray[Any]:
        """Probability of each class, ``(N, classes)``, in the order of `classes_`.

        Raises
        ------
        DataError
            If the model was fitted without labels or without a classifier.
        """
        if self._has_classifier() and hasattr(self, "classifier_"):
            return np.asarray(self.classifier_.predict_proba(self._plain_codes(X)))
        examples = self._examples(self._check_samples(X))
        return self._apply(self.classifier_network_, examples.in_order(BATCH))

    def score(self, X: Any, y: Any = None) -> float:
        """Share of samples whose class is found; minus the error without labels or classifier."""
        if y is None or self.classifier is None:
            return super(ClassifierMixin, self).score(X)
        return float(np.mean(self.predict(X) == np.asarray(y)))

    def _plain_codes(self, X: Any) -> NDArray[np.float32]:
        """Codes as an array, whatever `set_output` says."""
        return self._encode(self._check_samples(X))

    def _has_classifier(self) -> bool:
        check_is_fitted(self)
        if hasattr(self, "classifier_") or hasattr(self, "classifier_network_"):
            return True
        raise DataError(
            "This model has no classifier: it was fitted without labels, or with classifier = None;"
            " give the class of each sample to fit(X, y)."
        )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = False
        return tags
