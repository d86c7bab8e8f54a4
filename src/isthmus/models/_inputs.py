"""What `fit` and the other methods are given, checked."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import assert_all_finite
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d, validate_data

from isthmus.core.errors import DataError
from isthmus.training import Rows

Array = NDArray[Any]


class Samples(NamedTuple):
    """Samples ``(N, ...)`` and, where the model uses them, their classes ``(N,)`` from 0."""

    values: Any
    labels: NDArray[np.int64] | None

    def rows(self, which: NDArray[np.int64]) -> Samples:
        """Some of them, read when they are needed."""
        labels = None if self.labels is None else self.labels[which]
        if isinstance(self.values, Rows):
            return Samples(Rows(self.values.base, self.values.rows[which]), labels)
        return Samples(Rows(self.values, which), labels)


class InputsMixin:
    """Checks of samples and labels, for an estimator of scikit-learn."""

    sample_shape_: tuple[int, ...]
    sample_dtype_: str
    classes_: NDArray[Any]

    @property
    def uses_labels(self) -> bool:
        """Whether `fit` looks at labels."""
        return False

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

    def _check_labels(self, y: Any, count: int, reset: bool = False) -> NDArray[np.int64] | None:
        """Classes numbered from 0; ``None`` for a model that does not use them."""
        if not self.uses_labels or (y is None and not self._needs_labels()):
            return None
        if y is None:
            raise DataError(
                f"{type(self).__name__} needs labels: fit(X, y) requires y to be passed, but the"
                " target y is None; give the class of each sample (a recipe: data.labels)."
            )
        labels = column_or_1d(y, warn=True)
        assert_all_finite(labels, input_name="y")
        check_classification_targets(labels)
        if len(labels) != count:
            raise DataError(f"There are {len(labels)} labels for {count} samples; give one each.")
        if reset:
            self.classes_ = np.unique(labels)
        unknown = np.setdiff1d(labels, self.classes_)
        if len(unknown):
            strange = unknown.tolist()[0]
            raise DataError(
                f"The class {strange!r} was not among those of the training samples; give some of"
                " each class, or leave it out of the validation."
            )
        numbers: NDArray[np.int64] = np.searchsorted(self.classes_, labels)
        return numbers

    def _needs_labels(self) -> bool:
        """Whether samples without labels are refused."""
        return True

    def _check_validation(self, given: Any) -> Samples:
        X, y = given if isinstance(given, tuple) else (given, None)
        samples = self._check_samples(X)
        if not hasattr(self, "classes_"):  # where the training has none, labels are of no use
            return Samples(samples, None)
        if y is None and self._needs_labels():
            raise DataError(
                "The training samples have labels, but the validation samples have none; give"
                " validation = (X, y)."
            )
        return Samples(samples, self._check_labels(y, len(samples)))
