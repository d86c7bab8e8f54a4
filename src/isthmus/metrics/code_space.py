"""How a space of codes lies to the samples, to their classes and to what is drawn from it.

Codes are ``(N, m)`` numbers, samples ``(N, ...)``, labels ``(N,)``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError

_KNOWN = 0.99  # share of held-out codes that are said to lie where codes are


def trustworthiness(samples: NDArray[Any], codes: NDArray[Any], neighbours: int = 10) -> float:
    """1 less a penalty for codes that are neighbours although their samples are not; best is 1.

    1 - 2 / (N K (2N - 3K - 1)) Σ_i Σ_{j among the K nearest codes of i, not samples} (r(i, j) - K),
    r being the rank of sample j among the neighbours of i. Source: Venna and Kaski 2001.

    Raises
    ------
    DataError
        If there are not more than 2 K samples.
    """
    from sklearn.manifold import trustworthiness as of_sklearn

    flat = np.asarray(samples).reshape(len(samples), -1)
    if len(flat) <= 2 * neighbours:
        raise DataError(
            f"{neighbours} neighbours are asked for, but there are {len(flat)} samples; give more"
            f" than {2 * neighbours}."
        )
    return float(of_sklearn(flat, np.asarray(codes), n_neighbors=neighbours))


def continuity(samples: NDArray[Any], codes: NDArray[Any], neighbours: int = 10) -> float:
    """The same for neighbours among the samples that are none among the codes; best is 1."""
    flat = np.asarray(samples).reshape(len(samples), -1)
    return trustworthiness(codes, flat, neighbours)


def class_overlap(
    codes: NDArray[Any], labels: NDArray[Any], neighbours: int = 10
) -> NDArray[np.float64]:
    """Share of the K nearest other codes that belong to another class, ``(N,)``; 0 is apart."""
    from sklearn.neighbors import NearestNeighbors

    codes, labels = np.asarray(codes), np.asarray(labels)
    if len(codes) <= neighbours:
        raise DataError(f"{neighbours} neighbours are asked for, but there are {len(codes)} codes.")
    near = NearestNeighbors(n_neighbors=neighbours).fit(codes).kneighbors(return_distance=False)
    return np.asarray((labels[near] != labels[:, None]).mean(1))


def in_holes(codes: NDArray[Any], held_out: NDArray[Any], draws: NDArray[Any]) -> NDArray[np.bool_]:
    """Which draws lie in holes: farther from the nearest code than 99 % of held-out codes do.

    Parameters
    ----------
    codes
        Of training samples.
    held_out
        Of samples that no training has seen.
    draws
        ``(M, m)``, from the distribution that new samples are decoded from.
    """
    from sklearn.neighbors import NearestNeighbors

    near = NearestNeighbors(n_neighbors=1).fit(np.asarray(codes))
    usual, found = (near.kneighbors(points)[0][:, 0] for points in (held_out, draws))
    return np.asarray(found > np.quantile(usual, _KNOWN))
