"""Clusters of the codes of data, scored beside those of the raw samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import SettingError
from isthmus.core.registry import check_settings
from isthmus.data import DataSet
from isthmus.data.chunks import chunks
from isthmus.latent.cluster import CLUSTERERS, medoids
from isthmus.latent.deep_clustering import DeepClustering
from isthmus.metrics import cluster_scores
from isthmus.recipes.apply import codes_of
from isthmus.recipes.inputs import load_autoencoder, read_for
from isthmus.recipes.schema import override
from isthmus.recipes.scoring import scaled
from isthmus.recipes.search import class_of_each, sample_names
from isthmus.training import Observer

Array = NDArray[Any]
_DEEP = "deep"
_NAMED = 3  # columns that set a cluster apart
_RAW = 10_000  # samples at most that are clustered as they are, to compare


class Difference(NamedTuple):
    """A column in a cluster and in all rows, in its own units.

    Attributes
    ----------
    column
        Its name.
    mean, overall
        Means over the cluster's rows and over all.
    spread
        Standard deviation over all rows.
    """

    column: str
    mean: float
    overall: float
    spread: float

    @property
    def sigmas(self) -> float:
        """Difference of the means in standard deviations."""
        return (self.mean - self.overall) / (self.spread or 1.0)

    def __str__(self) -> str:
        return f"{self.column} {self.sigmas:+.1f} σ"


@dataclass(frozen=True)
class Clusters:
    """Samples and their clusters.

    Attributes
    ----------
    model, folder
        Whose codes are clustered, and where it was found; tuned, if `tuned`.
    spec
        Kind and settings of the clustering.
    dataset, codes
        Samples and their codes ``(N, m)``, both possibly memory-mapped.
    clusters
        ``(N,)``, from 0; -1 for noise.
    scores
        Of the codes' clusters, and of those of the scaled samples as they are, by name.
    tuned
        Whether the model was made for this clustering.
    """

    model: Any
    folder: Path
    spec: dict[str, Any]
    dataset: DataSet
    codes: Array
    clusters: NDArray[np.int64]
    scores: dict[str, dict[str, float]]
    tuned: bool

    def columns(self) -> dict[str, Array]:
        """Name, cluster and, if known, class of each sample."""
        columns = {"name": sample_names(self.dataset), "cluster": self.clusters}
        classes = class_of_each(self.dataset)
        return columns if classes is None else {**columns, "class": classes}

    def members(self, count: int) -> dict[int, Array]:
        """Places of the medoid and of the next members of each cluster."""
        return medoids(self.codes, self.clusters, count)

    def profile(self) -> dict[str, Array]:
        """What each cluster of a table's rows is like, as columns with an entry for each cluster.

        Number and share of its rows, what sets it apart, and the means of all columns: those whose
        mean differs most from that of all rows, in standard deviations of the column, are named.
        """
        known, counts, _, _ = self._moments
        by_column = [{one.column: one.mean for one in self.differences(c)} for c in known]
        apart = [", ".join(map(str, self.differences(c)[:_NAMED])) for c in known]
        return {
            "cluster": known,
            "rows": counts,
            "share": counts / len(self.clusters),
            "sets it apart": np.array(apart),
            **{
                f"mean of {name}": np.array([means[name] for means in by_column])
                for name in self._names
            },
        }

    @cached_property
    def _moments(self) -> tuple[Array, Array, Array, Any]:
        """Clusters, rows of each, means of each, and what all rows are like; part by part."""
        from sklearn.preprocessing import StandardScaler

        known, members, counts = np.unique(self.clusters, return_inverse=True, return_counts=True)
        values = self.dataset.samples
        means, usual = np.zeros((len(known), values.shape[1])), StandardScaler()
        for start, rows in chunks(values):
            np.add.at(means, members[start : start + len(rows)], rows)
            usual.partial_fit(rows)
        return known, counts, means / counts[:, None], usual

    def differences(self, cluster: int) -> list[Difference]:
        """The columns of a table in a cluster, those first that differ most from all rows'."""
        known, _, means, usual = self._moments
        parts = means[np.searchsorted(known, cluster)], usual.mean_, np.sqrt(usual.var_)
        found = [
            Difference(name, *map(float, numbers))
            for name, *numbers in zip(self._names, *parts, strict=True)
        ]
        return sorted(found, key=lambda one: -abs(one.sigmas))

    @property
    def _names(self) -> tuple[str, ...]:
        """Of the columns of a table."""
        count = self.dataset.samples.shape[1]
        return self.dataset.feature_names or tuple(f"x{place}" for place in range(count))


def cluster_file(
    model_folder: Path,
    source: str,
    kind: str = "kmeans",
    settings: Sequence[str] = (),
    *,
    observer: Observer | None = None,
) -> Clusters:
    """Cluster the codes of data.

    Parameters
    ----------
    kind
        Of `CLUSTERERS`, or ``"deep"`` for `DeepClustering`.
    settings
        Of that kind, each ``a=b``.

    Raises
    ------
    SettingError
        If the kind or a setting is unknown or out of range.
    DataError, ModelFileError
        If the data do not suit the model, or it cannot be loaded.
    """
    given: dict[str, Any] = {}
    for setting in settings:
        override(given, setting)
    deep, spec = kind == _DEEP, {**given, "kind": kind}
    if not deep and kind not in CLUSTERERS:
        names = ", ".join([*CLUSTERERS, _DEEP])
        raise SettingError(f"Unknown clusterer '{kind}'. Choose from: {names}.")
    own = check_settings(DeepClustering, given, _DEEP) if deep else CLUSTERERS.check(spec)
    model = load_autoencoder(model_folder)
    dataset = read_for(model, source)
    if deep:
        fitted = DeepClustering(**own).fit(model, dataset.samples, observer=observer)
        model, clusters = fitted.model_, fitted.labels_
        spec = {"kind": "kmeans", "clusters": own["clusters"]}
        codes = codes_of(model, dataset.samples)
    else:
        codes = codes_of(model, dataset.samples)
        clusters = CLUSTERERS.build(own)(codes)
    scores = {"codes": cluster_scores(codes, clusters, dataset.labels)}
    some = np.sort(np.random.default_rng(0).permutation(len(dataset))[:_RAW])
    flat = scaled(model, dataset.samples[some]).reshape(len(some), -1)
    labels = None if dataset.labels is None else dataset.labels[some]
    name = f"raw samples ({spec['kind']} of {len(some)})"
    scores[name] = cluster_scores(flat, CLUSTERERS.build(spec)(flat), labels)
    used = {**own, "kind": kind}
    return Clusters(model, model_folder, used, dataset, codes, clusters, scores, deep)
