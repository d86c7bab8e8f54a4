"""Estimators of every registered kind, trained in no time."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from isthmus.models import MODELS

Array = NDArray[Any]
KINDS = sorted(MODELS)
LEARNING = {"epochs": 10, "batch_size": 64, "learning_rate": 1e-2}  # enough on digits


def quick(kind: str, **settings: Any) -> Any:
    return MODELS[kind](**{"epochs": 3, "random_state": 0, **settings})
