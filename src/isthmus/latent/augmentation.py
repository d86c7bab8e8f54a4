"""More samples for a small labelled set: codes between neighbours of one class."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError

Array = NDArray[Any]


def codes_between(
    codes: Array, labels: Array, per_class: int, *, neighbours: int = 5, seed: int = 0
) -> tuple[NDArray[np.float32], Array]:
    """New codes h_i + t (h_j - h_i), h_j among the nearest codes of the class of h_i, t ~ U(0, 1).

    Decoded they are new samples of the class. Source: Chawla et al. 2002 (SMOTE, on samples);
    DeVries and Taylor 2017 (on codes).

    Parameters
    ----------
    codes, labels
        ``(N, m)`` and ``(N,)``, of the labelled samples.
    per_class
        New codes of each class.
    neighbours
        Among how many nearest codes of its class h_j is drawn; of fewer where a class has fewer.

    Returns
    -------
    codes, labels
        ``(classes * per_class, m)`` and ``(classes * per_class,)``, in the order of the classes.

    Raises
    ------
    DataError
        If a class has a single sample.
    """
    from sklearn.neighbors import NearestNeighbors

    codes, labels = np.asarray(codes, np.float32), np.asarray(labels)
    generator = np.random.default_rng(seed)
    classes, parts = np.unique(labels), []
    for label in classes:
        own = codes[labels == label]
        if len(own) < 2:
            raise DataError(
                f"The class '{label}' has a single sample, and nothing lies between it and another;"
                " give at least 2 samples of each class."
            )
        count = min(neighbours, len(own) - 1)
        near = NearestNeighbors(n_neighbors=count).fit(own).kneighbors(return_distance=False)
        first = generator.integers(len(own), size=per_class)
        other = near[first, generator.integers(count, size=per_class)]
        t = generator.random((per_class, 1), np.float32)
        parts.append(own[first] + t * (own[other] - own[first]))
    return np.concatenate(parts), np.repeat(classes, per_class)
