"""What the claims share: images, trainings, kinds of noise, scores and tables."""

from __future__ import annotations

import argparse
import inspect
import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import skimage.data
import torch
from numpy.typing import NDArray
from scipy.stats import t as student
from sklearn.base import clone
from sklearn.decomposition import PCA

from isthmus.corruption import CORRUPTIONS
from isthmus.data import read
from isthmus.metrics import linear_probe

Array = NDArray[Any]
CYCLE = {"kind": "one_cycle", "warmup": 0.1}
_EPOCHS = ("epochs", "pretraining_epochs", "classifier_epochs")


class Coder(Protocol):
    """What gives codes; most can also reconstruct."""

    def transform(self, X: Array) -> Array:
        """Codes ``(N, m)``."""


@dataclass(frozen=True)
class Table:
    """What a claim found: a table, and what must be known to read it."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str

    def __str__(self) -> str:
        lines = [list(self.columns), ["---"] * len(self.columns), *map(list, self.rows)]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines) + f"\n\n{self.note}"


@dataclass(frozen=True)
class Claim:
    """A claim of the notes by its names in their inventory."""

    names: tuple[str, ...]
    measure: Callable[[Any], Table]

    def text(self) -> str:
        """What is claimed and what is measured."""
        return inspect.cleandoc(self.measure.__doc__ or "")

    def show(self, trial: Any) -> None:
        """Measure it and print what was found."""
        began = time.process_time()
        table = self.measure(trial)
        spent = f"({time.process_time() - began:.0f} s of CPU time)"
        print(f"\n## {', '.join(self.names)}\n\n{self.text()}\n\n{table} {spent}", flush=True)


def parser_of(description: str) -> argparse.ArgumentParser:
    """Which claims, and how thoroughly."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("only", nargs="?", default="", help="names that begin so; all by default")
    parser.add_argument("--quick", action="store_true", help="few images, one epoch")
    parser.add_argument("--held-out", action="store_true", help="score images kept apart")
    parser.add_argument("--seeds", type=int, default=3, help="how many trainings of each model")
    return parser


def chosen(
    claims: Sequence[Claim], parser: argparse.ArgumentParser, given: argparse.Namespace
) -> list[Claim]:
    """The claims of which a name begins with the one given."""
    found = [claim for claim in claims if any(n.startswith(given.only) for n in claim.names)]
    if not found:
        names = ", ".join(name for claim in claims for name in claim.names)
        parser.error(f"no claim is named {given.only}; there are {names}")
    return found


@dataclass(frozen=True)
class Trial:
    """The images that a claim is measured on, and how often it is trained.

    Attributes
    ----------
    train, train_labels, test, test_labels
        Images ``(N, H, W)`` in [0, 1] and their classes.
    seeds
        Of the trainings.
    quick
        One epoch of each training, to see that everything runs.
    """

    train: Array
    train_labels: Array
    test: Array
    test_labels: Array
    seeds: tuple[int, ...] = (0, 1, 2)
    quick: bool = False
    _fitted: dict[str, Any] = field(default_factory=dict, repr=False)

    def first(self, count: int) -> Trial:
        """The same with fewer training images."""
        return replace(self, train=self.train[:count], train_labels=self.train_labels[:count])

    def with_test(self, images: Array, labels: Array) -> Trial:
        """The same with other test images."""
        return replace(self, test=images, test_labels=labels)

    def fit(self, model: Any) -> list[Any]:
        """The model trained by each seed; the same training is not done twice."""
        settings = {**model.get_params(), "precision": "bfloat16"}
        if self.quick:
            settings |= {name: min(1, settings[name]) for name in _EPOCHS if name in settings}
        models = []
        for seed in self.seeds:
            settings["random_state"] = seed
            key = f"{type(model).__name__} {sorted(settings.items())} {len(self.train)}"
            if key not in self._fitted:
                began = time.process_time()
                fitted = clone(model).set_params(**settings).fit(self.train, self.train_labels)
                self._fitted[key] = fitted
                spent = time.process_time() - began
                print(f"{type(model).__name__}, seed {seed}: {spent:.0f} s", file=sys.stderr)
            models.append(self._fitted[key])
        return models

    def probe(self, coder: Coder, labelled: int) -> Array:
        """Whether a linear probe on the codes finds the class of each test image, ``(N,)``.

        It learns from the first `labelled` training images.
        """
        labels, test = self.train_labels[:labelled], coder.transform(self.test)
        found = linear_probe(coder.transform(self.train[:labelled]), labels, test)
        return np.asarray(found == self.test_labels)


def mnist(*, quick: bool = False, held_out: bool = False, seeds: int = 3) -> Trial:
    """MNIST: 20,000 training images and the test images.

    Parameters
    ----------
    quick
        2,000 training and 500 test images, one epoch.
    held_out
        The last 10,000 training images in place of the test images, to choose settings by.
    seeds
        How many.
    """
    digits = read("mnist")
    test = digits.predefined_test
    if test is None or digits.labels is None:
        raise SystemExit("The claims need MNIST with its own test part and its labels.")
    images = digits.samples.astype(np.float32) / 255
    scored = np.flatnonzero(~test)[-10_000:] if held_out else np.flatnonzero(test)
    train = np.flatnonzero(~test)[: 2_000 if quick else 20_000]
    scored = scored[:500] if quick else scored
    parts = (images[train], digits.labels[train], images[scored], digits.labels[scored])
    return Trial(*parts, seeds=tuple(range(seeds)), quick=quick)


