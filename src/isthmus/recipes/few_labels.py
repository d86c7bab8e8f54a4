"""What synthetic samples do for a classifier that has few labels: `isthmus few-labels`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import SettingError
from isthmus.data import write_table
from isthmus.data.scaling import Scaling
from isthmus.latent.augmentation import codes_between
from isthmus.metrics import Estimate, bootstrap_mean_of_seeds
from isthmus.recipes.apply import TABLES
from isthmus.recipes.autoencoding import read_data
from isthmus.recipes.inputs import load_autoencoder
from isthmus.recipes.runner import read_recipe
from isthmus.training import Rows

Array = NDArray[Any]
COUNTS = (5, 10, 20, 50)
"""Labelled samples of each class."""
NONE, SAMPLES, CODES = WAYS = ("none", "between samples", "between codes")
"""Where synthetic samples lie."""
_TESTED = 2_000  # test samples at most


def classifiers() -> dict[str, Any]:
    """The classifiers that are taught, by name."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import SVC

    return {"logistic regression": LogisticRegression(max_iter=2000), "SVM": SVC(C=10)}


@dataclass(frozen=True, eq=False)
class FewLabels:
    """Samples of which few are labelled, and others that a classifier is tested on.

    Attributes
    ----------
    samples, labels, test, test_labels
        ``(N, ...)`` and ``(N,)``.
    scaling
        Fitted; classifiers see scaled samples.
    """

    samples: Array | Rows
    labels: Array
    test: Array
    test_labels: Array
    scaling: Scaling

    def taught(
        self, labelled: int, seed: int, per_class: int = 0, model: Any = None
    ) -> tuple[Array, Array]:
        """Flat scaled samples and labels to learn from: some of each class, and synthetic ones.

        Parameters
        ----------
        labelled
            Samples of each class, drawn at random.
        per_class
            Synthetic samples of each class, see `isthmus.latent.augmentation.codes_between`.
        model
            Between whose codes these lie; without one they lie between the samples (SMOTE).
        """
        order = np.random.default_rng(seed).permutation(len(self.labels))
        classes = np.unique(self.labels)
        chosen = np.concatenate([order[self.labels[order] == c][:labelled] for c in classes])
        samples, labels = self.samples[chosen], self.labels[chosen]
        flat = self._flat(samples)
        if not per_class:
            return flat, labels
        points = flat if model is None else model.transform(samples)
        new, theirs = codes_between(points, labels, per_class, seed=seed)
        if model is not None:
            new = self._flat(model.inverse_transform(new))
        return np.concatenate([flat, new]), np.concatenate([labels, theirs])

    def hits(self, classifier: Any, samples: Array, labels: Array) -> NDArray[np.bool_]:
        """Whether each test sample is named rightly, ``(N,)``, by a classifier so taught."""
        from sklearn.base import clone

        found = clone(classifier).fit(samples, labels).predict(self._flat(self.test))
        return np.asarray(found == self.test_labels)

    def _flat(self, samples: Array) -> NDArray[np.float32]:
        scaled = self.scaling.apply(np.asarray(samples, np.float32))
        return np.asarray(scaled, np.float32).reshape(len(samples), -1)


class Effect(NamedTuple):
    """A row of the table.

    Attributes
    ----------
    labelled, new, classifier
        Labelled samples of each class, where the synthetic ones lie, what learnt from both.
    accuracy, gain
        Share of test samples that are named rightly, and the paired difference to the same without
        synthetic samples; means with 95 % intervals over draws of the labelled samples and over
        test samples.
    """

    labelled: int
    new: str
    classifier: str
    accuracy: Estimate
    gain: Estimate


def measure_few_labels(
    folder: Path,
    *,
    draws: int = 20,
    per_class: int = 100,
    say: Callable[[str], None] = lambda line: None,
) -> list[Effect]:
    """Accuracy of classifiers that have few labels, with synthetic samples and without.

    The labelled samples are drawn from the run's training samples, all of which its model has seen,
    without their labels. At most 2,000 test samples are named. Numbers of labels that the smallest
    class does not have are left out.

    Parameters
    ----------
    folder
        Of a run on data with classes.
    draws
        Of the labelled samples.
    per_class
        Synthetic samples of each class.
    say
        Is told one line for each number of labels.

    Raises
    ------
    SettingError
        If the model has learnt from all labels, classes are not known, one is too small, or there
        are no test samples.
    """
    recipe, model = read_recipe(folder), load_autoencoder(folder)
    dataset, parts = read_data(recipe.data)
    if model.uses_labels:
        raise SettingError(
            f"The model of {folder} has learnt from all labels of its training samples; give a run"
            " whose model needs none."
        )
    if dataset.labels is None:
        raise SettingError(f"{folder} is not a run on data with classes; train with data.labels.")
    if not len(parts.test):
        raise SettingError(f"{folder} has no test samples; train with data.test above 0.")
    test = dataset.subset(parts.test[:: math.ceil(len(parts.test) / _TESTED)])
    train, labels = Rows(dataset.samples, parts.train), dataset.labels[parts.train]
    counts = [count for count in COUNTS if count <= np.unique_counts(labels).counts.min()]
    if not counts:
        raise SettingError(f"A class of {folder} has fewer than {COUNTS[0]} training samples.")
    few = FewLabels(train, labels, test.samples, np.asarray(test.labels), model.scaling_)
    ways = {NONE: (0, None), SAMPLES: (per_class, None), CODES: (per_class, model)}
    effects = []
    for count in counts:
        hits: dict[tuple[str, str], list[Array]] = {}
        for way, (new, coder) in ways.items():
            for seed in range(draws):
                taught = few.taught(count, seed, new, coder)
                for name, classifier in classifiers().items():
                    hits.setdefault((way, name), []).append(few.hits(classifier, *taught))
        for (way, name), found in hits.items():
            right = np.array(found, np.float64)
            without = np.array(hits[NONE, name], np.float64)
            estimates = (
                bootstrap_mean_of_seeds(values, test.groups) for values in (right, right - without)
            )
            effects.append(Effect(count, way, name, *estimates))
        say(f"{count} labelled samples of each class: done")
    return effects


def write_few_labels(
    folder: Path, out: Path, *, draws: int = 20, per_class: int = 100, say: Callable[[str], None]
) -> list[Effect]:
    """Measure and write to ``.csv`` or ``.parquet``: see `measure_few_labels`.

    Columns: labelled (of each class), new, classifier; of accuracy and gain, means and intervals.
    """
    if out.suffix.lower() not in TABLES:
        raise SettingError(f"Accuracies are written to .csv or .parquet, not to '{out}'.")
    effects = measure_few_labels(folder, draws=draws, per_class=per_class, say=say)
    columns: dict[str, list[Any]] = {
        name: [getattr(effect, name) for effect in effects]
        for name in ("labelled", "new", "classifier")
    }
    for name in ("accuracy", "gain"):
        found: list[Estimate] = [getattr(effect, name) for effect in effects]
        columns[name] = [one.mean for one in found]
        columns[f"{name}_low"] = [one.low for one in found]
        columns[f"{name}_high"] = [one.high for one in found]
    write_table(out, {name: np.array(column) for name, column in columns.items()})
    return effects
