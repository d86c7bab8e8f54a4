"""Outlier detection, measured: `make outliers`, or a part of it by `make outliers ONLY=tables`.

- *digits*: each digit of MNIST against the rest. The recipe ``mnist-outliers`` is trained on the
  digit's training images and scores all test images. Its settings were chosen on held-out training
  images.
- *tables*: seven tables of ADBench (Han et al. 2022). Half of the usual rows train, the other half
  and all outliers are scored (the one-class protocol of Zong et al. 2018).
- *contaminated*: the same tables; a random 60 % of the rows trains, outliers included and unmarked,
  and the others are scored (the protocol of PyOD's benchmark).

The tables are those of the recipe ``table-outliers``, trained for 2,000 steps each, with the same
settings for all; they were chosen without outliers, by how well held-out usual rows were told from
the same rows with each column shuffled. Means over three seeds of trainings and splits. Brackets
are 95 % bootstrap intervals over the samples, drawn class by class and alike for all seeds.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from claims_common import Table
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.frozen import FrozenEstimator
from sklearn.preprocessing import StandardScaler

from isthmus.data import read
from isthmus.latent.outliers import OutlierDetector
from isthmus.recipes import find_recipe, parse_recipe

Array = NDArray[Any]
Scores = dict[str, Array]  # by method; greater is stranger
TABLES = ("cardio", "mammography", "thyroid", "shuttle", "satimage-2", "pendigits", "wdbc")
STEPS = 2_000
RESAMPLES = 1_000


# -- what is ranked ---------------------------------------------------------------------------


class Ranking:
    """AUROC and average precision of scores ``(N,)``, greater for outliers, under weights ``(N,)``.

    Equal scores count as scikit-learn counts them; only the weights change from draw to draw, so
    that nothing is sorted again.
    """

    def __init__(self, scores: Array, outlier: Array) -> None:
        values, self._place = np.unique(scores, return_inverse=True)
        self._outlier, self._count = outlier, len(values)

    def __call__(self, weights: Array) -> tuple[float, float]:
        """The two measures."""
        strange, usual = (
            np.bincount(self._place, weights * chosen, self._count)
            for chosen in (self._outlier, ~self._outlier)
        )
        if not strange.any():  # none of a few was drawn
            return math.nan, math.nan
        auroc = strange @ (np.cumsum(usual) - usual / 2) / (strange.sum() * usual.sum())
        found, false = (np.cumsum(counts[::-1])[::-1] for counts in (strange, usual))
        precision = found / np.maximum(found + false, 1)
        return float(auroc), float(strange @ precision / strange.sum())


def draws(strata: Array, resamples: int, seed: int = 0) -> Array:
    """How often each sample is drawn ``(resamples + 1, N)``; first each once, as they are.

    As many are drawn of each stratum as it has.
    """
    generator = np.random.default_rng(seed)
    weights = np.ones((resamples + 1, len(strata)), np.float32)
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        shares = np.full(len(members), 1 / len(members))
        weights[1:, members] = generator.multinomial(len(members), shares, resamples)
    return weights


@dataclass
class Found:
    """Draws ``(measures, resamples + 1)`` of each trial, by method; and what a threshold finds."""

    draws: dict[str, list[Array]] = field(default_factory=dict)
    alarms: list[tuple[float, float]] = field(default_factory=list)

    def add(self, scores: Scores, outlier: Array, weights: Array) -> None:
        """Measure one trial."""
        for method, column in scores.items():
            ranking = Ranking(column, outlier)
            self.draws.setdefault(method, []).append(np.array([*map(ranking, weights)]).T)

    def mean(self, method: str) -> Array:
        """Draws of the mean over trials."""
        return np.mean(self.draws[method], axis=0)


def cell(values: Array) -> str:
    """The measure and its interval."""
    low, high = np.nanquantile(values[1:], [0.025, 0.975])
    return f"{values[0]:.3f} [{low:.3f}, {high:.3f}]"


# -- who ranks --------------------------------------------------------------------------------


def by_isthmus(
    model: Any, share: float, seed: int, train: Array, test: Array
) -> tuple[Scores, Array]:
    """Scores of one training by both parts together and by each; who is flagged at 1 %."""
    options = {"validation_fraction": share, "random_state": seed}
    detector = OutlierDetector(autoencoder=model, **options).fit(train)
    scores = {"Isthmus": -detector.score_samples(test)}
    trained = FrozenEstimator(detector.autoencoder_)
    for measure in ("error", "distance"):
        part = OutlierDetector(autoencoder=trained, measure=measure, **options).fit(train)
        scores[f"its {measure}"] = -part.score_samples(test)
    return scores, detector.predict(test) < 0


def by_pca(train: Array, test: Array, units: int) -> Array:
    """Squared reconstruction error."""
    pca = PCA(units, random_state=0).fit(train)
    return np.square(test - pca.inverse_transform(pca.transform(test))).sum(1)


def by_forest(train: Array, test: Array, seed: int) -> Array:
    """Isolation forest of scikit-learn with its own settings."""
    return -IsolationForest(random_state=seed).fit(train).score_samples(test)


def by_pyod(train: Array, test: Array, seed: int) -> Scores:
    """PyOD's autoencoder with its own settings, if PyOD is there."""
    if importlib.util.find_spec("pyod") is None:
        return {}
    from pyod.models.auto_encoder import AutoEncoder

    model = AutoEncoder(random_state=seed, verbose=0).fit(train)
    return {"PyOD autoencoder": model.decision_function(test)}


