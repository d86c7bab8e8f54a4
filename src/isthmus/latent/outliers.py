"""Outliers: samples that an autoencoder rebuilds badly, or whose code lies far from all others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
import torch
from annotated_types import Gt, Lt
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from sklearn.base import BaseEstimator, OutlierMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from isthmus.core.errors import ModelFileError, SettingError
from isthmus.core.files import atomic_folder, sha256
from isthmus.core.registry import check_settings, explain
from isthmus.core.settings import NonNegativeInt, PositiveInt
from isthmus.latent._tail import Tail
from isthmus.models import Autoencoder
from isthmus.models import load as load_model
from isthmus.training.tensors import read_tensors, write_tensors

Array = NDArray[Any]
Part = Literal["error", "distance"]
Measure = Literal["error", "distance", "both"]
Share = Annotated[float, Gt(0), Lt(1)]
DOCUMENT = "outliers.json"
_TENSORS = "outliers.safetensors"
_AGAIN = " copy the whole folder again."
_PARTS: dict[Measure, tuple[Part, ...]] = {
    "error": ("error",),
    "distance": ("distance",),
    "both": ("error", "distance"),
}
_MOST_CODES = 20_000  # training codes among which neighbours are looked for
_ROUNDING = 1e-5  # by which a score may change with the samples that are scored beside it


@dataclass(kw_only=True, eq=False, repr=False)
class OutlierDetector(OutlierMixin, BaseEstimator):  # type: ignore[misc]  # sklearn has no types
    """Tells which samples are not like those of the training, by an autoencoder.

    A sample has two numbers: the squared error of its reconstruction, and the distance of its code
    to the k-th nearest code of a training sample. Each is turned into the logarithm of its tail
    probability on held-out samples, see `Tail`, and these add up, as Fisher (1925) combines tests:

        score(x) = Σ_s log P(S > s(x)),    s = error, distance.

    So neither number outweighs the other by its scale, and a usual one never makes up for a strange
    one.

    Parameters
    ----------
    autoencoder
        Any autoencoder of Isthmus. It is cloned and trained by `fit`; one that is trained already
        is kept as it is in ``sklearn.frozen.FrozenEstimator(model)``. By default
        `isthmus.Autoencoder` with its default settings.
    measure
        What counts: ``"error"``, ``"distance"`` or ``"both"``.
    neighbours
        k.
    false_alarms
        Share of usual samples that may be taken for outliers. scikit-learn's *contamination* is
        another number, the share of the training samples that are called outliers; this one is
        counted on held-out samples, since the training samples are rebuilt better than any others.
        Outliers among the held-out samples count as usual ones.
    validation_fraction
        Share of the samples that are held out of the training if `fit` is given no validation.
    random_state
        Seed of the choice of held-out samples, and of the default autoencoder.

    Attributes
    ----------
    autoencoder_
        The trained autoencoder.
    codes_ : ndarray of shape (n, code units), float32
        Codes of training samples, at most 20,000 drawn at random.
    tails_ : dict of str to Tail
        By part of the score.
    calibration_scores_ : ndarray of float64
        Scores of the held-out samples, sorted.
    n_features_in_, feature_names_in_
        Those of the autoencoder.

    Raises
    ------
    SettingError
        From `fit`, for a setting of a wrong type or out of range.
    DataError
        For samples that do not suit the autoencoder.
    """

    autoencoder: Any = None
    measure: Measure = "both"
    neighbours: PositiveInt = 5
    false_alarms: Share = 0.01
    validation_fraction: Share = 0.2
    random_state: NonNegativeInt | np.random.RandomState | None = None

    # -- fitting ----------------------------------------------------------------------------

    def fit(self, X: Any, y: Any = None, *, validation: Any = None) -> Self:
        """Train the autoencoder on samples ``(N, ...)``, most of which should be usual ones.

        Parameters
        ----------
        X
            What the autoencoder takes: an array, images or a data frame.
        y
            Class of each sample, for an autoencoder that needs it; others take no notice.
        validation
            Held-out samples, from which `tails_` and `offset_` follow; by default some of X.
        """
        check_settings(type(self), self.get_params(deep=False), type(self).__name__)
        generator = check_random_state(self.random_state)
        model = self.autoencoder
        if model is None:
            model = Autoencoder(random_state=generator.randint(2**31 - 1))
        if not hasattr(model, "reconstruct"):
            raise SettingError(f"{model!r} cannot reconstruct; give an autoencoder of Isthmus.")
        if validation is None:
            X, validation, y = self._hold_out(X, y, generator)
        self.autoencoder_ = clone(model).fit(X, y)
        codes = np.asarray(self.autoencoder_.transform(X))
        self._keep_codes(codes[generator.permutation(len(codes))[:_MOST_CODES]])
        values = self._values(validation)
        self.tails_ = {part: Tail.of(values[part]) for part in _PARTS[self.measure]}
        self.calibration_scores_ = np.sort(self._score(values))
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "calibration_scores_")

    def _hold_out(self, X: Any, y: Any, generator: np.random.RandomState) -> tuple[Any, Any, Any]:
        arrays = (X,) if y is None else (X, y)
        options = {"test_size": self.validation_fraction, "random_state": generator}
        training, held_out, *labels = train_test_split(*arrays, **options)
        return training, held_out, labels[0] if labels else None

    def _keep_codes(self, codes: Array) -> None:
        self.codes_ = codes
        self._neighbours = NearestNeighbors(n_neighbors=min(self.neighbours, len(codes)))
        self._neighbours.fit(codes)

    # -- using ------------------------------------------------------------------------------

    @property
    def n_features_in_(self) -> int:
        """Length of the samples' first axis."""
        return int(self.autoencoder_.n_features_in_)

    @property
    def feature_names_in_(self) -> Array:
        """Names of the columns, if it was fitted to a data frame."""
        return np.asarray(self.autoencoder_.feature_names_in_)

    @property
    def offset_(self) -> float:
        """The threshold: samples that score less are outliers.

        The k-th lowest of n held-out scores, k = ⌊false_alarms (n + 1)⌋ and at least 1: a new usual
        sample scores less with probability k / (n + 1) (split conformal prediction, Vovk et al.
        2005).
        """
        score = float(self.calibration_scores_[self._rank - 1])
        return score - _ROUNDING * abs(score)

    @property
    def expected_false_alarms_(self) -> float:
        """The rate k / (n + 1): above `false_alarms` where n held-out samples are too few."""
        return self._rank / (len(self.calibration_scores_) + 1)

    @property
    def _rank(self) -> int:
        return max(1, int(self.false_alarms * (len(self.calibration_scores_) + 1)))

    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """Score ``(N,)`` of samples ``(N, ...)``, 0 at most; the lower, the stranger."""
        check_is_fitted(self)
        return self._score(self._values(X))

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """``score_samples(X) - offset_``, ``(N,)``: negative for outliers."""
        return np.asarray(self.score_samples(X) - self.offset_)

    def predict(self, X: Any) -> NDArray[np.int64]:
        """-1 for outliers and 1 for the others, ``(N,)``."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def explain(self, X: Any) -> NDArray[np.float32]:
        """Share of each value in the squared error of its sample, in the shape of X.

        They are counted in the scaled units in which the loss is measured, and add up to 1; where a
        sample is rebuilt without error all are 0. The distance of the code has no share.
        """
        check_is_fitted(self)
        scaling, restored = self.autoencoder_.scaling_, self.autoencoder_.reconstruct(X)
        difference = scaling.apply(np.asarray(X, np.float32)) - scaling.apply(restored)
        squares = np.square(difference)
        totals = squares.sum(axis=tuple(range(1, squares.ndim)), keepdims=True)
        return np.asarray(squares / np.where(totals > 0, totals, 1), np.float32)

    def _score(self, values: dict[Part, Array]) -> NDArray[np.float64]:
        parts = (tail.log_probability(values[part]) for part, tail in self.tails_.items())
        return np.asarray(sum(parts))

    def _values(self, X: Any) -> dict[Part, Array]:
        """The numbers of samples that make up the score."""
        functions = {"error": self._errors, "distance": self._distances}
        return {part: functions[part](X) for part in _PARTS[self.measure]}

    def _errors(self, X: Any) -> Array:
        return -np.asarray(self.autoencoder_.score_samples(X))

    def _distances(self, X: Any) -> Array:
        codes = np.asarray(self.autoencoder_.transform(X))
        return np.asarray(self._neighbours.kneighbors(codes)[0][:, -1])

    # -- saving -----------------------------------------------------------------------------

    def save(self, path: str | Path) -> None:
        """Write a folder: ``model/``, ``outliers.json`` and ``outliers.safetensors``; no pickle.

        Raises
        ------
        SettingError
            If the folder holds something else.
        StorageError
            If the disk refuses; nothing is left half-written.
        """
        check_is_fitted(self)
        path = Path(path)
        if path.exists() and not (path / DOCUMENT).exists() and not _is_empty(path):
            raise SettingError(f"{path} exists and is no outlier detector; choose another name.")
        tensors = {"codes": self.codes_, "calibration_scores": self.calibration_scores_}
        with atomic_folder(path) as temporary:
            self.autoencoder_.save(temporary / "model")
            write_tensors(
                temporary / _TENSORS, {name: torch.tensor(a) for name, a in tensors.items()}
            )
            document = _Document(
                format="isthmus-outliers-1",
                measure=self.measure,
                neighbours=self.neighbours,
                false_alarms=self.false_alarms,
                threshold=self.offset_,
                tails=self.tails_,
                tensors_sha256=sha256(temporary / _TENSORS),
            )
            text = document.model_dump_json(indent=2)
            (temporary / DOCUMENT).write_text(text, encoding="utf-8")


class _Document(BaseModel):
    """``outliers.json``."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    format: Literal["isthmus-outliers-1"]
    measure: Measure
    neighbours: PositiveInt
    false_alarms: Share
    threshold: float  # follows from the calibration scores; written for people
    tails: dict[Part, Tail]
    tensors_sha256: str


