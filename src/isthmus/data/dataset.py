"""A data set: samples and what is known about each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isthmus.core.errors import DataError
from isthmus.core.registry import nearest
from isthmus.data.fingerprint import fingerprint

PIXEL_RANGES = {"uint8": (0.0, 255.0), "uint16": (0.0, 65535.0)}


@dataclass(frozen=True, eq=False)
class DataSet:
    """Samples with their labels, groups and names.

    Attributes
    ----------
    name : str
        For messages and reports.
    samples : ndarray
        A table ``(N, D)``, grey images ``(N, H, W)`` or colour images ``(N, 3, H, W)``; possibly
        memory-mapped.
    labels : ndarray of int64 or None
        ``(N,)``: the class of each sample, an index into `class_names` where these are known.
    class_names : tuple of str or None
        Names of the classes.
    groups : ndarray or None
        ``(N,)``: patient, scene or the like; splits never separate a group.
    names : tuple of str or None
        A relative file name or row name for each sample.
    feature_names : tuple of str or None
        Column names of a table.
    medians : dict of str to float
        Of the columns of a table whose gaps are filled with them.
    filled : int
        Number of gaps that were filled.
    structures : dict or None
        Of one-hot label maps ``(N, K, H, W)``: the name of each channel's class, and the values
        that stand for it in files.
    predefined_test : ndarray of bool or None
        ``(N,)``: the samples that the authors of the set keep for testing.
    value_range : tuple of float or None
        Natural lowest and highest value. Images of uint8 and uint16 get theirs by themselves;
        None for tables and for floating-point values.

    Raises
    ------
    DataError
        If the lengths disagree, or labels do not fit the class names.
    """

    name: str
    samples: NDArray[Any]
    labels: NDArray[np.int64] | None = None
    class_names: tuple[str, ...] | None = None
    groups: NDArray[Any] | None = None
    names: tuple[str, ...] | None = None
    feature_names: tuple[str, ...] | None = None
    predefined_test: NDArray[np.bool_] | None = None
    value_range: tuple[float, float] | None = None
    medians: Mapping[str, float] = field(default_factory=dict)
    filled: int = 0
    structures: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        """Check that the parts fit together."""
        if self.samples.ndim < 2:
            raise DataError(
                f"{self.name}: samples need at least two axes (samples, values),"
                f" but the shape is {self.samples.shape}."
            )
        for part in ("labels", "groups", "names", "predefined_test"):
            self._check_length(part, getattr(self, part), len(self.samples), "samples")
        if self.samples.ndim == 2:
            self._check_length(
                "feature_names", self.feature_names, self.samples.shape[1], "columns"
            )
        self._check_labels()
        if self.value_range is None and self.samples.ndim > 2:
            object.__setattr__(self, "value_range", PIXEL_RANGES.get(self.samples.dtype.name))

    def _check_length(self, field: str, value: Sized | None, expected: int, unit: str) -> None:
        if value is not None and len(value) != expected:
            raise DataError(
                f"{self.name}: {field} has {len(value)} entries for {expected} {unit};"
                " give one for each."
            )

    def _check_labels(self) -> None:
        if self.labels is None:
            return
        if self.labels.ndim != 1 or self.labels.dtype.kind not in "iu":
            raise DataError(
                f"{self.name}: labels must be one whole number for each sample, but they are"
                f" {self.labels.dtype} of shape {self.labels.shape}."
            )
        object.__setattr__(self, "labels", self.labels.astype(np.int64, copy=False))
        if self.class_names is not None and len(self.labels):
            low, high = int(self.labels.min()), int(self.labels.max())
            if low < 0 or high >= len(self.class_names):
                raise DataError(
                    f"{self.name}: labels run from {low} to {high}, but there are"
                    f" {len(self.class_names)} class names; number the classes from 0."
                )

    def __len__(self) -> int:
        """Count of samples."""
        return len(self.samples)

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return self.samples.shape[1:]

    @property
    def size_in_bytes(self) -> int:
        """Bytes of the samples, in memory or on the disk."""
        return self.samples.nbytes

    def subset(self, indices: ArrayLike) -> DataSet:
        """Return the data set of the chosen samples, in the order of `indices`."""
        chosen = np.asarray(indices, np.int64)
        return replace(
            self,
            samples=self.samples[chosen],
            labels=None if self.labels is None else self.labels[chosen],
            groups=None if self.groups is None else self.groups[chosen],
            names=None if self.names is None else tuple(self.names[i] for i in chosen),
            predefined_test=None if self.predefined_test is None else self.predefined_test[chosen],
        )

    def of_classes(self, names: Sequence[str]) -> DataSet:
        """Return the samples of some classes; of a single one without labels, which say nothing.

        Raises
        ------
        DataError
            If there are no classes, or none of such a name; the nearest is named.
        """
        if self.labels is None or self.class_names is None:
            raise DataError(
                f"{self.name} has no classes to choose from; name the column that holds them by"
                " data.labels, or remove data.classes."
            )
        for name in names:
            if name not in self.class_names:
                raise DataError(
                    f"{self.name} has no class '{name}'{nearest(name, self.class_names)}; its"
                    f" classes are {', '.join(self.class_names)}."
                )
        places = sorted({self.class_names.index(name) for name in names})
        which = np.flatnonzero(np.isin(self.labels, places))
        labels, class_names = None, None
        if len(places) > 1:
            labels = np.searchsorted(places, self.labels[which])
            class_names = tuple(self.class_names[place] for place in places)
        return replace(self.subset(which), labels=labels, class_names=class_names)

    def fingerprint(self) -> str:
        """16 hexadecimal digits that identify shape, type and content of the samples."""
        return fingerprint(self.samples)


def encode_labels(values: NDArray[Any]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Number the classes among label values ``(N,)`` from 0, in sorted order, and name them.

    Text that reads as numbers throughout is sorted as numbers.
    """
    unique, labels = np.unique(values, return_inverse=True)
    order = np.arange(len(unique))
    if unique.dtype.kind not in "iufb":
        try:
            order = np.argsort(unique.astype(np.float64), kind="stable")
        except ValueError:  # plain text: np.unique has sorted it
            pass
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return rank[labels].astype(np.int64), tuple(str(value) for value in unique[order])
