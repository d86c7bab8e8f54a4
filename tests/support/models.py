"""Estimators of every registered kind, trained in no time."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from isthmus.models import MODELS
from isthmus.networks import NETWORKS
from support.networks import SMALL

Array = NDArray[Any]
KINDS = sorted(kind for kind in MODELS if MODELS[kind].task == "autoencoding")
LEARNING = {"epochs": 10, "batch_size": 64, "learning_rate": 1e-2}  # enough on digits
_FEW_EPOCHS: dict[str, dict[str, Any]] = {
    "stacked_autoencoder": {"pretraining_epochs": 1, "classifier_epochs": 1}
}


CASES: dict[str, dict[str, Any]] = {
    **{kind: {"kind": kind} for kind in KINDS},
    **{
        f"network {kind}": {
            "kind": "autoencoder",
            "network": {"kind": kind, **SMALL.get(kind, {})},
        }
        for kind in NETWORKS
    },
    "network unet": {"kind": "autoencoder", "network": {"kind": "unet", "skips": "none"}},
    "map as code": {
        "kind": "autoencoder",
        "network": {"kind": "convolutional", "channels": [4, 6], "down": "pool", "up": "bicubic"},
        "code_size": (3, 2, 2),
        "patience": 1,
    },
    "largest units": {"kind": "sparse_autoencoder", "method": "batch_top_k"},
    "head": {"kind": "class_encoder", "classification_weight": 1.0},
    "tied": {"kind": "autoencoder", "network": {"kind": "dense", "tied": True}, "scaling": "unit"},
}
"""Settings of small models that differ in what is saved, by their names."""


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
