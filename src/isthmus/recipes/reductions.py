"""Other methods that give codes, to stand beside models: PCA, and UMAP where it is installed."""

from __future__ import annotations

import math
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from isthmus.data.scaling import Scaling
from isthmus.recipes.scoring import scaled
from isthmus.training import Rows

Array = NDArray[Any]
_PCA_VALUES = 2**28  # numbers, 1 GiB of float32
_UMAP_CASES = 5_000  # training samples at most
UMAP_UNITS = 32  # at most


class Reduction:
    """A method that gives codes of scaled samples.

    Parameters
    ----------
    units
        Code units at most.
    scaling
        Fitted.
    """

    uses_labels = False

    def __init__(self, units: int, scaling: Scaling) -> None:
        self.units, self.scaling_ = units, scaling

    def _flat(self, X: Array) -> NDArray[np.float32]:
        return scaled(self, X).reshape(len(X), -1)


class PrincipalComponents(Reduction):
    """PCA with what a table needs of a model."""

    def fit(self, X: Rows, y: None = None) -> Self:
        """Find the components of training samples: of all, or evenly chosen, as memory allows."""
        step = math.ceil(X[:1].size * len(X) / _PCA_VALUES)
        flat = self._flat(X[::step])
        self._mean = flat.mean(0)
        self._pca: Any = None  # all samples are alike
        if np.ptp(flat, axis=0).any():
            self._pca = PCA(min(self.units, *flat.shape), random_state=0).fit(flat)
        return self

    @property
    def parameters(self) -> int:
        """Numbers of the components and of the mean."""
        components = 0 if self._pca is None else self._pca.components_.size
        return int(components + self._mean.size)

    def transform(self, X: Array) -> Array:
        """Scores ``(N, units)`` of the components."""
        flat = self._flat(X)
        if self._pca is None:
            return np.zeros((len(flat), 1), np.float32)
        return np.asarray(self._pca.transform(flat))

    def score_samples(self, X: Array) -> Array:
        """Minus the squared error of each sample, in scaled units."""
        restored = self._mean
        if self._pca is not None:
            restored = self._pca.inverse_transform(self.transform(X))
        return np.asarray(-np.square(self._flat(X) - restored).sum(1))


class UMAP(Reduction):
    """Neighbourhoods of training samples laid out in few numbers (McInnes et al. 2018), seed 0.

    It rebuilds no samples: the inverse of the layout is too slow to be measured beside models.
    """

    @staticmethod
    def installed() -> bool:
        """Whether the package umap-learn is there."""
        return find_spec("umap") is not None

    def fit(self, X: Rows, y: None = None) -> Self:
        """Lay out at most 5,000 training samples, evenly chosen."""
        flat = self._flat(X[:: math.ceil(len(X) / _UMAP_CASES)])
        # With a seed it runs on one thread, and warns unless that is asked for.
        umap = import_module("umap").UMAP(n_components=self.units, random_state=0, n_jobs=1)
        self._umap = umap.fit(flat)
        return self

    @property
    def parameters(self) -> int:
        """Coordinates of the training samples, which it keeps."""
        return int(self._umap.embedding_.size)

    def transform(self, X: Array) -> Array:
        """Codes ``(N, units)``, laid out among those of the training samples."""
        return np.asarray(self._umap.transform(self._flat(X)))