# -- other images ---------------------------------------------------------------------------


def other_images(images: Array, seed: int = 0) -> dict[str, Array]:
    """Images that are not of the training distribution, as many and of the same size.

    The first four have the very pixels of the digits; *independent pixels* takes each pixel from
    another image, so that nothing is left but how dark each place is on average.
    """
    generator = np.random.default_rng(seed)
    flat = images.reshape(len(images), -1)
    places = generator.permutation(flat.shape[1])
    uniform = generator.random(images.shape, np.float32)
    return {
        "inverted": 1 - images,
        "rotated by 90°": np.ascontiguousarray(np.rot90(images, axes=(1, 2))),
        "pixels shuffled": flat[:, places].reshape(images.shape),
        "independent pixels": generator.permuted(flat, axis=0).reshape(images.shape),
        "uniform noise": uniform,
        "photograph": _cuttings(images.shape, generator),
    }


def _cuttings(shape: tuple[int, ...], generator: np.random.Generator) -> Array:
    """Cuttings at random places of a photograph in [0, 1]."""
    photograph = skimage.data.camera().astype(np.float32) / 255
    count, height, width = shape
    tops = generator.integers(0, photograph.shape[0] - height, count)
    lefts = generator.integers(0, photograph.shape[1] - width, count)
    return np.stack(
        [
            photograph[top : top + height, left : left + width]
            for top, left in zip(tops, lefts, strict=True)
        ]
    )


def corrupted(images: Array, kind: str, seed: int = 0, **settings: float) -> Array:
    """Images after a corruption of `isthmus.corruption`."""
    change = CORRUPTIONS.build({"kind": kind, **settings})
    generator = torch.Generator().manual_seed(seed)
    noisy: Array = change(torch.tensor(images), generator).numpy()
    return noisy


# -- models that need no training -----------------------------------------------------------


class Pixels:
    """The images themselves as codes."""

    def transform(self, X: Array) -> Array:
        """Flat images."""
        return X.reshape(len(X), -1)


class Components(Pixels):
    """PCA of images, at most as many components as there can be."""

    def __init__(self, images: Array, size: int) -> None:
        flat = super().transform(images)
        self.pca = PCA(min(size, *flat.shape), random_state=0).fit(flat)

    def transform(self, X: Array) -> Array:
        """Scores."""
        return np.asarray(self.pca.transform(super().transform(X)), np.float32)

    def reconstruct(self, X: Array) -> Array:
        """Images from their scores."""
        return np.asarray(self.pca.inverse_transform(self.transform(X))).reshape(X.shape)


@dataclass(frozen=True)
class Codes:
    """A function from images to codes."""

    transform: Callable[[Array], Array]


# -- scores ---------------------------------------------------------------------------------


def squared_errors(images: Array, restored: Array) -> Array:
    """Squared error of each image, ``(N,)``."""
    return np.square(restored.astype(np.float64) - images).reshape(len(images), -1).sum(1)


def variance(images: Array) -> float:
    """Squared error per image of the images' own mean."""
    return float(squared_errors(images, images.mean(0, keepdims=True, dtype=np.float64)).mean())


@dataclass(frozen=True)
class Interval:
    """A mean and its 95 % interval; NaN ends where nothing tells the spread."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        if not self.high > self.low:
            return f"{self.mean:.4g}"
        digits = max(0, min(4, 1 - math.floor(math.log10(max(self.high - self.low, 1e-4)))))
        mean, low, high = (f"{value:.{digits}f}" for value in (self.mean, self.low, self.high))
        return mean if low == high else f"{mean} [{low}, {high}]"


def interval(values: Sequence[Any]) -> Interval:
    """Mean and 95 % interval of scores, one entry for each seed: ``(S,)`` or ``(S, N)``.

    Seeds and images are both a sample: the variance of the mean is that of the seeds' means over S
    plus that of the images' means over N, with Student's t for the degrees of freedom that
    Satterthwaite's formula gives. With three seeds and no images t is 4.3.
    """
    table = np.asarray(values, np.float64)
    table = table[:, None] if table.ndim == 1 else table
    parts = [
        (means.var(ddof=1) / len(means), len(means) - 1)
        for means in (table.mean(1), table.mean(0))
        if len(means) > 1
    ]
    total, mean = sum(part for part, _ in parts), float(table.mean())
    if not parts:
        return Interval(mean, math.nan, math.nan)
    if total == 0:
        return Interval(mean, mean, mean)
    freedom = total**2 / sum(part**2 / count for part, count in parts)
    half = float(student.ppf(0.975, freedom) * math.sqrt(total))
    return Interval(mean, mean - half, mean + half)


def percent(hits: Sequence[Any]) -> str:
    """Shares as per cent."""
    return str(interval(100 * np.asarray(hits, np.float64)))


def gain(hits: Sequence[Any], baseline: Sequence[Any]) -> str:
    """Paired difference in percentage points, + for better, with its interval.

    A baseline of one training or none goes with every seed.
    """
    found = interval(100 * (np.asarray(hits, np.float64) - np.asarray(baseline, np.float64)))
    sign = "+" if found.mean > 0 else ""
    return f"{sign}{found}"