# -- trials -----------------------------------------------------------------------------------


def digits(chosen: Sequence[str], quick: bool) -> None:
    """Each digit against the rest."""
    recipe = parse_recipe(find_recipe("mnist-outliers")[1], "mnist-outliers")
    mnist = read("mnist")
    if mnist.predefined_test is None or mnist.labels is None:
        raise SystemExit("The digits need MNIST with its own test part and its labels.")
    images, labels = mnist.samples.reshape(len(mnist), -1) / np.float32(255), mnist.labels
    tested = np.flatnonzero(mnist.predefined_test)[:: 20 if quick else 1]
    weights = draws(labels[tested], 20 if quick else RESAMPLES)
    total, rows = Found(), []
    for digit in map(int, chosen or "0123456789"):
        train = images[(labels == digit) & ~mnist.predefined_test][:: 20 if quick else 1]
        test, outlier = images[tested], labels[tested] != digit
        scores, flags = by_isthmus(recipe.build_model(), recipe.data.validation, 0, train, test)
        scores |= {
            "PCA, 30": by_pca(train, test, 30),
            "PCA, 16": by_pca(train, test, 16),
            "isolation forest": by_forest(train, test, 0),
        }
        total.add(scores, outlier, weights)
        total.alarms.append((flags[~outlier].mean(), flags[outlier].mean()))
        cells = [cell(total.draws[method][-1][0]) for method in scores]
        rows.append([str(digit), *cells, *_percent(total.alarms[-1])])
    means = [cell(total.mean(method)[0]) for method in total.draws]
    rows.append(["mean", *means, *_percent(np.mean(total.alarms, axis=0))])
    columns = ["AUROC", *total.draws, "false alarms, 1 % wanted", "outliers found"]
    print(f"\n## digits\n\n{Table(columns, rows, '')}")


