"""How much an encoder shortens small steps along the data and across them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError, SettingError

_TOGETHER = 256  # samples whose steps are encoded at once
_ROUNDING = 1e-6  # of the first singular value, below which a direction is rounding


class Contraction(NamedTuple):
    """Ratios ``(N,)`` of code distance to input distance, along the data and across them."""

    along: NDArray[np.float64]
    across: NDArray[np.float64]


class ContractionMap(NamedTuple):
    """How far codes move for steps a along the data and b across them at the same time.

    Attributes
    ----------
    steps
        The steps, ``(K,)``, in median distances between neighbours.
    distances
        Mean distance from the code of the sample, ``(K, K)``: rows by b, columns by a.
    """

    steps: NDArray[np.float64]
    distances: NDArray[np.float64]


Encode = Callable[[NDArray[Any]], NDArray[Any]]


def contraction(
    encode: Encode,
    samples: NDArray[Any],
    *,
    neighbours: int = 10,
    directions: int = 5,
    share: float = 0.1,
    seed: int = 0,
) -> Contraction:
    """Ratio of code distance to input distance for steps along and across the data.

    For each sample x, taken as a vector of D values, and d unit vectors u_k::

        ratio(x) = sqrt( mean over k and both signs of ‖f(x ± ε u_k) - f(x)‖² ) / ε

    *Along*: the u_k are the first d principal directions of the K nearest other samples about
    their mean, an estimate of the data's tangent plane at x. *Across*: each u_k is a random
    direction, uniform among those at right angles to the former. For a linear f of matrix J both
    are ‖J U‖_F / √d, and for any f near to it where ε is small. ε is one length for all samples,
    `share` of the median over the samples of their mean distance to their K neighbours, so that a
    step stays well inside the neighbourhood. Steps are not clipped to the range of the data.

    Claim C-09 of lecture note 003, near points stay near and other variations are ignored: an
    encoder that follows the data has along > across, one that is contractive has both small.
    The directions are those of Rifai et al. 2011 ("The manifold tangent classifier") with local
    PCA in place of a trained encoder.

    Parameters
    ----------
    encode
        f, from samples ``(n, ...)`` shaped as `samples` are, floating-point, to codes ``(n, m)``.
    samples
        ``(N, ...)``. Copies of a sample are not its neighbours: they lie in no direction.
    neighbours
        K, at least 2.
    directions
        d, of which at most D - 1 and those that the neighbours span are used.
    share
        ε as a share of the neighbours' distance.
    seed
        Of the directions across.

    Raises
    ------
    DataError
        If samples are not finite, have fewer than 2 values, or fewer than K + 1 are distinct.
    SettingError
        If there is no direction to go or no length.
    """
    if directions < 1 or not share > 0:
        raise SettingError("Steps need at least 1 direction and a share greater than 0.")
    samples, points = _as_points(samples)
    distinct, near, distances = _nearest(points, neighbours)
    step = share * float(np.median(distances.mean(1)))
    size = min(directions, points.shape[1] - 1)
    generator = np.random.default_rng(seed)
    ratios = []
    for start in range(0, len(points), _TOGETHER):
        origin = samples[start : start + _TOGETHER]
        tangent = _principal(distinct[near[start : start + _TOGETHER]], size)
        drawn = generator.standard_normal((len(origin), size, points.shape[1]))
        across = _orthogonal(drawn, tangent)
        ratios.append([_ratio(encode, origin, units, step) for units in (tangent, across)])
    return Contraction(*np.concatenate(ratios, axis=1))


def contraction_map(
    encode: Encode,
    samples: NDArray[Any],
    *,
    neighbours: int = 10,
    origins: int = 200,
    places: int = 17,
    seed: int = 0,
) -> ContractionMap:
    """Mean of ‖f(x + a u + b v) - f(x)‖ over samples x, for steps a and b on a grid.

    u is the first direction along the data at x and v one across them, as in `contraction`. Lines
    of equal distance are circles where the encoder makes no difference between the two, and long in
    the direction of b where it contracts across the data more than along them.

    Parameters
    ----------
    encode, samples, neighbours, seed
        As in `contraction`.
    origins
        Samples at most from which steps are taken; all are neighbours.
    places
        K, the number of steps from -1 to 1 median distance of neighbours; odd, so that 0 is one.

    Raises
    ------
    DataError
        As `contraction`.
    """
    samples, points = _as_points(samples)
    distinct, near, distances = _nearest(points, neighbours)
    unit = float(np.median(distances.mean(1)))
    steps = np.linspace(-1, 1, places)
    generator = np.random.default_rng(seed)
    total, count = np.zeros((places, places)), min(origins, len(points))
    for place in range(count):
        tangent = _principal(distinct[near[place]][None], 1)
        across = _orthogonal(generator.standard_normal((1, 1, points.shape[1])), tangent)
        b, a = (unit * axis.reshape(-1, 1) for axis in np.meshgrid(steps, steps, indexing="ij"))
        moved = points[place] + a * tangent[0] + b * across[0]
        given = np.concatenate([points[place : place + 1], moved]).astype(samples.dtype)
        codes = np.asarray(encode(given.reshape(-1, *samples.shape[1:])), np.float64)
        codes = codes.reshape(len(given), -1)
        total += np.linalg.norm(codes[1:] - codes[0], axis=1).reshape(places, places)
    return ContractionMap(steps, total / count)


def _as_points(samples: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Samples as floating-point numbers, and as vectors of double precision."""
    samples = np.asarray(samples)
    samples = samples.astype(np.result_type(samples, np.float32))
    return samples, samples.reshape(len(samples), math.prod(samples.shape[1:])).astype(np.float64)


