"""Estimators of every registered kind, trained in no time."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from isthmus.models import MODELS

Array = NDArray[Any]
KINDS = sorted(kind for kind in MODELS if MODELS[kind].task == "autoencoding")
LEARNING = {"epochs": 10, "batch_size": 64, "learning_rate": 1e-2}  # enough on digits
_FEW_EPOCHS: dict[str, dict[str, Any]] = {
    "stacked_autoencoder": {"pretraining_epochs": 1, "classifier_epochs": 1}
}


def quick(kind: str, **settings: Any) -> Any:
    return MODELS[kind](**{"epochs": 3, "random_state": 0, **_FEW_EPOCHS.get(kind, {}), **settings})


def untrained(kind: str, **settings: Any) -> Any:
    """One whose `fit` moves no weight."""
    none = {name: 0 for name in _FEW_EPOCHS.get(kind, {})}
    return quick(kind, **{"epochs": 0, **none, **settings})


@cache
def digit_labels() -> Array:
    """Class of each of scikit-learn's digits."""
    return np.asarray(load_digits().target)


def likeness(one: Any, other: Any) -> float:
    """Correlation of the first numbers of two tensors of weights; 1 for draws of one seed."""
    count = min(one.numel(), other.numel())
    numbers = [weight.detach().flatten()[:count] for weight in (one, other)]
    return float(abs(np.corrcoef(np.stack(numbers))[0, 1]))


def fit(model: Any, samples: Any, which: Any = slice(None), **options: Any) -> Any:
    """Fitted to the digits at some places, with their labels if the kind uses them."""
    labels = digit_labels()[which][: len(samples)] if model.uses_labels else None
    return model.fit(samples, labels, **options)
