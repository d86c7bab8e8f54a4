"""New samples: decoded from codes that are drawn as the model's own are distributed."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from isthmus.core.errors import DataError
from isthmus.models import VariationalAutoencoder

Array = NDArray[Any]
_COMPONENTS = 10


def draw_codes(
    model: Any,
    count: int,
    *,
    codes: Array | None = None,
    components: int | None = None,
    seed: int = 0,
) -> NDArray[np.float32]:
    """Codes ``(count, m)`` of no sample, to be decoded into new ones.

    Of a variational autoencoder they are drawn from N(0, I), unless components are asked for; of
    any other from a mixture of Gaussians with full covariances that is fitted to codes of its
    training samples. Where the codes do not fill N(0, I), as those of a small weight of the
    divergence, the mixture suits a variational one better.

    Parameters
    ----------
    model
        Fitted.
    codes
        Codes ``(N, m)`` of training samples.
    components
        Gaussians of the mixture, 10 by default.

    Raises
    ------
    DataError
        If a mixture is needed and there are no codes, or fewer than Gaussians.
    """
    if needs_no_codes(model, components):
        drawn: NDArray[np.float32] = model.draw_codes(count, random_state=seed)
        return drawn
    components = components or _COMPONENTS
    if codes is None or len(codes) < components:
        there = "none" if codes is None else len(codes)
        raise DataError(
            f"A mixture of {components} Gaussians is fitted to codes of training samples, but there"
            f" are {there}; give more data or fewer components."
        )
    mixture = GaussianMixture(components, random_state=seed, reg_covar=1e-6)
    with warnings.catch_warnings():
        # A mixture whose likelihood still rises a little draws no worse codes.
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture.fit(np.asarray(codes, np.float64))
    sampled, _ = mixture.sample(count)
    order = np.random.default_rng(seed).permutation(count)  # they come sorted by component
    return np.asarray(sampled[order], np.float32)


def needs_no_codes(model: Any, components: int | None) -> bool:
    """Whether `draw_codes` draws from the prior of the model."""
    return isinstance(model, VariationalAutoencoder) and components is None


def nearest_distances(samples: Array, data: Array) -> NDArray[np.float64]:
    """Distance of each sample to the nearest one of the data, ``(N,)``: how new it is.

    Euclidean, over the values of ``(N, ...)`` and ``(M, ...)``. A sample that is among the data has
    the distance 0.
    """
    from sklearn.neighbors import NearestNeighbors

    flat = [np.asarray(one, np.float32).reshape(len(one), -1) for one in (data, samples)]
    return np.asarray(NearestNeighbors(n_neighbors=1).fit(flat[0]).kneighbors(flat[1])[0][:, 0])