def load(path: str | Path) -> OutlierDetector:
    """Load what `OutlierDetector.save` wrote.

    Raises
    ------
    ModelFileError
        If files are missing, damaged or foreign, or do not fit each other.
    """
    folder = Path(path)
    if not (folder / DOCUMENT).is_file():
        raise ModelFileError(
            f"{folder} holds no outlier detector ({DOCUMENT} is missing); give the folder of one."
        )
    try:
        document = _Document.model_validate_json((folder / DOCUMENT).read_bytes())
        if sha256(folder / _TENSORS) != document.tensors_sha256:
            reason = f"{folder / _TENSORS} is not the file that was saved with {DOCUMENT}"
            raise ModelFileError(f"{reason};{_AGAIN}")
        tensors, _ = read_tensors(folder / _TENSORS)
        codes, scores = tensors["codes"].numpy(), tensors["calibration_scores"].numpy()
    except ValidationError as error:
        reason = explain(error, _Document, str(folder / DOCUMENT)).removesuffix(".")
        raise ModelFileError(f"{reason};{_AGAIN}") from None
    except (SafetensorError, OSError, KeyError) as error:
        raise ModelFileError(f"{folder / _TENSORS} cannot be read ({error});{_AGAIN}") from error
    model = load_model(folder / "model")
    fits = codes.shape[1:] == (model.code_mean_.size,) and scores.ndim == 1
    if (
        not fits
        or not len(codes)
        or not len(scores)
        or set(document.tails) != set(_PARTS[document.measure])
    ):
        raise ModelFileError(f"The files in {folder} do not fit each other;{_AGAIN}")
    detector = OutlierDetector(
        autoencoder=FrozenEstimator(model),
        measure=document.measure,
        neighbours=document.neighbours,
        false_alarms=document.false_alarms,
    )
    detector.autoencoder_, detector.tails_ = model, document.tails
    detector._keep_codes(codes)
    detector.calibration_scores_ = scores
    return detector


def _is_empty(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())
