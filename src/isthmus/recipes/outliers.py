"""Outliers among the samples of a file or folder, by the autoencoder of a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.frozen import FrozenEstimator

from isthmus.core.errors import SettingError
from isthmus.core.registry import check_settings
from isthmus.data import DataSet, write_table
from isthmus.latent.outliers import DOCUMENT, OutlierDetector
from isthmus.latent.outliers import load as load_detector
from isthmus.recipes.apply import refuse_target
from isthmus.recipes.autoencoding import read_data
from isthmus.recipes.inputs import load_autoencoder, read_for
from isthmus.recipes.runner import has_recipe, read_recipe
from isthmus.recipes.search import class_of_each, sample_names
from isthmus.training import Rows

Array = NDArray[Any]
_NAMED = 3  # features of a table that are named for each row


@dataclass(frozen=True)
class Outliers:
    """What was found among the samples of `dataset`.

    Attributes
    ----------
    names
        File name, row name or row number (from 1) of each sample.
    scores
        See `OutlierDetector.score_samples`.
    """

    detector: OutlierDetector
    dataset: DataSet
    names: Array
    scores: Array

    @property
    def flags(self) -> NDArray[np.bool_]:
        """Whether each sample is an outlier."""
        return np.asarray(self.scores < self.detector.offset_)

    def strangest(self, count: int) -> NDArray[np.int64]:
        """Places of the samples with the lowest scores, the lowest first."""
        return np.argsort(self.scores, kind="stable")[:count]


def find_outliers(
    folder: Path,
    source: str,
    out: Path,
    *,
    false_alarms: float | None = None,
    normal: str | None = None,
) -> Outliers:
    """Score the samples of `source` and write a ``.csv`` or ``.parquet`` file, a row for each.

    Its columns are the name (or row), the score, whether it is an outlier, the class if it is
    known, and of a table the features with the greatest share in the reconstruction error.

    Parameters
    ----------
    folder
        Of a run, whose own training and validation samples tell what is usual; of a saved
        detector; or of any model, if `normal` is given.
    false_alarms
        See `OutlierDetector`; ``None`` for its default, or for what the saved detector has.
    normal
        Data to tell what is usual instead; best none that the model was trained on.

    Raises
    ------
    SettingError
        If `out` is no such file or is `source` itself, or nothing tells what is usual.
    DataError
        If the data cannot be read or are of another shape than the model's.
    """
    refuse_target(out, Path(source))
    if out.suffix.lower() not in (".csv", ".parquet"):
        raise SettingError(f"Outliers are written to .csv or .parquet, not to '{out}'.")
    detector = _detector(folder, normal, false_alarms)
    dataset = read_for(detector.autoencoder_, source)
    found = Outliers(
        detector, dataset, sample_names(dataset), detector.score_samples(dataset.samples)
    )
    write_table(out, _columns(found))
    return found


def _detector(folder: Path, normal: str | None, false_alarms: float | None) -> OutlierDetector:
    settings: dict[str, Any] = {} if false_alarms is None else {"false_alarms": false_alarms}
    check_settings(OutlierDetector, settings, "outliers")
    if normal is None and (folder / DOCUMENT).is_file():
        saved = load_detector(folder)
        saved.set_params(**settings)
        return saved
    model = load_autoencoder(folder)
    detector = OutlierDetector(autoencoder=FrozenEstimator(model), random_state=0, **settings)
    if normal is not None:
        return detector.fit(read_for(model, normal).samples)
    if not has_recipe(folder):
        raise SettingError(
            f"{folder} holds a model without its data, so nothing tells what is usual; give data"
            " without outliers by --normal, or the folder of its run."
        )
    dataset, parts = read_data(read_recipe(folder).data)
    if not len(parts.validation):
        raise SettingError(
            f"The run {folder} held no validation samples out, so nothing sets a threshold; give"
            " data without outliers by --normal."
        )
    held_out = Rows(dataset.samples, parts.validation)
    return detector.fit(Rows(dataset.samples, parts.train), validation=held_out)


def _columns(found: Outliers) -> dict[str, Array]:
    dataset = found.dataset
    columns = {
        "row" if dataset.names is None else "name": found.names,
        "score": found.scores,
        "outlier": found.flags,
    }
    classes = class_of_each(dataset)
    if classes is not None:
        columns["class"] = classes
    if dataset.samples.ndim == 2:
        columns |= _greatest_shares(found.detector, dataset)
    return columns


def _greatest_shares(detector: OutlierDetector, dataset: DataSet) -> dict[str, Array]:
    """Names and shares of the features with the greatest shares in each row's error."""
    shares = detector.explain(dataset.samples)
    features = dataset.feature_names or [f"x{i}" for i in range(shares.shape[1])]
    order = np.argsort(-shares, axis=1, kind="stable")[:, :_NAMED]
    columns: dict[str, Array] = {}
    for rank, places in enumerate(order.T, 1):
        columns[f"feature_{rank}"] = np.array(features)[places]
        columns[f"share_{rank}"] = np.take_along_axis(shares, places[:, None], 1)[:, 0]
    return columns
