"""The data that the models of a comparison are trained on, and what is measured of each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from isthmus.core.errors import SettingError
from isthmus.corruption import CORRUPTIONS
from isthmus.data import DataSet, Split
from isthmus.data.fingerprint import fingerprint
from isthmus.data.scaling import SCALINGS, Scaling, value_range
from isthmus.metrics import (
    METRICS,
    active_units,
    kmeans_clusters,
    linear_probe,
    matched_accuracy,
)
from isthmus.recipes.comparison import Comparison
from isthmus.recipes.restoration import corrupt
from isthmus.recipes.runner import read_data
from isthmus.recipes.scoring import scaled
from isthmus.training import Rows

Array = NDArray[Any]
COLUMNS = {
    "squared_error": METRICS["squared_error"].title,
    "probe_accuracy": METRICS["probe_accuracy"].title,
    "kmeans_accuracy": "k-means accuracy",
    "active_units": "active units",
    "robustness": "probe accuracy on noisy samples",
}
"""Titles of what is measured, by name."""

_REFERENCE = 10_000  # training samples at most that tell which code units are active
_PROBED = 5_000  # of these at most, from which a linear probe learns
_CLUSTERED = 10_000  # test samples at most
_PCA_VALUES = 2**28  # numbers, 1 GiB of float32
_SIGMA = 0.3


@dataclass(frozen=True, eq=False)
class Benchmark:
    """One data set, parted, and the samples that every model is measured on.

    Attributes
    ----------
    scaling
        That of all models.
    noise
        Spec of the corruption for the robustness, in full.
    test, noisy
        Test samples ``(N, ...)`` as they are, and float32 with noise, both in the units of the
        data.
    reference
        Places of some training samples, drawn at random by a fixed seed.
    """

    dataset: DataSet
    split: Split
    scaling: Scaling
    noise: dict[str, Any]
    test: Array
    noisy: Array
    reference: NDArray[np.int64]

    @classmethod
    def read(cls, comparison: Comparison) -> Self:
        """Read and part the data of a comparison; its noise is put on the test samples.

        Raises
        ------
        DataError
            If the data cannot be read, or the noise is not for such data.
        SettingError
            If no samples are held out for the test.
        """
        dataset, split = read_data(comparison.data)
        if not len(split.test):
            raise SettingError("A comparison needs test samples; set data.test above 0.")
        scaling = SCALINGS.build(comparison.settings(next(iter(comparison.models)))["scaling"])
        # As in `fit`, which reads from the disk what does not fit the memory.
        scaling.fit(Rows(dataset.samples, split.train))  # type: ignore[arg-type]
        test = dataset.samples[split.test]
        target = np.asarray(scaling.apply(np.asarray(test, np.float32)), np.float32)
        low, high = value_range(target)
        noise = comparison.noise
        if noise is None:
            noise = {"kind": "gaussian", "sigma": _SIGMA, "clip": low >= 0 and high <= 1}
        corruption = CORRUPTIONS.build(noise)
        corruption.check_inputs(low, high)
        noisy = np.asarray(scaling.undo(corrupt(corruption, target)), np.float32)
        drawn = np.random.default_rng(0).permutation(split.train)[:_REFERENCE]
        return cls(dataset, split, scaling, CORRUPTIONS.check(noise), test, noisy, drawn)

    @cached_property
    def fingerprint(self) -> str:
        """Of everything that the models are given."""
        labels = self.dataset.labels
        parts = [self.dataset.samples, *vars(self.split).values()]
        return "-".join(fingerprint(part) for part in [*parts, *([] if labels is None else [labels])])

    def training(self, model: Any, most: int | None = None) -> tuple[Any, Any]:
        """Training samples (at most so many), and their labels if the model uses them."""
        return self._given(model, self.split.train[:: -(-len(self.split.train) // (most or 1))])
