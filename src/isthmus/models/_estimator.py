"""What every autoencoder of the family shares: scikit-learn's conventions around the one loop."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Annotated, Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_array, check_is_fitted
from torch import Tensor

from isthmus.core.errors import DataError, SettingError
from isthmus.core.registry import Spec, check_settings
from isthmus.core.settings import (
    Device,
    Fraction,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Precision,
)
from isthmus.corruption import CORRUPTIONS
from isthmus.data.augmentation import AUGMENTATIONS
from isthmus.data.fingerprint import fingerprint
from isthmus.data.scaling import SCALINGS, value_range
from isthmus.inference import in_batches
from isthmus.models._files import Document
from isthmus.models._inputs import Array, InputsMixin, Samples
from isthmus.models._saving import SavingMixin
from isthmus.networks import Network, build_network
from isthmus.objectives import LOSSES, PENALTIES
from isthmus.training import (
    Checkpoints,
    ConsoleProgress,
    Equation,
    Examples,
    History,
    Observer,
    Plan,
    Rows,
    Target,
    choose_device,
    train,
)

BATCH = 1024  # samples at a time outside training
_NUMBERS = ("scaling.offset", "scaling.scale", "code.mean", "code.std")


@dataclass(kw_only=True, eq=False, repr=False)
class AutoencoderEstimator(
    InputsMixin,
    SavingMixin,
    ClassNamePrefixFeaturesOutMixin,  # type: ignore[misc]  # scikit-learn has no types
    TransformerMixin,  # type: ignore[misc]  # as above
    BaseEstimator,  # type: ignore[misc]  # as above
):
    """An autoencoder as a scikit-learn transformer.

    `transform` gives codes f(x), `inverse_transform` decodes them, `reconstruct` does both.
    Samples may have any shape: ``(N, D)`` tables, ``(N, H, W)`` or ``(N, C, H, W)`` images.

    Parameters
    ----------
    code_size
        Number of code units; ``(channels, height, width)`` for the map of a convolutional network.
    scaling
        Of `isthmus.data.SCALINGS`; fitted, kept with the model, undone at output.
    epochs
        Passes over the samples; 0 leaves the network untrained, as a baseline.
    batch_size, learning_rate, clip_norm, patience, minutes, device, precision
        How the weights move, see `isthmus.training.Plan`.
    validation_fraction
        Share of the samples held out when `patience` is set and `fit` is given no validation.
    random_state
        Seed of weights, data order, corruption and augmentation, used in `fit`.
    verbose
        Show a progress bar.

    Attributes
    ----------
    network_ : isthmus.networks.Network
        Trained f and g.
    scaling_ : isthmus.data.scaling.Scaling
        Fitted scaling.
    history_ : list of dict
        One row per epoch: loss parts of training and validation, seconds, learning rate.
    code_mean_, code_std_ : ndarray of shape (code units,)
        Statistics of the training codes.
    parameters_, settings_ : dict
        The settings in full as they were at `fit`; the same and those of the equation that they
        stand for.

    Raises
    ------
    SettingError
        From `fit`, for a setting that is unknown, of a wrong type or out of range.
    DataError
        For samples that do not fit the network, the loss or the training samples' shape.
    """

    code_size: PositiveInt | tuple[PositiveInt, PositiveInt, PositiveInt] = 32
    scaling: Annotated[Spec, SCALINGS] = "auto"
    epochs: NonNegativeInt = 50
    batch_size: PositiveInt = 128
    learning_rate: PositiveFloat = 1e-3
    clip_norm: PositiveFloat | None = None
    patience: PositiveInt | None = None
    validation_fraction: Fraction = 0.1
    minutes: PositiveFloat | None = None
    device: Device = "auto"
    precision: Precision = "float32"
    random_state: NonNegativeInt | np.random.RandomState | None = None
    verbose: bool = False

    task: ClassVar[str] = "autoencoding"
    restores: ClassVar[bool] = False  # whether it is made for corrupted samples
    plannable: ClassVar[bool] = False  # whether its task picks the settings that are left open
    _target: ClassVar[Target] = "sample"

    # -- settings ---------------------------------------------------------------------------

    @property
    def conditional(self) -> bool:
        """Whether the decoder is told the class of each sample."""
        return False

    def _take_settings(self, own: dict[str, Any]) -> None:
        """Keep the settings in full, and those of the equation that they stand for."""
        self.parameters_, self.settings_ = own, {**own, **self._equation_settings(own)}
        self.seed_ = seed_of(own["random_state"])
        self.scaling_ = SCALINGS.build(own["scaling"])

    def _equation_settings(self, own: dict[str, Any]) -> dict[str, Any]:
        """Full specs of the equation's parts that follow from, or are not, own settings.

        The parts are ``network``, ``loss``, ``penalties``, ``corruption``, ``augmentations``,
        ``optimizer`` and ``schedule``.
        """
        return {}

    # -- fitting ----------------------------------------------------------------------------

    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        validation: Any = None,
        observer: Observer | None = None,
        checkpoints: Checkpoints | None = None,
    ) -> Self:
        """Train on samples ``(N, ...)``.

        Parameters
        ----------
        X
            An array, possibly memory-mapped, a data frame, or some `isthmus.training.Rows` of an
            array, which are read batch by batch.
        y
            Class of each sample, for the models that use labels; others take no notice.
        validation
            Held-out samples of any of these kinds, or a pair of samples and their classes, measured
            after each epoch and used for early stopping.
        observer
            Told of the training's progress; a progress bar by default if `verbose`.
        checkpoints
            Where to keep, and from where to resume, the state of the training.
        """
        for old in ("history_", "classes_"):  # so that a fit that fails leaves no half-new model
            self.__dict__.pop(old, None)
        own = check_settings(type(self), self.get_params(deep=False), type(self).__name__)
        samples = Samples(self._check_samples(X, reset=True), None)
        samples = samples._replace(labels=self._check_labels(y, len(samples.values), reset=True))
        given = None if validation is None else self._check_validation(validation)
        self._take_settings(own)
        training, held_out = self._hold_out(samples, given)
        self.scaling_.fit(training.values)
        self._build_networks(self.seed_)
        if observer is None and own["verbose"]:
            observer = ConsoleProgress()
        history = self._train(training, held_out, observer or Observer(), checkpoints)
        self._describe(samples.values)
        self.history_ = history
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "history_")

    def _train(
        self,
        training: Samples,
        held_out: Samples | None,
        observer: Observer,
        checkpoints: Checkpoints | None,
    ) -> History:
        """Move the weights; the history."""
        examples = self._examples(*training, augmentations=self.settings_["augmentations"])
        return train(
            self._equation(self.network_, self.settings_["loss"], examples),
            examples,
            self._plan(),
            validation=None if held_out is None else self._examples(*held_out),
            observer=observer,
            checkpoints=checkpoints,
        )

    def _hold_out(self, samples: Samples, given: Samples | None) -> tuple[Samples, Samples | None]:
        """Samples to train on and samples to stop by; if none were given, some are held out."""
        if given is not None or self.settings_["patience"] is None:
            return samples, given
        count = len(samples.values)
        held_out = max(1, round(self.settings_["validation_fraction"] * count))
        if held_out >= count:
            raise DataError(
                f"Early stopping holds out {held_out} of {count} samples, which leaves none"
                " (n_samples = 1 is not enough); give more samples or patience = None."
            )
        order = np.random.default_rng(self.seed_).permutation(count)
        return samples.rows(np.sort(order[held_out:])), samples.rows(np.sort(order[:held_out]))

    def _build_networks(self, seed: int | None) -> None:
        """New networks; without a seed they have shapes only, see `build_network`."""
        spec, code_size = self.settings_["network"], self.settings_["code_size"]
        self.network_ = build_network(spec, self.sample_shape_, code_size, seed)

    def _equation(self, network: Network, loss_spec: Spec, examples: Examples) -> Equation:
        """The equation; refused where the samples do not suit its loss or corruption."""
        loss = LOSSES.build(loss_spec)
        spec = self.settings_["corruption"]
        corruption = None if spec is None else CORRUPTIONS.build(spec)
        needy = corruption is not None and corruption.value_range is not None
        if loss.target_range is not None or needy:
            lowest, highest = examples.value_range()
            loss.check_targets(lowest, highest)
            if corruption is not None:
                corruption.check_inputs(lowest, highest)
        for spec in self.settings_["augmentations"]:
            if AUGMENTATIONS[spec["kind"]].resizes and not network.any_size:
                raise SettingError(
                    f"The augmentation '{spec['kind']}' changes the size of images, but a"
                    f" {network.kind} network takes only one size; use the network 'unet'."
                )
        penalties = [PENALTIES.build(spec) for spec in self.settings_["penalties"]]
        return Equation(network, loss, penalties, corruption)

    def _plan(self, **changes: Any) -> Plan:
        names = {field.name for field in fields(Plan)} & self.settings_.keys()
        chosen = {name: self.settings_[name] for name in names}
        return Plan(**{"seed": self.seed_, **chosen, **changes})

    def _examples(
        self,
        samples: Array | Rows,
        labels: NDArray[np.int64] | None = None,
        *,
        augmentations: Sequence[Spec] = (),
        target: Target | None = None,
    ) -> Examples:
        return Examples(
            samples,
            self.scaling_,
            choose_device(self.device),
            augmentations=[AUGMENTATIONS.build(spec) for spec in augmentations],
            labels=labels,
            target=self._target if target is None and labels is not None else target or "sample",
        )

    def _describe(self, samples: Array) -> None:
        """What is kept of the training samples: the statistics of their codes, and a name."""
        codes = self._encode(samples)
        self.code_mean_, self.code_std_ = codes.mean(0), codes.std(0)
        low, high = value_range(samples)
        self.data_ = {
            "samples": len(samples),
            "fingerprint": fingerprint(samples),
            "low": low,
            "high": high,
        }
        self._n_features_out = codes.shape[1]

    # -- saving -----------------------------------------------------------------------------

    def _scaling_shapes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        return self.scaling_.offset.shape, self.scaling_.scale.shape

    def _numbers(self) -> dict[str, Tensor]:
        numbers = (self.scaling_.offset, self.scaling_.scale, self.code_mean_, self.code_std_)
        return {name: torch.tensor(x) for name, x in zip(_NUMBERS, numbers, strict=True)}

    def _number_shapes(self, document: Document) -> dict[str, tuple[int, ...]]:
        units = (math.prod(self.network_.code_shape),)
        return dict(zip(_NUMBERS, (*document.scaling_shapes, units, units), strict=True))

    def _take_numbers(self, numbers: dict[str, NDArray[Any]]) -> None:
        self.scaling_.offset, self.scaling_.scale, self.code_mean_, self.code_std_ = (
            numbers[name] for name in _NUMBERS
        )
        self._n_features_out = len(self.code_mean_)

    # -- using ------------------------------------------------------------------------------

    def transform(self, X: Any) -> Any:
        """Codes ``(N, code units)`` float32 of samples ``(N, ...)``; maps are flattened."""
        check_is_fitted(self)
        return self._encode(self._check_samples(X))

    def inverse_transform(self, X: Any) -> NDArray[np.float32]:
        """Samples ``(N, ...)`` float32, in the units of the data, of codes ``(N, code units)``.

        Raises
        ------
        DataError
            If the codes have another size than this model's.
        """
        check_is_fitted(self)
        codes = check_array(X, dtype=np.float32, ensure_min_samples=1)
        if codes.shape[1] != self._n_features_out:
            raise DataError(
                f"These codes have {codes.shape[1]} units, but this model's have"
                f" {self._n_features_out}: they are codes of another model."
            )
        decoded = self._apply(self._decode_flat, torch.tensor(codes).split(BATCH))
        return np.asarray(self.scaling_.undo(decoded), dtype=np.float32)

    def reconstruct(self, X: Any) -> NDArray[np.float32]:
        """g(f(x)): samples ``(N, ...)`` float32 in the units of the data."""
        check_is_fitted(self)
        samples = self._check_samples(X)
        restored = self._apply(self.network_, self._examples(samples).in_order(BATCH))
        return np.asarray(self.scaling_.undo(restored), dtype=np.float32)

    def score_samples(self, X: Any) -> NDArray[np.float32]:
        """-‖z - g(f(z))‖² of each sample, ``(N,)`` float32, z being the scaled sample.

        The squared error is summed over the sample's values, in the units in which the loss is
        measured. As for all scores of scikit-learn, greater is better.
        """
        check_is_fitted(self)
        samples = self._check_samples(X)

        def negative_error(z: Tensor) -> Tensor:
            restored: Tensor = self.network_(z)
            return -(restored - z).square().flatten(1).sum(1)

        return self._apply(negative_error, self._examples(samples).in_order(BATCH))

    def score(self, X: Any, y: Any = None) -> float:
        """Mean of `score_samples`."""
        return float(self.score_samples(X).mean())

    def _encode(self, samples: Array) -> NDArray[np.float32]:
        def flat_code(z: Tensor) -> Tensor:
            return self.network_.encode(z).flatten(1)

        return self._apply(flat_code, self._examples(samples).in_order(BATCH))

    def _decode_flat(self, codes: Tensor) -> Tensor:
        return self.network_.decode(codes.unflatten(1, self.network_.code_shape))

    def _apply(
        self, function: Callable[[Tensor], Tensor], batches: Iterable[Tensor]
    ) -> NDArray[np.float32]:
        device = choose_device(self.device)
        for network in self._networks().values():
            network.to(device)
        return in_batches(function, (batch.to(device) for batch in batches))

    def untrained(self) -> Self:
        """The same model with the weights that its training began with, as a baseline."""
        check_is_fitted(self)
        twin = copy.copy(self)
        twin._build_networks(self.seed_)
        for network in twin._networks().values():
            network.eval()
        return twin

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


def seed_of(state: int | np.random.RandomState | None) -> int:
    """The number that a random state stands for; a `RandomState` moves on."""
    if isinstance(state, int):
        return state
    return int(check_random_state(state).randint(2**31 - 1))
