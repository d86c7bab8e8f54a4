"""Clusters of the codes of data, scored beside those of the raw samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import SettingError
from isthmus.core.registry import check_settings
from isthmus.data import DataSet
from isthmus.data.chunks import chunks
from isthmus.latent.cluster import CLUSTERERS, medoids
from isthmus.latent.deep_clustering import DeepClustering
from isthmus.metrics import cluster_scores
from isthmus.models import load
from isthmus.recipes.apply import codes_of
from isthmus.recipes.inputs import read_for
from isthmus.recipes.schema import override
from isthmus.recipes.search import class_of_each, sample_names
from isthmus.training import Observer

Array = NDArray[Any]
_DEEP = "deep"
_NAMED = 3  # columns that set a cluster apart
_RAW = 10_000  # samples at most that are clustered as they are, to compare


@dataclass(frozen=True)
class Clusters:
    """Samples and their clusters.

    Attributes
    ----------
    model
        Whose codes are clustered; tuned, if `tuned`.
    dataset, codes
        Samples and their codes ``(N, m)``, both possibly memory-mapped.
    clusters
        ``(N,)``, from 0; -1 for noise.
    scores
        Of the codes' clusters, and of the raw samples' where labels are known, by name.
    tuned
        Whether the model was made for this clustering.
    """

    model: Any
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
        from sklearn.preprocessing import StandardScaler

        values, names = self.dataset.samples, self.dataset.feature_names or ()
        names = names or tuple(f"x{place}" for place in range(values.shape[1]))
        known, members, counts = np.unique(self.clusters, return_inverse=True, return_counts=True)
        means, usual = np.zeros((len(known), values.shape[1])), StandardScaler()
        for start, rows in chunks(values):
            np.add.at(means, members[start : start + len(rows)], rows)
            usual.partial_fit(rows)
        means /= counts[:, None]
        apart = usual.transform(means)
        return {
            "cluster": known,
            "rows": counts,
            "share": counts / len(values),
            "sets it apart": np.array([_sets_apart(row, names) for row in apart]),
            **{f"mean of {name}": column for name, column in zip(names, means.T, strict=True)},
        }


def _sets_apart(differences: Array, names: Sequence[str]) -> str:
    """The columns that differ most, with sign and size: ``Milk +1.2 σ, Fresh -0.7 σ``."""
    most = np.argsort(-np.abs(differences), kind="stable")[:_NAMED]
    return ", ".join(f"{names[place]} {differences[place]:+.1f} σ" for place in most)


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
    model = load(model_folder)
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
    if dataset.labels is not None:
        some = np.sort(np.random.default_rng(0).permutation(len(dataset))[:_RAW])
        flat = dataset.samples[some].reshape(len(some), -1).astype(np.float32)
        found = CLUSTERERS.build(spec)(flat)
        name = f"raw samples ({spec['kind']} of {len(some)})"
        scores[name] = cluster_scores(flat, found, dataset.labels[some])
    return Clusters(model, dataset, codes, clusters, scores, deep)
