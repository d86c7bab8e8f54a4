"""The sparse autoencoder: what each method makes of the codes of digits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import isthmus
from isthmus import Autoencoder
from isthmus.core.errors import SettingError
from isthmus.models import SparseAutoencoder
from isthmus.objectives.kl_sparsity import bernoulli_kl
from support.models import Array

UNITS = 60
TRAINING: dict[str, Any] = {"code_size": UNITS, "random_state": 0, "learning_rate": 1e-2}
TOP_K: dict[str, Any] = {"code_size": 128, "sparsity": 1 / 16, "random_state": 0}  # 8 units


def sparse(samples: Array, **settings: Any) -> SparseAutoencoder:
    return SparseAutoencoder(**{**TRAINING, **settings}).fit(samples)


def error(model: SparseAutoencoder, samples: Array) -> float:
    return -model.score(samples)


def active(codes: Array) -> Array:
    return np.count_nonzero(codes, axis=1)


# -- kl ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("rho", [0.05, 0.2])
def test_kl_brings_the_mean_activation_to_rho(table: Array, rho: float) -> None:
    train, test = table[:1400], table[1400:]
    model = sparse(train, sparsity=rho, epochs=100, batch_size=200)
    free = sparse(train, sparsity=rho, epochs=100, batch_size=200, sparsity_weight=0.0)
    codes, free_codes = model.transform(test), free.transform(test)
    assert model.transform(train).mean() == pytest.approx(rho, rel=0.1)
    assert codes.mean() == pytest.approx(rho, rel=0.1)  # of samples never seen
    np.testing.assert_allclose(model.transform(train).mean(0), rho, rtol=0.3)  # of each unit
    assert free_codes.mean() > 2 * rho
    assert (codes > 0.5).sum(1).mean() < 0.5 * (free_codes > 0.5).sum(1).mean()
    assert error(free, test) < error(model, test)  # there is a price


def test_kl_part_of_the_history_is_the_weighted_divergence(table: Array) -> None:
    """One batch is the whole set, and a rate that moves nothing keeps the codes as they were."""
    model = sparse(table, sparsity_weight=2.5, batch_size=2000, epochs=1, learning_rate=1e-12)
    rho_hat = torch.from_numpy(model.transform(table).mean(0))
    expected = 2.5 * float(bernoulli_kl(0.05, rho_hat).sum())
    assert model.history_[0]["train/kl_sparsity"] == pytest.approx(expected, rel=1e-4)


def test_mean_over_the_training_set_comes_nearer_to_rho(table: Array) -> None:
    samples = table[:300]

    def divergence(mean_over: Any) -> float:
        model = sparse(samples, mean_over=mean_over, batch_size=10, epochs=30)
        mean = torch.from_numpy(model.transform(samples).mean(0))
        return float(bernoulli_kl(0.05, mean).sum())

    assert divergence("training_set") < 0.6 * divergence("batch")


# -- l1 ---------------------------------------------------------------------------------------


def test_l1_makes_codes_smaller_and_sparser_by_its_weight(table: Array) -> None:
    models = [sparse(table, method="l1", sparsity_weight=w, epochs=20) for w in (0.0, 0.03, 0.5)]
    codes = [model.transform(table) for model in models]
    sizes = [code.sum(1).mean() for code in codes]
    assert sizes[0] > 1.3 * sizes[1] > 1.3**2 * sizes[2]
    counts = [active(code).mean() for code in codes]
    assert counts[0] > counts[1] > 1.3 * counts[2]
    errors = [error(model, table) for model in models]
    assert errors[0] < errors[2]
    assert models[2].history_[-1]["train/l1"] == pytest.approx(0.5 * sizes[2], rel=0.1)


# -- the largest units ------------------------------------------------------------------------


def test_top_k_keeps_the_share_of_units(table: Array) -> None:
    model = SparseAutoencoder(method="top_k", epochs=15, learning_rate=5e-3, **TOP_K).fit(
        table[:1400]
    )
    codes = model.transform(table[1400:])
    assert active(codes).max() == 8
    assert (active(codes) == 8).mean() > 0.99
    assert (codes >= 0).all()
    constant = np.square(table[1400:] - table[:1400].mean(0)).sum(1).mean()
    assert error(model, table[1400:]) < 0.5 * constant


def test_batch_top_k_keeps_it_on_average(table: Array) -> None:
    model = SparseAutoencoder(method="batch_top_k", epochs=30, learning_rate=3e-3, **TOP_K).fit(
        table[:1400]
    )
    counts = active(model.transform(table[1400:]))
    assert counts.mean() == pytest.approx(8, rel=0.15)
    assert counts.std() > 0.5  # a sample may use more units or fewer
    constant = np.square(table[1400:] - table[:1400].mean(0)).sum(1).mean()
    assert error(model, table[1400:]) < 0.5 * constant


@pytest.mark.parametrize(
    ("code_size", "sparsity", "kept"), [(128, 0.05, 6), (4, 0.05, 1), (10, 0.99, 10)]
)
def test_number_of_kept_units(table: Array, code_size: int, sparsity: float, kept: int) -> None:
    model = SparseAutoencoder(
        method="top_k", code_size=code_size, sparsity=sparsity, epochs=0, random_state=0
    ).fit(table)
    assert model.network_.code_activation.active == kept
    assert active(model.transform(table)).max() <= kept


def test_dead_units_come_back(table: Array) -> None:
    def trained(weight: float | None) -> tuple[int, float]:
        model = SparseAutoencoder(
            method="top_k", sparsity_weight=weight, batch_size=50, epochs=40, **TOP_K
        ).fit(table[:1000])
        return int(model.network_.code_activation.dead.sum()), error(model, table)

    (given_up, worse), (dead, better) = trained(0.0), trained(None)
    assert given_up > 30
    assert dead < 0.9 * given_up
    assert better < 0.96 * worse


# -- maps, files ------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["kl", "l1", "top_k", "batch_top_k"])
def test_a_map_as_the_code(digits: Array, method: Any) -> None:
    model = SparseAutoencoder(
        method=method,
        sparsity=0.25,
        code_size=(2, 4, 4),
        network={"kind": "convolutional", "channels": [4]},
        epochs=5,
        batch_size=32,
        learning_rate=1e-2,
        random_state=0,
    ).fit(digits[:600])
    codes = model.transform(digits)
    assert codes.shape == (1797, 32)
    if method == "kl":
        assert codes.mean() == pytest.approx(0.25, rel=0.3)
    elif method != "l1":
        assert active(codes).mean() == pytest.approx(8, rel=0.3)
    constant = np.square(digits - digits[:600].mean(0)).sum((1, 2)).mean()
    assert error(model, digits) < constant


@pytest.mark.parametrize("method", ["kl", "l1", "top_k", "batch_top_k"])
def test_saved_and_loaded(table: Array, tmp_path: Path, method: Any) -> None:
    model = SparseAutoencoder(method=method, epochs=2, **TOP_K).fit(table[:300])
    model.save(tmp_path / "model")
    loaded = isthmus.load(tmp_path / "model")
    assert isinstance(loaded, SparseAutoencoder)
    assert loaded.settings_ == model.settings_
    np.testing.assert_array_equal(loaded.transform(table), model.transform(table))
    np.testing.assert_array_equal(loaded.reconstruct(table), model.reconstruct(table))


# -- settings ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "activation", "penalty"),
    [
        ({}, "sigmoid", ("kl_sparsity", 3.0)),
        ({"sparsity_weight": 0.5}, "sigmoid", ("kl_sparsity", 0.5)),
        ({"method": "l1"}, "relu", ("l1", 0.1)),
        ({"method": "top_k"}, "top_k", ("revival", 1 / 32)),
        ({"method": "batch_top_k"}, "batch_top_k", ("revival", 1 / 32)),
    ],
)
def test_what_a_method_stands_for(
    table: Array, settings: dict[str, Any], activation: str, penalty: tuple[str, float]
) -> None:
    decay = {"kind": "weight_decay", "weight": 1e-4}
    model = SparseAutoencoder(penalties=(decay,), epochs=0, **settings).fit(table[:50])
    first, second = model.settings_["penalties"]
    assert first["kind"] == "weight_decay"  # those given stay
    assert (second["kind"], second["weight"]) == penalty
    assert model.network_.code_activation.kind == activation
    assert model.parameters_["network"]["code_activation"] == {"kind": "sigmoid"}  # as given


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"sparsity": 0.0}, r"SparseAutoencoder: sparsity: .*greater than 0, but it is 0\.0\.$"),
        ({"sparsity": 1.0}, r"sparsity: .*less than 1, but it is 1\.0\.$"),
        ({"sparsity": 1.5}, r"sparsity: .*less than 1, but it is 1\.5\.$"),
        ({"sparsity_weight": -1.0}, r"sparsity_weight: .*or equal to 0, but it is -1\.0\.$"),
        ({"method": "k_top"}, r"method: .*'kl', 'l1', 'top_k' or 'batch_top_k', .*'k_top'\.$"),
        ({"mean_over": "epoch"}, r"mean_over: .*'batch' or 'training_set', .*'epoch'\.$"),
        ({"network": "linear"}, r"network 'linear': unknown key 'code_activation'"),
        (
            {
                "method": "top_k",
                "network": {"kind": "one_layer", "output_activation": "sigmoid"},
            },
            "The penalty 'revival' needs .* the output activation 'none'",
        ),
    ],
)
def test_bad_settings(table: Array, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingError, match=words) as caught:
        SparseAutoencoder(**settings).fit(table[:50])
    assert "\n" not in str(caught.value)


def test_kl_on_an_unbounded_code(table: Array) -> None:
    model = Autoencoder(penalties=({"kind": "kl_sparsity", "weight": 1.0},))
    with pytest.raises(
        SettingError, match=r"needs codes in \(0, 1\), .* activation is 'none'; set"
    ):
        model.fit(table[:50])
