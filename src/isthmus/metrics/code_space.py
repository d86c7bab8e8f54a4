"""How a space of codes lies to the samples, to their classes and to what is drawn from it.

Codes are ``(N, m)`` numbers, samples ``(N, ...)``, labels ``(N,)``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError

_KNOWN = 0.99  # share of held-out codes that are said to lie where codes are


def trustworthiness_samples(
    samples: NDArray[Any], codes: NDArray[Any], neighbours: int = 10
) -> NDArray[np.float64]:
    """1 less a penalty for codes near that of i whose samples are not near to it, ``(N,)``.

    1 - 2 / (K (2N - 3K - 1)) Σ_{j among the K nearest codes of i, not samples} (r(i, j) - K),
    r being the rank of sample j among the neighbours of i; best is 1. The mean over i is the
    trustworthiness; of ``(codes, samples)`` it is the continuity. Source: Venna and Kaski 2001.

    Raises
    ------
    DataError
        If there are not more than 2 K samples.
    """
    from sklearn.metrics import pairwise_distances
    from sklearn.neighbors import NearestNeighbors

    flat = np.asarray(samples).reshape(len(samples), -1)
    if len(flat) <= 2 * neighbours:
        raise DataError(
            f"{neighbours} neighbours are asked for, but there are {len(flat)} samples; give more"
            f" than {2 * neighbours}."
        )
    count = len(flat)
    distances = pairwise_distances(flat)
    np.fill_diagonal(distances, np.inf)  # the last of its own neighbours
    ranks = np.empty((count, count), np.int64)
    np.put_along_axis(ranks, distances.argsort(1), np.arange(1, count + 1)[None], 1)
    near = NearestNeighbors(n_neighbors=neighbours).fit(np.asarray(codes))
    found = np.take_along_axis(ranks, near.kneighbors(return_distance=False), 1)
    excess = np.maximum(found - neighbours, 0).sum(1)
    return np.asarray(1 - 2 / (neighbours * (2 * count - 3 * neighbours - 1)) * excess)


def trustworthiness(samples: NDArray[Any], codes: NDArray[Any], neighbours: int = 10) -> float:
    """Whether codes that are neighbours have samples that are: mean of `trustworthiness_samples`.

    Raises
    ------
    DataError
        If there are not more than 2 K samples.
    """
    return float(trustworthiness_samples(samples, codes, neighbours).mean())


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
