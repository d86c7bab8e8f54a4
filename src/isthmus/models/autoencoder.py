"""The autoencoder as a scikit-learn transformer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from typing import Annotated, Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_array, check_is_fitted, validate_data
from torch import Tensor

from isthmus.core.errors import DataError
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
from isthmus.models._base import MODELS
from isthmus.models._saving import SavingMixin
from isthmus.networks import NETWORKS, Network, build_network
from isthmus.objectives import LOSSES, PENALTIES
from isthmus.training import (
    OPTIMIZERS,
    SCHEDULES,
    Checkpoints,
    ConsoleProgress,
    Equation,
    Examples,
    Observer,
    Plan,
    Rows,
    choose_device,
    train,
)

_BATCH = 1024  # samples at a time outside training

Array = NDArray[Any]


@MODELS.register("autoencoder")
class Autoencoder(
    SavingMixin,
    ClassNamePrefixFeaturesOutMixin,  # type: ignore[misc]  # scikit-learn has no types
    TransformerMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
    """Autoencoder: minimise E[ L(x, g(f(C(x)))) ] + Σ λ_k Ω_k over encoder f and decoder g.

    `transform` gives codes f(x), `inverse_transform` decodes them, `reconstruct` does both.
    Samples may have any shape: ``(N, D)`` tables, ``(N, H, W)`` or ``(N, C, H, W)`` images.
    Every part is given by its kind, or by a dict of its kind and settings:
    ``network={"kind": "dense", "hidden_sizes": [128, 64, 12]}``.

    Parameters
    ----------
    code_size
        Number of code units; ``(channels, height, width)`` for the map of a convolutional network.
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
    scaling
        Of `isthmus.data.SCALINGS`; fitted, kept with the model, undone at output.
    epochs
        Passes over the samples; 0 leaves the network untrained, as a baseline.
    batch_size, learning_rate, optimizer, schedule, clip_norm, patience, minutes, device, precision
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

    Raises
    ------
    SettingError
        From `fit`, for a setting that is unknown, of a wrong type or out of range.
    DataError
        For samples that do not fit the network, the loss or the training samples' shape.
    """

    kind: str
    _fixed: ClassVar[dict[str, Any]] = {}  # settings that a subclass does not leave to its user

    def __init__(
        self,
        *,
        code_size: PositiveInt | tuple[PositiveInt, PositiveInt, PositiveInt] = 32,
        network: Annotated[Spec, NETWORKS] = "dense",
        loss: Annotated[Spec, LOSSES] = "squared_error",
        penalties: tuple[Annotated[Spec, PENALTIES], ...] = (),
        corruption: Annotated[Spec, CORRUPTIONS] | None = None,
        augmentations: tuple[Annotated[Spec, AUGMENTATIONS], ...] = (),
        scaling: Annotated[Spec, SCALINGS] = "auto",
        epochs: NonNegativeInt = 50,
        batch_size: PositiveInt = 128,
        learning_rate: PositiveFloat = 1e-3,
        optimizer: Annotated[Spec, OPTIMIZERS] = "adam",
        schedule: Annotated[Spec, SCHEDULES] = "constant",
        clip_norm: PositiveFloat | None = None,
        patience: PositiveInt | None = None,
        validation_fraction: Fraction = 0.1,
        minutes: PositiveFloat | None = None,
        device: Device = "auto",
        precision: Precision = "float32",
        random_state: NonNegativeInt | np.random.RandomState | None = None,
        verbose: bool = False,
    ) -> None:
        self.code_size = code_size
        self.network = network
        self.loss = loss
        self.penalties = penalties
        self.corruption = corruption
        self.augmentations = augmentations
        self.scaling = scaling
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.optimizer = optimizer
        self.schedule = schedule
        self.clip_norm = clip_norm
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.minutes = minutes
        self.device = device
        self.precision = precision
        self.random_state = random_state
        self.verbose = verbose

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
        """Train on samples ``(N, ...)``; labels y are not used.

        Parameters
        ----------
        X
            An array, possibly memory-mapped, a data frame, or some `isthmus.training.Rows` of an
            array, which are read batch by batch.
        validation
            Held-out samples of any of these kinds, measured after each epoch and used for early
            stopping.
        observer
            Told of the training's progress; a progress bar by default if `verbose`.
        checkpoints
            Where to keep, and from where to resume, the state of the training.
        """
        self.__dict__.pop("history_", None)  # so that a fit that fails leaves no half-new model
        settings = self._checked_settings()
        samples = self._check_samples(X, reset=True)
        given = None if validation is None else self._check_samples(validation)
        self.settings_, self.seed_ = settings, _seed(settings["random_state"])
        training, held_out = self._hold_out(samples, given)
        self.scaling_ = SCALINGS.build(settings["scaling"])
        self.scaling_.fit(training)
        self.network_ = self._build_network(self.seed_)
        history = train(
            self._equation(training),
            self._examples(training, settings["augmentations"]),
            self._plan(),
            validation=None if held_out is None else self._examples(held_out),
            observer=observer or (ConsoleProgress() if settings["verbose"] else None),
            checkpoints=checkpoints,
        )
        self._describe(samples)
        self.history_ = history
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "history_")

    def _checked_settings(self) -> dict[str, Any]:
        """All settings in full."""
        given = {**self._fixed, **self.get_params(deep=False)}
        return check_settings(Autoencoder, given, type(self).__name__)

    def _hold_out(self, samples: Array, given: Array | None) -> tuple[Any, Any]:
        """Samples to train on and samples to stop by; if none were given, some are held out."""
        if given is not None or self.settings_["patience"] is None:
            return samples, given
        count = len(samples)
        held_out = max(1, round(self.settings_["validation_fraction"] * count))
        if held_out >= count:
            raise DataError(
                f"Early stopping holds out {held_out} of {count} samples, which leaves none"
                " (n_samples = 1 is not enough); give more samples or patience = None."
            )
        order = np.random.default_rng(self.seed_).permutation(count)
        return Rows(samples, np.sort(order[held_out:])), Rows(samples, np.sort(order[:held_out]))

    def _build_network(self, seed: int | None) -> Network:
        settings = self.settings_
        return build_network(settings["network"], self.sample_shape_, settings["code_size"], seed)

    def _equation(self, training: Any) -> Equation:
        settings = self.settings_
        loss = LOSSES.build(settings["loss"])
        if loss.target_range is not None:
            loss.check_targets(*value_range(training, self.scaling_))
        corruption = settings["corruption"]
        return Equation(
            self.network_,
            loss,
            [PENALTIES.build(spec) for spec in settings["penalties"]],
            None if corruption is None else CORRUPTIONS.build(corruption),
        )

    def _plan(self) -> Plan:
        names = {field.name for field in fields(Plan)} & self.settings_.keys()
        return Plan(seed=self.seed_, **{name: self.settings_[name] for name in names})

    def _examples(self, samples: Array | Rows, augmentations: Sequence[Spec] = ()) -> Examples:
        return Examples(
            samples,
            self.scaling_,
            choose_device(self.device),
            augmentations=[AUGMENTATIONS.build(spec) for spec in augmentations],
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
        decoded = self._apply(self._decode_flat, torch.tensor(codes).split(_BATCH))
        return np.asarray(self.scaling_.undo(decoded), dtype=np.float32)

    def reconstruct(self, X: Any) -> NDArray[np.float32]:
        """g(f(x)): samples ``(N, ...)`` float32 in the units of the data."""
        check_is_fitted(self)
        samples = self._check_samples(X)
        restored = self._apply(self.network_, self._examples(samples).in_order(_BATCH))
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

        return self._apply(negative_error, self._examples(samples).in_order(_BATCH))

    def score(self, X: Any, y: Any = None) -> float:
        """Mean of `score_samples`."""
        return float(self.score_samples(X).mean())

    def _encode(self, samples: Array) -> NDArray[np.float32]:
        def flat_code(z: Tensor) -> Tensor:
            return self.network_.encode(z).flatten(1)

        return self._apply(flat_code, self._examples(samples).in_order(_BATCH))

    def _decode_flat(self, codes: Tensor) -> Tensor:
        return self.network_.decode(codes.unflatten(1, self.network_.code_shape))

    def _apply(
        self, function: Callable[[Tensor], Tensor], batches: Iterable[Tensor]
    ) -> NDArray[np.float32]:
        device = choose_device(self.device)
        self.network_.to(device)
        return in_batches(function, (batch.to(device) for batch in batches))

    def _check_samples(self, X: Any, reset: bool = False) -> Any:
        """Samples as an array of numbers; with `reset` their shape becomes the model's."""
        if isinstance(X, Rows):
            return Rows(self._check_samples(X.base, reset), X.rows)
        kept = (np.float64, np.float32, np.uint8, np.uint16)
        samples: Array = validate_data(self, X, reset=reset, dtype=kept, allow_nd=True)
        if reset:
            self.sample_shape_ = samples.shape[1:]
            self.sample_dtype_ = samples.dtype.name
        elif samples.shape[1:] != self.sample_shape_:
            raise DataError(
                f"A sample has shape {samples.shape[1:]}, but this model was fitted to samples of"
                f" shape {self.sample_shape_}."
            )
        return samples

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


def _seed(state: int | np.random.RandomState | None) -> int:
    """The number that a random state stands for; a `RandomState` moves on."""
    if isinstance(state, int):
        return state
    return int(check_random_state(state).randint(2**31 - 1))
