"""The contractive autoencoder: its codes move less, by the weight, whatever finds the norm."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import isthmus
from isthmus import Autoencoder
from isthmus.core.errors import SettingError
from isthmus.models import ContractiveAutoencoder
from support.models import Array

WEIGHTS = (0.0, 0.1, 1.0)
STEP = 0.01  # of the change of the samples


def contractive(samples: Array, **settings: Any) -> ContractiveAutoencoder:
    settings = {"code_size": 16, "batch_size": 100, "learning_rate": 1e-2, **settings}
    return ContractiveAutoencoder(**{"random_state": 0, **settings}).fit(samples)


def jacobian_norm(model: ContractiveAutoencoder, samples: Array) -> float:
    """Mean ‖J_f‖²_F by torch's own Jacobian, sample by sample."""

    def code(z: torch.Tensor) -> torch.Tensor:
        return model.network_.encode(z[None])[0].flatten()

    jacobians = [torch.func.jacrev(code)(z).detach() for z in torch.from_numpy(samples)]
    return float(np.mean([float(j.square().sum()) for j in jacobians]))


def movement(model: ContractiveAutoencoder, samples: Array) -> float:
    """Mean ‖f(x + ε) - f(x)‖² / σ² for ε ~ N(0, σ² I): for small σ, E[‖J ε‖²] / σ² = ‖J‖²_F."""
    change = np.random.default_rng(0).normal(0, STEP, samples.shape).astype(np.float32)
    moved = model.transform(samples + change) - model.transform(samples)
    return float(np.square(moved).sum(1).mean() / STEP**2)


# -- what the penalty does --------------------------------------------------------------------


def test_a_larger_weight_makes_codes_move_less(table: Array) -> None:
    train, test = table[:1400], table[1400:]
    models = [contractive(train, contraction_weight=w, epochs=30) for w in WEIGHTS]
    norms = [jacobian_norm(model, test[:100]) for model in models]
    moves = [movement(model, test) for model in models]
    assert norms[0] > 2 * norms[1] > 4 * norms[2]
    assert moves[0] > 2 * moves[1] > 4 * moves[2]
    np.testing.assert_allclose(moves, norms, rtol=0.1)
    errors = [-model.score(test) for model in models]
    assert errors[0] < errors[1] < errors[2]  # what must be rebuilt resists
    constant = np.square(test - train.mean(0)).sum(1).mean()
    assert errors[2] < 0.6 * constant
    for weight, model in zip(WEIGHTS, models, strict=True):
        part = model.history_[-1]["train/contractive"]
        assert part == pytest.approx(weight * jacobian_norm(model, train[:200]), rel=0.15)


def test_without_a_weight_it_is_the_plain_autoencoder(table: Array) -> None:
    settings: dict[str, Any] = {"code_size": 8, "epochs": 3, "random_state": 0}
    model = ContractiveAutoencoder(contraction_weight=0.0, **settings).fit(table)
    plain = Autoencoder(network="one_layer", **settings).fit(table)
    np.testing.assert_array_equal(model.transform(table), plain.transform(table))


# -- ways to the norm -------------------------------------------------------------------------


def weights_of(samples: Array, **settings: Any) -> Array:
    model = contractive(samples, contraction_weight=0.3, epochs=4, **settings)
    return np.concatenate([w.detach().numpy().ravel() for w in model.network_.parameters()])


@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_closed_form_and_exact_train_to_the_same_weights(table: Array, activation: str) -> None:
    network = {"kind": "one_layer", "code_activation": activation}
    by_form = weights_of(table[:500], method="closed_form", network=network)
    exact = weights_of(table[:500], method="exact", network=network)
    np.testing.assert_allclose(by_form, exact, atol=2e-5)
    np.testing.assert_array_equal(weights_of(table[:500], method="auto", network=network), by_form)


def test_a_deep_encoder_is_contracted_too(table: Array) -> None:
    network = {"kind": "dense", "hidden_sizes": [32], "activation": "tanh"}
    settings: dict[str, Any] = {"network": network, "code_size": 8, "epochs": 10}
    free = contractive(table[:600], contraction_weight=0.0, **settings)
    exact = contractive(table[:600], contraction_weight=0.5, **settings)
    norms = [jacobian_norm(model, table[600:700]) for model in (free, exact)]
    assert norms[1] < 0.5 * norms[0]
    estimated = contractive(table[:600], contraction_weight=0.5, method="projections", **settings)
    assert jacobian_norm(estimated, table[600:700]) == pytest.approx(norms[1], rel=0.1)
    assert not np.array_equal(estimated.transform(table), exact.transform(table))


def test_projections_are_repeated_by_the_seed(table: Array) -> None:
    settings: dict[str, Any] = {"method": "projections"}
    first = weights_of(table[:200], **settings)
    torch.manual_seed(5)  # of no effect
    np.testing.assert_array_equal(weights_of(table[:200], **settings), first)
    other = weights_of(table[:200], random_state=1, **settings)
    assert not np.array_equal(other, first)


def test_validation_measures_the_same_norm_in_each_epoch(table: Array) -> None:
    model = ContractiveAutoencoder(
        method="projections", epochs=3, learning_rate=1e-12, random_state=0
    ).fit(table[:300], validation=table[300:400])
    assert len({row["validation/contractive"] for row in model.history_}) == 1
    assert len({row["train/contractive"] for row in model.history_}) == 3


def test_a_convolutional_encoder(digits: Array) -> None:
    model = ContractiveAutoencoder(
        network={"kind": "convolutional", "channels": [4]}, code_size=8, epochs=2, random_state=0
    ).fit(digits[:300])
    norm = jacobian_norm(model, digits[300:350])
    assert model.history_[-1]["train/contractive"] == pytest.approx(0.1 * norm, rel=0.5)


# -- settings, files --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"contraction_weight": -0.1}, r"contraction_weight: .*or equal to 0, but it is -0\.1\.$"),
        ({"method": "guess"}, r"method: .*'closed_form', 'exact' or 'projections', .*'guess'\.$"),
        (
            {"method": "closed_form", "network": "dense"},
            "has a closed form only for an encoder of one dense layer",
        ),
        (
            {
                "method": "closed_form",
                "network": {"kind": "one_layer", "code_activation": "elu"},
            },
            "with the code activation sigmoid, tanh, relu or none; set method = 'exact'",
        ),
    ],
)
def test_bad_settings(table: Array, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingError, match=words) as caught:
        ContractiveAutoencoder(**settings).fit(table[:50])
    assert "\n" not in str(caught.value)


def test_saved_and_loaded(table: Array, tmp_path: Path) -> None:
    decay = {"kind": "weight_decay", "weight": 1e-4}
    model = contractive(table[:300], epochs=2, penalties=(decay,))
    model.save(tmp_path / "model")
    loaded = isthmus.load(tmp_path / "model")
    assert isinstance(loaded, ContractiveAutoencoder)
    kinds = [penalty["kind"] for penalty in loaded.settings_["penalties"]]
    assert kinds == ["weight_decay", "contractive"]
    assert [p["kind"] for p in loaded.penalties] == ["weight_decay"]
    np.testing.assert_array_equal(loaded.transform(table), model.transform(table))
