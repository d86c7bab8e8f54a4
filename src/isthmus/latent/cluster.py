"""Groups of codes that lie close together, by four well-known ways."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge
from numpy.typing import NDArray

from isthmus.core.errors import DataError
from isthmus.core.registry import Registry
from isthmus.core.settings import NonNegativeInt, PositiveInt
from isthmus.metrics import kmeans_clusters

Array = NDArray[Any]
_BATCH = 4096  # codes that are read at once


class Clusterer(ABC):
    """A way to cluster codes ``(N, m)``.

    Parameters
    ----------
    clusters
        Their number.
    random_state
        Seed of all draws.
    """

    kind: ClassVar[str]

    def __init__(self, *, clusters: PositiveInt = 10, random_state: NonNegativeInt = 0) -> None:
        self.clusters, self.random_state = clusters, random_state

    def __call__(self, codes: Array) -> NDArray[np.int64]:
        """Cluster of each code ``(N,)``, from 0; -1 for what HDBSCAN leaves out as noise.

        Raises
        ------
        DataError
            If codes are not finite ``(N, m)``, or too few.
        """
        if codes.ndim != 2 or len(codes) < max(2, self.clusters):
            raise DataError(
                f"Codes of shape {codes.shape} cannot form {self.clusters} clusters; give (N, m)"
                f" with N of at least {max(2, self.clusters)}."
            )
        for start in range(0, len(codes), _BATCH):
            if not np.isfinite(codes[start : start + _BATCH]).all():
                raise DataError("Codes must be finite, but some are NaN or infinite.")
        return np.asarray(self._labels(codes), np.int64)

    @abstractmethod
    def _labels(self, codes: Array) -> Array:
        """Cluster of each code."""


CLUSTERERS: Registry[Clusterer] = Registry("clusterer")


@CLUSTERERS.register("kmeans")
class KMeansClusterer(Clusterer):
    """Minimises Σ_n ‖h_n - μ_{c_n}‖² by Lloyd's algorithm: the best of 10 k-means++ starts."""

    def _labels(self, codes: Array) -> Array:
        return kmeans_clusters(codes, self.clusters, self.random_state)


@CLUSTERERS.register("mini_batch_kmeans")
class MiniBatchKMeansClusterer(Clusterer):
    """K-means on batches that are drawn from codes on the disk (Sculley 2010).

    The centres begin as those of k-means on one larger draw. Codes that are memory-mapped are never
    in memory as a whole.

    Parameters
    ----------
    passes
        How often each code is seen.
    """

    def __init__(
        self,
        *,
        clusters: PositiveInt = 10,
        random_state: NonNegativeInt = 0,
        passes: PositiveInt = 3,
    ) -> None:
        super().__init__(clusters=clusters, random_state=random_state)
        self.passes = passes

    def _labels(self, codes: Array) -> Array:
        from sklearn.cluster import KMeans, MiniBatchKMeans

        random = np.random.default_rng(self.random_state)
        some = np.sort(random.permutation(len(codes))[: max(_BATCH, 10 * self.clusters)])
        start = KMeans(self.clusters, n_init=10, random_state=self.random_state).fit(codes[some])
        model = MiniBatchKMeans(
            self.clusters, init=start.cluster_centers_, n_init=1, random_state=self.random_state
        )
        for _ in range(self.passes):
            order = random.permutation(len(codes))
            for begin in range(0, len(codes), _BATCH):
                model.partial_fit(codes[np.sort(order[begin : begin + _BATCH])])
        parts = [
            model.predict(codes[begin : begin + _BATCH]) for begin in range(0, len(codes), _BATCH)
        ]
        return np.concatenate(parts)


@CLUSTERERS.register("gaussian_mixture")
class GaussianMixtureClusterer(Clusterer):
    """The likeliest component of a mixture of Gaussians with full covariances, found by EM."""

    def _labels(self, codes: Array) -> Array:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.mixture import GaussianMixture

        model = GaussianMixture(self.clusters, random_state=self.random_state)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # 100 steps are enough to compare
            return np.asarray(model.fit_predict(np.asarray(codes, np.float64)))


@CLUSTERERS.register("hdbscan")
class HDBSCANClusterer(Clusterer):
    """Dense regions at any density (Campello et al. 2013); their number is not given.

    Parameters
    ----------
    min_cluster_size
        Codes of the smallest cluster.
    """

    def __init__(
        self,
        *,
        min_cluster_size: Annotated[int, Ge(2)] = 50,
    ) -> None:
        super().__init__(clusters=1)
        self.min_cluster_size = min_cluster_size

    def _labels(self, codes: Array) -> Array:
        from sklearn.cluster import HDBSCAN

        if self.min_cluster_size > len(codes):
            raise DataError(
                f"{len(codes)} codes cannot form a cluster of {self.min_cluster_size}; set a"
                " smaller min_cluster_size."
            )
        return np.asarray(HDBSCAN(self.min_cluster_size, copy=True).fit_predict(codes))


def medoids(codes: Array, clusters: Array, members: int = 10) -> dict[int, Array]:
    """Places of each cluster's medoid and of the members nearest to the mean, the nearest first.

    The medoid, whose squared distances to all members sum to the least, is the one nearest to their
    mean. Noise (-1) has none.

    Parameters
    ----------
    members
        How many at most.
    """
    found = {}
    for cluster in np.unique(clusters[clusters >= 0]):
        where = np.flatnonzero(clusters == cluster)
        parts = [where[begin : begin + _BATCH] for begin in range(0, len(where), _BATCH)]
        mean = sum(codes[part].sum(0, np.float64) for part in parts) / len(where)
        distances = np.concatenate([np.square(codes[part] - mean).sum(1) for part in parts])
        found[int(cluster)] = where[np.argsort(distances, kind="stable")[:members]]
    return found
