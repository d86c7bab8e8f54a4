"""Claims about codes that a penalty or a corruption shapes: sparse, contracted, robust."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from claims_common import (
    CYCLE,
    Array,
    Components,
    Pixels,
    Table,
    Trial,
    corrupted,
    gain,
    interval,
    percent,
    squared_errors,
)

from isthmus.metrics import active_units, contraction
from isthmus.models import (
    Autoencoder,
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    SparseAutoencoder,
)
from isthmus.objectives.contractive import jacobian
from isthmus.objectives.kl_sparsity import bernoulli_kl

_UNITS = 500


def sparsity(trial: Trial) -> Table:
    """Sparse features generalise better.

    Measured: accuracy of a linear probe on the codes, taught with few labels and with more, for
    weaker and stronger sparsity at equal width; the differences are paired with the same network
    without a penalty.
    """
    settings: dict[str, Any] = {
        "code_size": _UNITS,
        "epochs": 10,
        "batch_size": 200,
        "learning_rate": 3e-3,
        "schedule": CYCLE,
    }
    relu = {"kind": "one_layer", "code_activation": "relu"}
    groups: list[tuple[str, Any, dict[str, Any]]] = [
        (
            "sigmoid",
            Autoencoder(network="one_layer", **settings),
            {
                f"KL, ρ = {rho}": SparseAutoencoder(
                    method="kl", sparsity=rho, sparsity_weight=0.3, **settings
                )
                for rho in (0.01, 0.05, 0.2, 0.5)
            },
        ),
        (
            "ReLU",
            Autoencoder(network=relu, **settings),
            {
                f"{active} largest units": SparseAutoencoder(
                    method="top_k", sparsity=active / _UNITS, **settings
                )
                for active in (5, 20, 50, 100)
            },
        ),
    ]
    few, many = 500, min(5_000, len(trial.train))

    def row(name: str, fitted: list[Any], plain: list[list[Array]] | None) -> list[list[Array]]:
        hits = [[trial.probe(model, count) for model in fitted] for count in (few, many)]
        gains = (
            ["", ""] if plain is None else [gain(h, p) for h, p in zip(hits, plain, strict=True)]
        )
        activity = [
            active_units(model.transform(trial.test), model.transform(trial.train[:2_000]))
            for model in fitted
        ]
        cells = [percent(hits[0]), gains[0], percent(hits[1]), gains[1]]
        rows.append([name, str(interval(activity)), *cells])
        return hits

    rows: list[list[str]] = []
    row("raw pixels", [Pixels()], None)
    for name, plain, sparse in groups:
        base = row(f"{name}, no penalty", trial.fit(plain), None)
        for label, model in sparse.items():
            row(label, trial.fit(model), base)
    note = (
        f"{len(trial.train):,} training images, {_UNITS} units in one layer, squared error, 10"
        " epochs of batches of 200 by Adam at 0.003, bf16; KL with weight 0.3. A unit is active"
        " above a tenth of its greatest value on training images."
    )
    columns = ["code", "active units", f"{few} labels, %", "gain"]
    return Table([*columns, f"{many:,} labels, %", "gain"], rows, note)


# -- contraction and robustness, of the same models -------------------------------------------


def _robust_models() -> dict[str, Any]:
    settings: dict[str, Any] = {
        "code_size": _UNITS,
        "network": {"kind": "one_layer", "tied": True, "output_activation": "sigmoid"},
        "loss": "binary_cross_entropy",
        "epochs": 10,
        "batch_size": 100,
        "learning_rate": 2e-3,
        "schedule": CYCLE,
    }
    noise = {"kind": "gaussian", "sigma": 0.5}
    masking = {"kind": "masking", "fraction": 0.5}
    return {
        "plain": Autoencoder(**settings),
        "denoising, Gaussian σ = 0.5": DenoisingAutoencoder(corruption=noise, **settings),
        "denoising, masking 0.5": DenoisingAutoencoder(corruption=masking, **settings),
        "contractive, weight 0.3": ContractiveAutoencoder(contraction_weight=0.3, **settings),
        "contractive, weight 3": ContractiveAutoencoder(contraction_weight=3.0, **settings),
    }


_ROBUST = (
    f"{_UNITS} sigmoid units in one tied layer, binary cross-entropy, 10 epochs of batches of 100"
    " by Adam at 0.002, bf16"
)


def contracted(trial: Trial) -> Table:
    """Near points stay near in code space; the code is invariant to what does not vary in the data.

    Measured: code distance over input distance for small steps along the data (principal directions
    of ten neighbours) and across them (random directions at right angles to those), their ratio
    image by image, and how much of the encoder's Jacobian lies in few directions: the share of its
    squared norm in the ten greatest singular values. Only the ratio and the share can be compared
    between models; the lengths also depend on the scale of the codes.
    """
    models = {name: trial.fit(model) for name, model in _robust_models().items()}
    plain = models["plain"]
    whole = {
        f"PCA, {_UNITS}": [Components(trial.train, _UNITS)],
        "untrained": [model.untrained() for model in plain],
        **models,
    }
    rows = []
    for name, fitted in whole.items():
        steps = [contraction(model.transform, trial.test[:2_000]) for model in fitted]
        cells = [
            interval([step.along for step in steps]),
            interval([step.across for step in steps]),
            interval([step.along / step.across for step in steps]),
        ]
        shares = [_ten_greatest(model, trial.test[:50]) for model in fitted]
        errors = [squared_errors(trial.test, model.reconstruct(trial.test)) for model in fitted]
        rows.append([name, *map(str, cells), str(interval(shares)), str(interval(errors))])
    note = (
        f"{len(trial.train):,} training images; {_ROBUST}. 2,000 test images, 50 for the singular"
        " values."
    )
    columns = ["code", "along", "across", "along / across", "share of the ten greatest"]
    return Table([*columns, "squared error"], rows, note)


def _ten_greatest(model: Any, images: Array) -> Array:
    """Share of ‖J‖²_F in the ten greatest singular values, for each image."""
    if isinstance(model, Components):  # the same Jacobian everywhere, its singular values all 1
        return np.full(len(images), 10 / model.pca.n_components_)
    with torch.no_grad():
        slopes = jacobian(model.network_, torch.tensor(images)).flatten(2)
        powers = torch.linalg.eigvalsh(slopes @ slopes.mT).clamp(min=0)
    return np.asarray(powers[:, -10:].sum(1) / powers.sum(1))


def robust(trial: Trial) -> Table:
    """Features of a denoising autoencoder are robust, and reconstructions of noisy data cleaner.

    Measured: accuracy of a linear probe taught on codes of 5,000 clean images, for clean and noisy
    test images; and the squared distance of the reconstruction of a noisy image to the clean one,
    over that of the noisy image itself (below 1: nearer to the clean image).
    """
    noises: dict[str, dict[str, Any]] = {
        "σ = 0.3": {"kind": "gaussian", "sigma": 0.3},
        "σ = 0.5": {"kind": "gaussian", "sigma": 0.5},
        "masking 0.5": {"kind": "masking", "fraction": 0.5},
    }
    noisy = {name: corrupted(trial.test, **noise) for name, noise in noises.items()}
    labelled = min(5_000, len(trial.train))
    rows = []
    for name, fitted in {
        "raw pixels": [Pixels()],
        "PCA, 50": [Components(trial.train, 50)],
        **{name: trial.fit(model) for name, model in _robust_models().items()},
    }.items():
        cells = [
            percent(hits)
            for hits in zip(
                *(_probes(trial, model, labelled, noisy) for model in fitted), strict=True
            )
        ]
        for images in noisy.values():
            distance = squared_errors(trial.test, images)
            shares = [
                squared_errors(trial.test, model.reconstruct(images)) / distance.mean()
                for model in fitted
                if hasattr(model, "reconstruct")
            ]
            cells.append(str(interval(shares)) if shares else "1")
        rows.append([name, *cells])
    columns = ["clean, %", *(f"{name}, %" for name in noises)]
    note = f"{len(trial.train):,} training images; {_ROBUST}. Noisy images are kept in [0, 1]."
    return Table(["code", *columns, *(f"distance, {name}" for name in noises)], rows, note)


def _probes(trial: Trial, model: Any, labelled: int, noisy: dict[str, Array]) -> list[Array]:
    """Hits on clean and noisy test images, of one probe."""
    sets = [trial.test, *noisy.values()]
    together = trial.with_test(np.concatenate(sets), np.tile(trial.test_labels, len(sets)))
    return list(together.probe(model, labelled).reshape(len(sets), -1))


# -- the Kullback-Leibler penalty ---------------------------------------------------------------


def mean_activation(trial: Trial) -> Table:
    """The KL penalty needs ρ̂ over the whole training set; a mini-batch only estimates it.

    Measured: the penalty Σ_j KL(ρ ‖ ρ̂_j) as the training reports it in its last epoch, its true
    value over all training images afterwards, the mean activation and how far single units are from
    ρ, the squared error on test images, and the time.
    """
    trial = trial.first(10_000)
    rho, units = 0.05, 200
    rows = []
    for mean_over, batch_size in (
        ("batch", 20),
        ("batch", 100),
        ("batch", 1_000),
        ("training_set", 100),
        ("training_set", 1_000),
    ):
        models = trial.fit(
            SparseAutoencoder(
                code_size=units,
                method="kl",
                sparsity=rho,
                sparsity_weight=3.0,
                mean_over=mean_over,
                network={"kind": "one_layer", "output_activation": "sigmoid"},
                loss="binary_cross_entropy",
                epochs=8,
                batch_size=batch_size,
                learning_rate={20: 1e-3, 100: 3e-3, 1_000: 1e-2}[batch_size],
                schedule=CYCLE,
            )
        )
        means = [model.transform(trial.train).mean(0, dtype=np.float64) for model in models]
        columns = (
            [model.history_[-1]["train/kl_sparsity"] / 3.0 for model in models],
            [float(bernoulli_kl(rho, torch.tensor(mean)).sum()) for mean in means],
            [mean.mean() for mean in means],
            [np.abs(mean - rho).mean() for mean in means],
            [squared_errors(trial.test, model.reconstruct(trial.test)) for model in models],
        )
        seconds = np.mean([model.history_[-1]["seconds"] for model in models])
        name = f"{'all images' if mean_over == 'training_set' else 'the batch'}, {batch_size:,}"
        rows.append([name, *(str(interval(column)) for column in columns), f"{seconds:.0f}"])
    note = (
        f"{len(trial.train):,} training images, {units} sigmoid units in one layer, ρ = {rho},"
        " weight 3, binary cross-entropy, 8 epochs by Adam at 0.001, 0.003 and 0.01 for batches of"
        " 20, 100 and 1,000, bf16 (the survey of all images is in float32)."
    )
    columns = ["ρ̂ over, batch size", "penalty reported", "penalty, true", "mean activation"]
    return Table([*columns, "mean distance to ρ", "squared error", "seconds"], rows, note)
