"""How good the neighbours are that a search finds."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError


def precision_at_k(labels: NDArray[Any], neighbours: NDArray[Any]) -> NDArray[np.float64]:
    """Share of the k neighbours of each query that are of its class, ``(Q,)``.

    Parameters
    ----------
    labels
        Class of each query, ``(Q,)``.
    neighbours
        Classes of its neighbours, ``(Q, k)``.

    Raises
    ------
    DataError
        If the shapes do not fit.
    """
    labels, neighbours = np.asarray(labels), np.asarray(neighbours)
    if neighbours.ndim != 2 or labels.shape != neighbours.shape[:1]:
        raise DataError(
            f"Labels are (Q,) and those of neighbours (Q, k), but have shapes {labels.shape} and"
            f" {neighbours.shape}."
        )
    return np.asarray((neighbours == labels[:, None]).mean(1), np.float64)


def recall_at_k(exact: NDArray[Any], found: NDArray[Any]) -> NDArray[np.float64]:
    """Share of the k true neighbours of each query that were found, ``(Q,)``; both ``(Q, k)``.

    Raises
    ------
    DataError
        If the shapes differ.
    """
    exact, found = np.asarray(exact), np.asarray(found)
    if exact.ndim != 2 or exact.shape != found.shape:
        raise DataError(
            f"True and found neighbours are (Q, k), but have shapes {exact.shape} and"
            f" {found.shape}."
        )
    return np.asarray((exact[:, :, None] == found[:, None]).any(2).mean(1), np.float64)