def tables(chosen: Sequence[str], quick: bool, contaminated: bool = False) -> None:
    """Tables with marked outliers."""
    recipe = parse_recipe(find_recipe("table-outliers")[1], "table-outliers")
    folder = Path(os.environ["ISTHMUS_DATA"]) / "tabular"
    aurocs, precisions, names = [], [], []
    for name in chosen or TABLES:
        with np.load(folder / f"{name}.npz", allow_pickle=False) as arrays:
            X, y = arrays["X"].astype(np.float64), arrays["y"] == 1
        weights, found = draws(y, 20 if quick else RESAMPLES), Found()
        for seed in range(1 if quick else 3):
            seen, scored = _part(y, contaminated, seed)
            train, test, outlier = X[seen], X[scored], y[scored]
            steps = math.ceil(
                len(train) * (1 - recipe.data.validation) / recipe.training["batch_size"]
            )
            epochs = 1 if quick else math.ceil(STEPS / steps)
            model = recipe.build_model().set_params(epochs=epochs, random_state=seed)
            scores, flags = by_isthmus(model, recipe.data.validation, seed, train, test)
            scaler = StandardScaler().fit(train)
            scaled = scaler.transform(train), scaler.transform(test)
            scores["PCA, 4"] = by_pca(*scaled, recipe.model["code_size"])
            scores["isolation forest"] = by_forest(train, test, seed)
            scores |= by_pyod(train, test, seed)
            found.add(scores, outlier, weights[:, scored])
            found.alarms.append((flags[~outlier].mean(), flags[outlier].mean()))
        alarms = _percent(np.mean(found.alarms, axis=0))
        aurocs.append([name, *(cell(found.mean(method)[0]) for method in found.draws), *alarms])
        precisions.append([name, *(cell(found.mean(method)[1]) for method in found.draws)])
        names = list(found.draws)
    title = "contaminated" if contaminated else "tables"
    thresholds = ["false alarms, 1 % wanted", "outliers found"]
    print(f"\n## {title}\n\n{Table(['AUROC', *names, *thresholds], _with_mean(aurocs), '')}")
    print(Table(["average precision", *names], _with_mean(precisions), ""), flush=True)


def _part(y: Array, contaminated: bool, seed: int) -> tuple[Array, Array]:
    """Places of the rows that train and of those that are scored."""
    order = np.random.default_rng(seed).permutation(len(y))
    parts = order[~y[order]], order[y[order]]
    shares = (0.6, 0.6) if contaminated else (0.5, 0.0)
    cuts = [round(share * len(part)) for share, part in zip(shares, parts, strict=True)]
    split = [np.split(part, [cut]) for part, cut in zip(parts, cuts, strict=True)]
    train, test = map(np.concatenate, zip(*split, strict=True))
    return train, test


def _percent(shares: Sequence[float]) -> list[str]:
    return [f"{share:.1%}" for share in shares]


def _with_mean(rows: list[list[str]]) -> list[list[str]]:
    """The rows and the means of their columns' first numbers."""
    columns = zip(*(row[1:] for row in rows), strict=True)
    means = [np.mean([float(text.split()[0].rstrip("%")) for text in column]) for column in columns]
    cells = [
        f"{mean:.1f}%" if rows[0][place].endswith("%") else f"{mean:.3f}"
        for place, mean in enumerate(means, 1)
    ]
    return [*rows, ["mean", *cells]]


PARTS: dict[str, Callable[[Sequence[str], bool], None]] = {
    "digits": digits,
    "tables": tables,
    "contaminated": lambda chosen, quick: tables(chosen, quick, contaminated=True),
}


def main() -> None:
    """Print the parts of which the name begins with the one given."""
    parser = argparse.ArgumentParser(description="Outlier detection, measured.")
    parser.add_argument("only", nargs="?", default="", help="parts that begin so; all by default")
    parser.add_argument("chosen", nargs="*", help="digits or tables; all by default")
    parser.add_argument("--quick", action="store_true", help="few samples, one epoch")
    given = parser.parse_args()
    for name, part in PARTS.items():
        if name.startswith(given.only):
            began = time.process_time()
            part(given.chosen, given.quick)
            print(f"{name}: {time.process_time() - began:.0f} s of CPU time", file=sys.stderr)


if __name__ == "__main__":
    main()
