"""The codes of a run's data, and what is known of each of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.frozen import FrozenEstimator
from sklearn.neighbors import NearestNeighbors

from isthmus.data import DataSet, Split
from isthmus.latent.outliers import OutlierDetector
from isthmus.recipes.inputs import told

Array = NDArray[Any]
Part = Literal["test", "validation", "training", "all"]
Report = Callable[[str, float], None]
_AT_ONCE = 1024  # samples that are encoded at once
_KNOWN = 20_000  # samples that tell what is usual
_NEIGHBOURS = 10  # whose distance tells the density
_FEW_UNITS = 15  # up to so many, neighbours are found in a tree


@dataclass(frozen=True)
class Codes:
    """N samples of a run's data in the space of codes.

    Attributes
    ----------
    dataset
        The samples.
    sizes
        Of each part of the data, those that are not shown too.
    codes
        ``(N, m)``.
    errors
        Mean squared error of each reconstruction, in scaled units.
    density
        -log of the distance to the tenth nearest code; of many long codes, among some of them.
    strangeness
        Minus the score of `OutlierDetector`.
    threshold
        Samples that are stranger are outliers.
    neighbours
        Of all codes.
    typical
        Median distance of a code to the nearest other one.
    """

    model: Any
    dataset: DataSet
    sizes: dict[str, int]
    codes: NDArray[np.float32]
    errors: NDArray[np.float32]
    density: NDArray[np.float32]
    strangeness: NDArray[np.float32]
    threshold: float
    neighbours: NearestNeighbors
    typical: float

    @cached_property
    def fingerprint(self) -> str:
        """The same for the same samples."""
        return self.dataset.fingerprint()

    def nearest(self, code: Array, k: int) -> tuple[NDArray[np.int64], Array]:
        """Places of the k nearest codes, and how far they are in typical distances."""
        distances, places = self.neighbours.kneighbors(code[None], min(k, len(self.codes)))
        return places[0], distances[0] / (self.typical or 1)

    def rebuilt(self, places: Array) -> Array:
        """Samples as the model rebuilds them."""
        return np.asarray(self.model.reconstruct(*told(self.model, self.dataset.subset(places))))


def rows_of(parts: Split, part: Part, count: int) -> NDArray[np.int64]:
    """Places of `count` samples of a part, drawn by seed 0, in their order.

    Where nothing was held out, the training part stands for the others.
    """
    named = {"test": parts.test, "validation": parts.validation, "training": parts.train}
    if part == "all":
        rows = np.concatenate(list(named.values()))
    else:
        rows = named[part] if len(named[part]) else parts.train
    return np.sort(np.random.default_rng(0).permutation(rows)[:count])


def encode(
    model: Any, dataset: DataSet, parts: Split, part: Part, count: int, report: Report
) -> Codes:
    """Encode samples of a part of the data; `report` is told what is done, and how much of it."""
    shown = dataset.subset(rows_of(parts, part, count))
    # The numbers of the classes are those of the whole set, whichever are shown.
    shown = replace(shown, class_names=dataset.class_names)
    pieces = []
    for start in range(0, len(shown), _AT_ONCE):
        report("Encoding", start / len(shown))
        some = shown.subset(np.arange(start, min(start + _AT_ONCE, len(shown))))
        pieces.append((model.transform(some.samples), -model.score_samples(*told(model, some))))
    codes, errors = (np.concatenate(piece) for piece in zip(*pieces, strict=True))
    report("Looking for outliers", 0.0)
    strangeness, threshold = _strangeness(model, dataset, parts, shown.samples, report)
    report("Measuring distances", 0.0)
    neighbours = NearestNeighbors().fit(codes)
    near, far = _distances(codes, neighbours, report)
    sizes = {"test": parts.test, "validation": parts.validation, "training": parts.train}
    return Codes(
        model,
        shown,
        {name: len(rows) for name, rows in sizes.items() if len(rows)},
        np.asarray(codes, np.float32),
        np.asarray(errors / np.prod(shown.sample_shape), np.float32),
        np.asarray(-np.log(np.maximum(far, 1e-12)), np.float32),
        np.asarray(strangeness, np.float32),
        threshold,
        neighbours,
        float(np.median(near)),
    )


def _distances(
    codes: Array, neighbours: NearestNeighbors, report: Report
) -> tuple[Array, NDArray[np.float64]]:
    """Distance of each code to the nearest other one, and to the tenth."""
    rows = np.arange(len(codes))
    known = rows
    if codes.shape[1] > _FEW_UNITS and len(codes) > _KNOWN:
        known = np.sort(np.random.default_rng(0).permutation(rows)[:_KNOWN])
        neighbours = NearestNeighbors().fit(codes[known])
    k = min(_NEIGHBOURS, len(known) - 1)
    if k < 1:
        return np.zeros(len(codes)), np.zeros(len(codes))
    found = []
    for start in range(0, len(codes), 8 * _AT_ONCE):
        report("Measuring distances", start / len(codes))
        part = rows[start : start + 8 * _AT_ONCE]
        distances, places = neighbours.kneighbors(codes[part], k + 1)
        # A code itself is no other, and by rounding it may not even be at distance 0.
        itself = known[places] == part[:, None]
        found.append(np.sort(np.where(itself, np.inf, distances)))
    others = np.concatenate(found)
    return others[:, 0], others[:, k - 1]


def _strangeness(
    model: Any, dataset: DataSet, parts: Split, samples: Array, report: Report
) -> tuple[Array, float]:
    """How unlike the training samples each sample is; a conditional model tells by codes alone."""
    known, held_out = (_some(rows) for rows in (parts.train, parts.validation))
    if len(held_out) < 2:
        known, held_out = known[::2], known[1::2]
    if not len(known) or not len(held_out):
        return np.zeros(len(samples)), 0.0
    detector = OutlierDetector(
        autoencoder=FrozenEstimator(model),
        measure="distance" if model.conditional else "both",
        random_state=0,
    ).fit(dataset.samples[known], validation=dataset.samples[held_out])
    scores = []
    for start in range(0, len(samples), _AT_ONCE):
        report("Looking for outliers", start / len(samples))
        scores.append(detector.score_samples(samples[start : start + _AT_ONCE]))
    return -np.concatenate(scores), -detector.offset_


def _some(rows: Array) -> NDArray[np.int64]:
    """At most `_KNOWN` of them, evenly chosen."""
    return np.asarray(rows[:: max(1, -(-len(rows) // _KNOWN))], np.int64)
