"""Scores of a model beside its baselines, with intervals."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.decomposition import PCA

from isthmus.core.errors import ModelFileError
from isthmus.core.files import atomic_file, write_text
from isthmus.data.fingerprint import fingerprint
from isthmus.metrics import METRICS, Estimate, bootstrap_mean, principal_angles

Array = NDArray[Any]
_FILE = "evaluation.json"
_CASES = "evaluation.npz"
_TRAINING_CASES = 10_000  # training samples at most whose error is told
# What json, NumPy and the zip format raise on damaged files.
_DAMAGED = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclass(frozen=True)
class Evaluation:
    """Scores of a model and its baselines on the same samples.

    Attributes
    ----------
    values
        Per-sample values ``(N,)`` by method (``"model"``, ``"PCA"``, ``"untrained network"``,
        ``"mean sample"``) and metric.
    groups
        Group of each sample, or ``None``.
    data
        Fingerprint of the scaled samples: two evaluations with the same one are in the same units
        and can be paired.
    facts
        Other findings by name, such as the share of explained variance.
    part
        What the samples are to the model: ``"test"``, ``"training"`` where nothing was held out,
        or ``"other"`` data.
    """

    values: dict[str, dict[str, Array]]
    groups: Array | None
    data: str
    facts: dict[str, float]
    part: str = "test"

    @property
    def cases(self) -> int:
        """Number of samples."""
        return len(next(iter(self.values["model"].values())))

    def table(self) -> dict[str, dict[str, Estimate]]:
        """Mean and 95 % interval by method and metric, resampled by group."""
        return self._estimates

    @cached_property
    def _estimates(self) -> dict[str, dict[str, Estimate]]:
        return {
            method: {
                metric: bootstrap_mean(values, self.groups) for metric, values in columns.items()
            }
            for method, columns in self.values.items()
        }

    def summary(self) -> dict[str, Any]:
        """The table as plain numbers, for JSON."""
        table = {
            method: {metric: estimate._asdict() for metric, estimate in columns.items()}
            for method, columns in self.table().items()
        }
        return {
            "data": self.data,
            "part": self.part,
            "cases": self.cases,
            "table": table,
            "facts": self.facts,
        }

    def save(self, folder: Path) -> None:
        """Write ``evaluation.json`` and the per-sample values ``evaluation.npz``."""
        arrays = {
            f"{method}/{metric}": values
            for method, columns in self.values.items()
            for metric, values in columns.items()
        }
        if self.groups is not None:
            arrays["groups"] = self.groups
        with atomic_file(folder / _CASES) as temporary:
            np.savez_compressed(temporary, allow_pickle=False, **arrays)
        write_text(folder / _FILE, json.dumps(self.summary(), indent=2))

    @classmethod
    def load(cls, folder: Path) -> Evaluation:
        """Read what `save` wrote.

        Raises
        ------
        ModelFileError
            If the run has not been evaluated, or the files are damaged.
        """
        if not folder.is_dir():
            raise ModelFileError(f"There is no folder {folder}; give the folder of a run.")
        try:
            summary = json.loads((folder / _FILE).read_text(encoding="utf-8"))
            content = io.BytesIO((folder / _CASES).read_bytes())  # NumPy leaves bad files open
            with np.load(content, allow_pickle=False) as arrays:
                found = dict(arrays)
            groups = found.pop("groups", None)
            values: dict[str, dict[str, Array]] = {}
            for name, column in found.items():
                method, metric = name.split("/")
                values.setdefault(method, {})[metric] = column
            part = summary.get("part", "test")
            evaluation = cls(values, groups, summary["data"], summary["facts"], part)
            evaluation.table()  # whether the columns can be used
            return evaluation
        except FileNotFoundError:
            raise ModelFileError(
                f"{folder} holds no evaluation; give the folder of a finished run, or run"
                f" `isthmus evaluate {folder}`."
            ) from None
        except _DAMAGED as error:
            raise ModelFileError(
                f"{folder} holds a damaged evaluation ({error}); run `isthmus evaluate {folder}`."
            ) from error


def evaluate(
    model: Any, train: Array, test: Array, groups: Array | None = None, part: str = "test"
) -> Evaluation:
    """Score a fitted autoencoder on test samples beside its baselines.

    All errors are those of the scaled samples, in which the loss is measured. The baselines are
    fitted to the training samples: PCA of the same code size, the same network untrained, and the
    mean sample.

    Parameters
    ----------
    train, test
        Samples ``(N, ...)`` as the model takes them.
    groups
        Group of each test sample, for the intervals.
    part
        What the test samples are to the model, see `Evaluation`.
    """
    target = scaled(model, test)
    outputs, facts = _outputs(model, train, test)
    unit = _is_unit(target)
    metrics = {kind: METRICS.build(kind) for kind in METRICS}
    values = {
        method: {
            kind: metric(target, output)
            for kind, metric in metrics.items()
            if unit or not metric.unit_range
        }
        for method, output in outputs.items()
    }
    errors = {method: columns["squared_error"].sum() for method, columns in values.items()}
    if errors["mean sample"] > 0:
        facts["explained variance"] = float(1 - errors["model"] / errors["mean sample"])
    return Evaluation(values, groups, fingerprint(target), facts, part)


def facts_of_fitting(model: Any, train: Array, validation: Array) -> dict[str, float]:
    """Errors on training samples, for comparison with the test error, and on validation samples.

    The pixel accuracy on the validation samples is the "validation accuracy" of lecture note 001.
    """
    facts = {"squared error on training samples": float(-model.score(train[:_TRAINING_CASES]))}
    if len(validation):
        target = scaled(model, validation)
        if _is_unit(target):
            accuracy = METRICS.build("pixel_accuracy")
            shares = accuracy(target, scaled(model, model.reconstruct(validation)))
            facts["pixel accuracy on validation samples"] = float(shares.mean())
    return facts


def _is_unit(target: Array) -> bool:
    """Whether all values are pixels in [0, 1]."""
    return float(target.min()) >= 0 and float(target.max()) <= 1


def _outputs(model: Any, train: Array, test: Array) -> tuple[dict[str, Array], dict[str, float]]:
    """Reconstructions of the scaled test samples by method, and facts found on the way."""
    flat_train, flat_test = (scaled(model, part).reshape(len(part), -1) for part in (train, test))
    mean = np.broadcast_to(flat_train.mean(0), flat_test.shape)
    pca = _fit_pca(flat_train, model.code_mean_.size)
    untrained = clone(model).set_params(epochs=0, random_state=model.seed_)
    untrained.fit(train, validation=train[:1])  # given, so that none is held out of the scaling
    outputs = {
        "model": scaled(model, model.reconstruct(test)),
        "PCA": mean if pca is None else pca.inverse_transform(pca.transform(flat_test)),
        "untrained network": scaled(untrained, untrained.reconstruct(test)),
        "mean sample": mean,
    }
    facts: dict[str, float] = {}
    smaller = pca is not None and pca.n_components_ < min(flat_train.shape)
    if model.network_.kind == "linear" and smaller:
        angles = _angles_to_pca(model.network_.decoder[0].weight, pca)
        facts["greatest principal angle to PCA, degrees"] = float(angles.max())
        facts["mean principal angle to PCA, degrees"] = float(angles.mean())
    return outputs, facts


def _fit_pca(flat_train: Array, units: int) -> Any:
    """PCA of at most so many units; ``None`` where all samples are alike."""
    if not np.ptp(flat_train, axis=0).any():
        return None
    return PCA(min(units, *flat_train.shape), random_state=0).fit(flat_train)


def _angles_to_pca(weight: Any, pca: Any) -> NDArray[np.float64]:
    columns = weight.detach().cpu().numpy()
    if len(columns) != pca.n_features_in_:  # tied: the weights are the encoder's
        columns = columns.T
    return principal_angles(columns, pca.components_.T)


def scaled(model: Any, samples: Array) -> NDArray[np.float32]:
    """Samples ``(N, ...)`` float32 in the units in which the model's loss is measured."""
    return np.asarray(model.scaling_.apply(np.asarray(samples, np.float32)), np.float32)
