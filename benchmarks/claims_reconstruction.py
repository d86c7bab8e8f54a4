"""Claims about what an autoencoder can rebuild: everything, or the training distribution only."""

from __future__ import annotations

from typing import Any

import numpy as np
from claims_common import (
    CYCLE,
    Array,
    Components,
    Table,
    Trial,
    corrupted,
    interval,
    other_images,
    percent,
    squared_errors,
    variance,
)

from isthmus.models import (
    Autoencoder,
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    SparseAutoencoder,
)

_NOISE = ("independent pixels", "pixels shuffled", "uniform noise")


def copying(trial: Trial) -> Table:
    """An autoencoder whose code is as wide as the image or wider learns to copy.

    A copy is useless: it rebuilds what is no digit as well as digits. A penalty or a corruption
    keeps a code of the same width from it. Measured: squared error on test digits and on images
    that are none, as shares of the variance of those images (0: copied; 1: no better than their
    mean image), and a linear probe on the codes, 2,000 labels.
    """
    trial = trial.first(10_000)
    pixels, wide = trial.train[0].size, trial.train[0].size + 216
    settings: dict[str, Any] = {
        "epochs": 12,
        "batch_size": 100,
        "learning_rate": 3e-3,
        "schedule": CYCLE,
    }
    relu = {"kind": "one_layer", "code_activation": "relu"}
    tied = {"kind": "one_layer", "tied": True}
    masking = {"kind": "masking", "fraction": 0.5}
    sparse: dict[str, dict[str, Any]] = {
        "L1, weight 0.3": {"method": "l1", "sparsity_weight": 0.3},
        "KL, ρ = 0.02, weight 0.1": {"method": "kl", "sparsity": 0.02, "sparsity_weight": 0.1},
        "20 largest units": {"method": "top_k", "sparsity": 20 / wide},
    }
    given_mask = f"{wide}, half of the pixels masked"
    models = {
        f"{pixels}, ReLU": Autoencoder(code_size=pixels, network=relu, **settings),
        f"{wide}, ReLU": Autoencoder(code_size=wide, network=relu, **settings),
        f"{wide}, ReLU, 48 epochs": Autoencoder(
            code_size=wide, network=relu, **{**settings, "epochs": 48}
        ),
        f"{wide}, sigmoid": Autoencoder(code_size=wide, network="one_layer", **settings),
        **{
            f"{wide}, {name}": SparseAutoencoder(code_size=wide, **own, **settings)
            for name, own in sparse.items()
        },
        given_mask: DenoisingAutoencoder(
            code_size=wide, network=relu, corruption=masking, **settings
        ),
        f"{wide}, contractive, weight 1": ContractiveAutoencoder(
            code_size=wide, network=tied, contraction_weight=1.0, **settings
        ),
    }
    others = other_images(trial.test)
    sets = {"test digits": trial.test, **{name: others[name] for name in _NOISE}}
    rows = []
    identity = Components(trial.train, pixels)
    for name, fitted in {
        f"PCA, {pixels}: the identity": [identity],
        **{name: trial.fit(model) for name, model in models.items()},
    }.items():
        mask = masking if name == given_mask else None
        shares = [interval(_shares(fitted, images, mask)) for images in sets.values()]
        probe = percent([trial.probe(model, 2_000) for model in fitted])
        rows.append([name, *map(str, shares), probe])
    note = (
        f"{len(trial.train):,} training images, one layer each way, squared error, 12 epochs of"
        " batches of 100 by Adam at 0.003, bf16. A masked image is scored against the whole one."
        " *Independent pixels*: each from another digit; *shuffled*: digits with their pixels in"
        " another order, the same for all. These and uniform noise have ink at the border, where no"
        " training image has any: what no weight has learnt to carry cannot be copied."
    )
    return Table(["code units", *sets, "probe, %"], rows, note)


def _shares(models: list[Any], images: Array, corruption: dict[str, Any] | None) -> list[Array]:
    """Squared error of each image over the variance of all, for each model."""
    given = images if corruption is None else corrupted(images, **corruption)
    return [squared_errors(images, model.reconstruct(given)) / variance(images) for model in models]


def dense(code_size: int) -> Autoencoder:
    """The deep autoencoder of C-06 and X-24."""
    return Autoencoder(
        code_size=code_size,
        network={
            "kind": "dense",
            "hidden_sizes": [512, 256],
            "activation": "silu",
            "output_activation": "sigmoid",
        },
        epochs=20,
        batch_size=500,
        learning_rate=0.01,
        optimizer={"kind": "muon", "weight_decay": 0.1},
        schedule=CYCLE,
    )


_DENSE = "784-512-256-code, SiLU, sigmoid output, squared error, 20 epochs of batches of 500, bf16"


def other_distributions(trial: Trial) -> Table:
    """An undercomplete code compresses well only what is like the training images.

    Measured: squared error per image on test digits and on images of other kinds, and in
    parentheses how many times that of the digits it is, beside PCA of the same size. The inverted,
    rotated and shuffled digits have the digits' own variance.
    """
    sets = {"test digits": trial.test, **other_images(trial.test)}
    methods = {
        "autoencoder, 32 units": trial.fit(dense(32)),
        "PCA, 32": [Components(trial.train, 32)],
    }
    columns = []
    for fitted in methods.values():
        errors = {
            name: interval([squared_errors(images, model.reconstruct(images)) for model in fitted])
            for name, images in sets.items()
        }
        base = errors["test digits"].mean
        columns.append([f"{error} (× {error.mean / base:.1f})" for error in errors.values()])
    spreads = [f"{variance(images):.1f}" for images in sets.values()]
    rows = [list(row) for row in zip(sets, *columns, spreads, strict=True)]
    note = f"{len(trial.train):,} training images; {_DENSE}."
    return Table(["images", *methods, "variance"], rows, note)


def against_pca(trial: Trial) -> Table:
    """A non-linear autoencoder needs fewer units than PCA for the same error.

    Measured: squared error per test image of both at equal code size, and their paired ratio.
    """
    rows = []
    for size in (2, 4, 8, 16, 32, 64):
        fitted = trial.fit(dense(size))
        errors = [squared_errors(trial.test, model.reconstruct(trial.test)) for model in fitted]
        pca = Components(trial.train, size)
        linear = squared_errors(trial.test, pca.reconstruct(trial.test))
        ratio = np.mean(errors) / linear.mean()
        difference = interval(np.asarray(errors) - linear)
        rows.append(
            [
                str(size),
                str(interval(errors)),
                str(interval([linear])),
                f"{ratio:.2f}",
                str(difference),
            ]
        )
    note = f"{len(trial.train):,} training images; {_DENSE}."
    return Table(["units", "autoencoder", "PCA", "ratio", "difference"], rows, note)
