"""Scores of a model beside its baselines: what is kept of an evaluation."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import ModelFileError
from isthmus.core.files import atomic_file, write_text
from isthmus.data import write_table
from isthmus.metrics import Estimate, bootstrap_mean

Array = NDArray[Any]
_FILE = "evaluation.json"
_CASES = "evaluation.npz"
# What a model should beat, by which of them there is; else any other method.
_BASELINES = (
    "PCA",
    "linear ridge",
    "corrupted sample",
    "most frequent class",
    "Otsu + watershed",
)
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
        Per-sample values ``(N,)`` by method (``"model"``, ``"PCA"``, ``"untrained network"``, ...)
        and metric; a metric may be missing where a method has no such score, and be NaN for samples
        that have none, which no mean counts.
    groups
        Group of each sample, or ``None``.
    data
        Fingerprint of the scaled samples: two evaluations with the same one are in the same units
        and can be paired.
    facts
        Other findings by name, such as the share of explained variance.
    part
        What the samples are to the model: ``"test"``, ``"training"`` where nothing was held out,
        ``"held-out"`` for each sample by the one of several models that had not seen it, or
        ``"other"`` data.
    details
        Columns of what else is known of each sample, which `save` writes as ``cases.csv``, and
        `load` leaves there.
    predicted
        What the task keeps of the model's predictions for a report, which `save` leaves out.
    """

    values: dict[str, dict[str, Array]]
    groups: Array | None
    data: str
    facts: dict[str, float]
    part: str = "test"
    details: dict[str, Array] = field(default_factory=dict)
    predicted: Any = None

    @property
    def cases(self) -> int:
        """Number of samples."""
        return len(next(iter(self.values["model"].values())))

    @property
    def metrics(self) -> list[str]:
        """Kinds of all metrics, in their order."""
        return list(dict.fromkeys(kind for columns in self.values.values() for kind in columns))

    def table(self) -> dict[str, dict[str, Estimate]]:
        """Mean and 95 % interval by method and metric, resampled by group."""
        return self._estimates

    @cached_property
    def _estimates(self) -> dict[str, dict[str, Estimate]]:
        return {
            method: {
                metric: mean_of_known(values, self.groups)
                for metric, values in columns.items()
                if not np.isnan(values).all()
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

    def minus(self, other: Evaluation) -> dict[str, Estimate] | None:
        """Mean differences of the models, sample by sample, of the metrics that both have.

        ``None`` if they were scored on other samples, or in other units (scaling).
        """
        if other.data != self.data:
            return None
        ours, theirs = self.values["model"], other.values["model"]
        groups = other.groups if other.groups is not None else self.groups
        differences = {m: ours[m] - theirs[m] for m in theirs if m in ours}
        return {
            metric: mean_of_known(values, groups)
            for metric, values in differences.items()
            if not np.isnan(values).all()
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
        if self.details:
            self.write_cases(folder / "cases.csv")
        write_text(folder / _FILE, json.dumps(self.summary(), indent=2))

    def write_cases(self, path: Path) -> None:
        """Write a table of the samples: their `details`, or else the model's values."""
        groups = {} if self.groups is None else {"group": self.groups}
        write_table(path, self.details or groups | self.values["model"])

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
                method, metric = name.split("/", 1)
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


def baseline_of(methods: Iterable[str]) -> str | None:
    """Which of the methods of an evaluation its model should beat; ``None`` if it has no other."""
    others = [method for method in methods if method != "model"]
    return next((name for name in (*_BASELINES, *others) if name in others), None)


def mean_of_known(values: Array, groups: Array | None) -> Estimate:
    """Mean and interval of the values that are not NaN."""
    known = ~np.isnan(values)
    return bootstrap_mean(values[known], None if groups is None else groups[known])
