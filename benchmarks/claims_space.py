"""Claims about the space of codes: what lies between the codes of samples."""

from __future__ import annotations

from typing import Any

import numpy as np
from claims_common import (
    CYCLE,
    Array,
    Components,
    Table,
    Trial,
    gain,
    interval,
    percent,
    squared_errors,
)

from isthmus.data.scaling import SCALINGS
from isthmus.latent.generation import draw_codes, nearest_distances
from isthmus.metrics import class_overlap, continuity, in_holes, trustworthiness
from isthmus.models import Autoencoder, VariationalAutoencoder
from isthmus.recipes.few_labels import FewLabels, classifiers

_SETTINGS: dict[str, Any] = {
    "network": {
        "kind": "dense",
        "hidden_sizes": [512, 256],
        "activation": "silu",
        "output_activation": "sigmoid",
    },
    "loss": "binary_cross_entropy",
    "epochs": 20,
    "batch_size": 500,
    "learning_rate": 0.01,
    "optimizer": {"kind": "muon", "weight_decay": 0.1},
    "schedule": CYCLE,
}
_NEW = 100  # synthetic images of each class
_SOME = 2_000  # images for measures that look at all pairs


def space(trial: Trial) -> Table:
    """The codes of a variational autoencoder lie close together around 0, without holes.

    Measured: on test images the share of an image's ten nearest codes that are of another class
    (overlap), and how well neighbourhoods are kept (trustworthiness, continuity; 2,000 images); of
    2,000 draws from N(0, I) and from a mixture of ten Gaussians fitted to the codes, the share that
    lie in holes, farther from the nearest training code than 99 % of the codes of test images do;
    and the distance of what is decoded from them to the nearest training image, over that of test
    images (below 1: more alike than real ones, as blurred images are).
    """
    rows = []
    for size in (2, 10):
        models = {
            f"PCA, {size}": [Components(trial.train, size)],
            f"autoencoder, {size}": trial.fit(Autoencoder(code_size=size, **_SETTINGS)),
            f"variational, {size}": trial.fit(VariationalAutoencoder(code_size=size, **_SETTINGS)),
        }
        for name, fitted in models.items():
            scores = [_scores(trial, model) for model in fitted]
            rows.append([name, *(str(interval(column)) for column in zip(*scores, strict=True))])
    note = (
        f"{len(trial.train):,} training images; 784-512-256-code, SiLU, sigmoid output, binary"
        " cross-entropy, 20 epochs of batches of 500 by Muon at 0.01, bf16; the weight of the"
        " divergence is 1."
    )
    columns = ["code", "squared error", "overlap", "trustworthiness", "continuity"]
    drawn = ["in holes, N(0, I)", "distance, N(0, I)", "in holes, mixture", "distance, mixture"]
    return Table([*columns, *drawn], rows, note)


def augmented(trial: Trial) -> Table:
    """Synthetic samples help a classifier that has few labelled ones.

    Measured: accuracy of logistic regression and of a support vector machine (RBF kernel) on
    pixels, taught with few labelled images, and with these and a hundred new ones of each class,
    which lie between neighbours of a class: of their codes, decoded, or of the images themselves.
    The autoencoders have seen all training images, without labels; each seed draws other labelled
    images.
    """
    none: list[Any] = [None] * len(trial.seeds)
    ways = {
        "none": (0, none),
        "between images": (_NEW, none),
        "between codes, autoencoder, 10": (_NEW, trial.fit(Autoencoder(code_size=10, **_SETTINGS))),
        "between codes, variational, 10": (
            _NEW,
            trial.fit(VariationalAutoencoder(code_size=10, **_SETTINGS)),
        ),
    }
    parts = (trial.train, trial.train_labels, trial.test, trial.test_labels)
    few = FewLabels(*parts, SCALINGS.build("none"))
    rows = []
    for labelled in (5, 20):
        base: dict[str, list[Array]] = {}
        for name, (new, fitted) in ways.items():
            taught = [
                few.taught(labelled, seed, new, model)
                for seed, model in zip(trial.seeds, fitted, strict=True)
            ]
            cells = [f"{labelled}", name]
            for title, classifier in classifiers().items():
                hits = [few.hits(classifier, *samples) for samples in taught]
                base.setdefault(title, hits)
                cells += [percent(hits), "" if name == "none" else gain(hits, base[title])]
            rows.append(cells)
    note = (
        f"{len(trial.train):,} training images; 784-512-256-10, SiLU, binary cross-entropy, 20"
        " epochs of batches of 500 by Muon at 0.01, bf16."
    )
    columns = ["labelled, per class", "new", "logistic, %", "gain", "SVM, %", "gain"]
    return Table(columns, rows, note)


def _scores(trial: Trial, model: Any) -> list[Any]:
    some = trial.test[:_SOME]
    known, codes = (np.asarray(model.transform(images)) for images in (trial.train, trial.test))
    errors = squared_errors(trial.test, model.reconstruct(trial.test))
    usual = nearest_distances(some, trial.train).mean()
    drawn = []
    normal = np.random.default_rng(0).standard_normal((_SOME, codes.shape[1]), np.float32)
    for draws in (normal, draw_codes(None, _SOME, codes=known)):
        holes = in_holes(known, codes, draws)
        decoded = _decode(model, draws, (-1, *some.shape[1:]))
        drawn += [holes.astype(float), nearest_distances(decoded, trial.train) / usual]
    return [
        errors,
        class_overlap(codes, trial.test_labels),
        trustworthiness(some, codes[:_SOME]),
        continuity(some, codes[:_SOME]),
        *drawn,
    ]


def _decode(model: Any, codes: Array, shape: tuple[int, ...]) -> Array:
    if isinstance(model, Components):
        return np.asarray(model.pca.inverse_transform(codes)).reshape(shape)
    return np.asarray(model.inverse_transform(codes))