def _nearest(
    points: NDArray[np.float64], count: int
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    """Distinct points; of each point's nearest others the indices and distances ``(N, count)``."""
    from sklearn.neighbors import NearestNeighbors

    if points.shape[1] < 2 or not np.isfinite(points).all():
        raise DataError("Directions need samples of at least 2 values each, all of them finite.")
    distinct, member = np.unique(points, axis=0, return_inverse=True)
    if not 2 <= count < len(distinct):
        raise DataError(
            f"{count} neighbours are asked for, but there are {len(distinct)} distinct samples;"
            " ask for at least 2 and for fewer than there are samples."
        )
    distances, near = NearestNeighbors(n_neighbors=count).fit(distinct).kneighbors()
    return distinct, near[member], distances[member]


def _principal(points: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Principal directions ``(n, size, D)`` of ``(n, K, D)``; one without extent is 0."""
    centred = points - points.mean(1, keepdims=True)
    _, lengths, directions = np.linalg.svd(centred, full_matrices=False)
    real = lengths > _ROUNDING * lengths[:, :1]
    return np.asarray((directions * real[..., None])[:, :size])


def _orthogonal(vectors: NDArray[np.float64], tangent: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit vectors ``(n, k, D)``: what is left of the vectors without their tangent part."""
    for _ in range(2):  # the second time removes what rounding left
        vectors = vectors - vectors @ tangent.swapaxes(1, 2) @ tangent
    return np.asarray(vectors / np.linalg.norm(vectors, axis=2, keepdims=True))


def _ratio(
    encode: Encode,
    origin: NDArray[Any],
    units: NDArray[np.float64],
    step: float,
) -> NDArray[np.float64]:
    """The formula for samples ``(n, ...)`` and directions ``(n, k, D)``, less those that are 0."""
    both = step * np.concatenate([units, -units], axis=1)
    moved = origin.reshape(len(origin), 1, -1) + both
    shaped = moved.reshape(-1, *origin.shape[1:]).astype(origin.dtype)
    start = np.asarray(encode(origin), np.float64).reshape(len(origin), 1, -1)
    end = np.asarray(encode(shaped), np.float64).reshape(*both.shape[:2], -1)
    steps = both.any(2).sum(1)  # the others are 0, and so are theirs
    return np.asarray(np.sqrt(np.square(end - start).sum((1, 2)) / steps) / step)
