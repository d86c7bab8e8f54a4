"""The data that the models of a comparison are trained on, and what is measured of each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

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
    trustworthiness_samples,
)
from isthmus.recipes.autoencoding import read_data
from isthmus.recipes.comparison import Comparison
from isthmus.recipes.restoration import corrupt
from isthmus.training import Rows

Array = NDArray[Any]
COLUMNS = {
    "squared_error": METRICS["squared_error"].title,
    "probe_accuracy": METRICS["probe_accuracy"].title,
    "kmeans_accuracy": "k-means accuracy",
    "active_units": "active units",
    "robustness": "probe accuracy on noisy samples",
    "trustworthiness": "trustworthiness",
    "continuity": "continuity",
}
"""Titles of what is measured, by name."""

_REFERENCE = 10_000  # training samples at most that tell which code units are active
_PROBED = 5_000  # of these at most, from which a linear probe learns
_CLUSTERED = 10_000  # test samples at most
_NEAR = 2_000  # test samples at most whose neighbours are looked for, among one another
_NEIGHBOURS = 10
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
        # As in `fit`, rows are read from the disk like an array, which their type does not say.
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
        """Of everything that models are given."""
        arrays = [self.dataset.samples, self.split.train, self.split.validation, self.split.test]
        if self.dataset.labels is not None:
            arrays.append(self.dataset.labels)
        return "-".join(map(fingerprint, arrays))

    def training(self, model: Any, most: int | None = None) -> tuple[Rows, Any]:
        """Training samples, or at most so many of them, and labels if the model uses them."""
        count = len(self.split.train)
        step = 1 if most is None else math.ceil(count / most)
        return self._given(model, self.split.train[::step])

    def validation(self, model: Any) -> tuple[Rows, Any] | None:
        """Validation samples for a model that stops by them, if there are any."""
        if model.patience is None or not len(self.split.validation):
            return None
        return self._given(model, self.split.validation)

    def groups_of(self, column: str) -> Array | None:
        """Group of each sample that a column has a value of, if there are groups."""
        groups = self.dataset.groups
        if groups is None:
            return None
        most = {"kmeans_accuracy": _CLUSTERED, "trustworthiness": _NEAR, "continuity": _NEAR}
        of_test = groups[self.split.test]
        return of_test[self._some(most.get(column, len(of_test)))]

    def measure(self, model: Any, seed: int) -> dict[str, Array]:
        """Values ``(N,)`` of each test sample by column; without labels only of those without.

        - ``squared_error``: of the clean sample, in scaled units;
        - ``probe_accuracy``: whether a linear probe, learnt from the codes of at most 5,000
          training samples, finds the class;
        - ``kmeans_accuracy``: whether the sample is in the cluster that is matched to its class,
          of at most 10,000 test samples;
        - ``active_units``: their number;
        - ``robustness``: whether the same probe finds the class of the noisy sample;
        - ``trustworthiness``, ``continuity``: see `neighbourhoods`.

        Parameters
        ----------
        model
            With `transform` and `score_samples`.
        seed
            Of the clustering.
        """
        codes = np.asarray(model.transform(self.test))
        reference = np.asarray(model.transform(self.dataset.samples[self.reference]))
        values: dict[str, Array] = {
            "squared_error": -model.score_samples(self.test),
            "active_units": active_units(codes, reference),
            **self.neighbourhoods(codes[self.near]),
        }
        if self.dataset.labels is not None:
            noisy = np.asarray(model.transform(self.noisy))
            labels = self.dataset.labels[self.split.test]
            known = self.dataset.labels[self.reference]
            predicted = linear_probe(
                reference[:_PROBED], known[:_PROBED], np.concatenate([codes, noisy])
            )
            some = self._some(_CLUSTERED)
            classes = min(len(np.unique(self.dataset.labels)), len(some))
            clusters = kmeans_clusters(codes[some], classes, seed)
            values |= {
                "probe_accuracy": predicted[: len(codes)] == labels,
                "kmeans_accuracy": matched_accuracy(labels[some], clusters),
                "robustness": predicted[len(codes) :] == labels,
            }
        return {name: values[name] for name in COLUMNS if name in values}

    @property
    def near(self) -> NDArray[np.int64]:
        """Places of the test samples, at most 2,000, whose neighbourhoods are looked at."""
        return self._some(_NEAR)

    def neighbourhoods(self, codes: Array) -> dict[str, Array]:
        """How well codes of the samples at `near` keep their neighbourhoods, ``(N,)``; best is 1.

        Their parts in `isthmus.metrics.trustworthiness` and `continuity`, of 10 neighbours; nothing
        where there are too few samples.
        """
        if len(codes) <= 2 * _NEIGHBOURS:
            return {}
        samples = np.asarray(self.test[self.near], np.float32)
        flat = np.asarray(self.scaling.apply(samples)).reshape(len(codes), -1)
        return {
            "trustworthiness": trustworthiness_samples(flat, codes, _NEIGHBOURS),
            "continuity": trustworthiness_samples(codes, flat, _NEIGHBOURS),
        }

    def _given(self, model: Any, part: NDArray[np.int64]) -> tuple[Rows, Any]:
        labels = self.dataset.labels if model.uses_labels else None
        return Rows(self.dataset.samples, part), None if labels is None else labels[part]

    def _some(self, most: int) -> NDArray[np.int64]:
        """Places of at most so many test samples, evenly chosen."""
        return np.arange(len(self.test))[:: math.ceil(len(self.test) / most)]
