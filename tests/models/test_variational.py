"""The variational autoencoder: what it learns, draws and knows about likelihood."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from sklearn.datasets import load_digits

import isthmus
from isthmus.core.errors import SettingError
from isthmus.data import DataSet
from isthmus.models import VariationalAutoencoder
from isthmus.recipes.scoring import evaluate, facts_of_fitting
from support.models import Array

DENSE = {"kind": "dense", "hidden_sizes": [32], "output_activation": "sigmoid"}
LINEAR = {"kind": "dense", "hidden_sizes": []}


def variational(**settings: Any) -> VariationalAutoencoder:
    common = {"code_size": 4, "network": DENSE, "loss": "binary_cross_entropy", "epochs": 20}
    quick = {"learning_rate": 1e-2, "batch_size": 64, "random_state": 0}
    return VariationalAutoencoder(**{**common, **quick, **settings})


@cache
def _fitted() -> VariationalAutoencoder:
    return variational().fit((load_digits().images[:1400] / 16).astype(np.float32))


@pytest.fixture
def fitted() -> VariationalAutoencoder:
    return _fitted()


@pytest.fixture(scope="module")
def gaussian_data() -> Array:
    """Two hidden causes of five values, and noise of variance 1/4."""
    generator = np.random.default_rng(0)
    causes, matrix = generator.normal(size=(2000, 2)), generator.normal(size=(2, 5))
    return causes @ matrix + 0.5 * generator.normal(size=(2000, 5)) + 1


@pytest.fixture(scope="module")
def linear(gaussian_data: Array) -> VariationalAutoencoder:
    model = variational(
        code_size=2,
        network=LINEAR,
        loss="squared_error",
        kl_weight=0.5,
        scaling="none",
        epochs=100,
        schedule="one_cycle",
    )
    return model.fit(gaussian_data)


# -- training ---------------------------------------------------------------------------------


def test_it_learns_and_its_parts_are_kept_apart(
    fitted: VariationalAutoencoder, digits: Array
) -> None:
    first, last = fitted.history_[0], fitted.history_[-1]
    assert last["train/total"] < 0.8 * first["train/total"]
    parts = last["train/reconstruction"] + last["train/gaussian_kl"]
    assert last["train/total"] == pytest.approx(parts)
    mean_image = np.square(digits[1400:] - digits[:1400].mean(0)).sum((1, 2)).mean()
    assert -fitted.score(digits[1400:]) < 0.8 * mean_image
    likelihoods = [model.log_likelihood(digits[1400:]).mean() for model in _with_untrained(fitted)]
    assert likelihoods[0] > likelihoods[1] + 10


def _with_untrained(model: VariationalAutoencoder) -> list[VariationalAutoencoder]:
    return [model, model.untrained()]


def test_a_greater_weight_draws_the_posterior_to_the_prior(digits: Array) -> None:
    models = [variational(kl_weight=weight).fit(digits[:700]) for weight in (0.1, 1.0, 30.0)]
    divergences = [model.posterior(digits[:700]).kl.sum(1).mean() for model in models]
    assert divergences[0] > 1.2 * divergences[1] > 5 * divergences[2]
    collapsed = models[2].posterior(digits[:700])
    assert np.abs(collapsed.mean).mean() < 0.2
    assert collapsed.std.mean() > 0.9


def test_validation_draws_codes_as_training_does(digits: Array) -> None:
    model = variational(epochs=15, patience=15).fit(digits[:400], validation=digits[400:])
    held_out = model.history_[-1]["validation/reconstruction"]
    output = torch.tensor(model.reconstruct(digits[400:])).clamp(1e-6, 1 - 1e-6)
    target = torch.tensor(digits[400:])
    by_mean = torch.nn.functional.binary_cross_entropy(output, target, reduction="sum")
    assert held_out > 1.01 * by_mean.item() / len(target)


@pytest.mark.parametrize("code_size", [6, (2, 2, 2)])
def test_convolutional_codes_and_maps(digits: Array, code_size: Any) -> None:
    network = {"kind": "convolutional", "channels": [8, 8], "output_activation": "sigmoid"}
    model = variational(network=network, code_size=code_size, epochs=4).fit(digits[:300])
    size = int(np.prod(code_size))
    assert model.transform(digits[:5]).shape == (5, size)
    assert model.sample(3).shape == (3, 8, 8)
    assert model.history_[-1]["train/total"] < model.history_[0]["train/total"]


# -- codes --------------------------------------------------------------------------------------


def test_codes_are_means_and_draws_are_spread_around_them(
    fitted: VariationalAutoencoder, digits: Array
) -> None:
    found = fitted.posterior(digits[:50])
    np.testing.assert_array_equal(found.mean, fitted.transform(digits[:50]))
    assert (found.std > 0).all()
    by_mean = fitted.inverse_transform(found.mean)
    np.testing.assert_allclose(fitted.reconstruct(digits[:50]), by_mean, atol=1e-5)
    draws = [fitted.reconstruct(digits[:50], sample=True, random_state=s) for s in (1, 1, 2)]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert not np.allclose(draws[0], draws[2], atol=0.01)


def test_draws_of_one_sample_have_the_posterior_of_a_linear_model(
    linear: VariationalAutoencoder, gaussian_data: Array
) -> None:
    """g(h) has the covariance V diag(σ²) Vᵀ."""
    found = linear.posterior(gaussian_data[:1])
    weight = linear.network_.decoder[0].weight.detach().numpy()
    repeated = np.repeat(gaussian_data[:1], 20_000, axis=0)
    draws = linear.reconstruct(repeated, sample=True)
    expected = weight @ np.diag(found.std[0] ** 2) @ weight.T
    np.testing.assert_allclose(np.cov(draws.T), expected, atol=0.05 * expected.max())
    assert found.kl.shape == (1, 2)


def test_samples_of_a_linear_model_are_gaussian(linear: VariationalAutoencoder) -> None:
    samples = linear.sample(20_000)
    weight = linear.network_.decoder[0].weight.detach().numpy()
    expected = weight @ weight.T
    np.testing.assert_allclose(np.cov(samples.T), expected, atol=0.05 * expected.max())
    np.testing.assert_array_equal(linear.sample(5), linear.sample(5))
    assert not np.array_equal(linear.sample(5), linear.sample(5, random_state=1))


# -- likelihood ---------------------------------------------------------------------------------


def test_likelihood_of_a_linear_gaussian_model_is_exact(
    linear: VariationalAutoencoder, gaussian_data: Array
) -> None:
    """log N(x; c, V Vᵀ + λ/2 I), approached from below."""
    layer = linear.network_.decoder[0]
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    exact = multivariate_normal(bias, weight @ weight.T + 0.25 * np.eye(5)).logpdf(
        gaussian_data[:300]
    )
    few, many = (linear.log_likelihood(gaussian_data[:300], samples=k) for k in (1, 2000))
    assert few.mean() < exact.mean()
    np.testing.assert_allclose(many, exact, atol=0.3)
    assert many.mean() == pytest.approx(exact.mean(), abs=0.03)
    again = linear.log_likelihood(gaussian_data[:300], samples=1)
    np.testing.assert_array_equal(few, again)


def test_likelihood_of_one_draw_is_the_bound_that_training_reports(digits: Array) -> None:
    model = variational(epochs=0).fit(digits[:200])
    x = torch.tensor(digits[:200])
    many = np.mean(
        [model.log_likelihood(digits[:200], samples=1, random_state=s).mean() for s in range(20)]
    )
    found = model.posterior(digits[:200])
    with torch.no_grad():
        logits = [
            model.network_.logits(torch.tensor(found.mean + found.std * noise))
            for noise in np.random.default_rng(0).normal(size=(20, 200, 4)).astype(np.float32)
        ]
    losses = [
        torch.nn.functional.binary_cross_entropy_with_logits(one, x, reduction="sum").item() / 200
        for one in logits
    ]
    assert many == pytest.approx(-np.mean(losses) - found.kl.sum(1).mean(), rel=0.01)


def test_no_likelihood_where_the_loss_is_none(digits: Array) -> None:
    model = variational(loss="squared_error", kl_weight=0.0, epochs=0).fit(digits[:50])
    assert not model.has_likelihood
    with pytest.raises(SettingError, match="there is no likelihood; use a cross-entropy"):
        model.log_likelihood(digits[:5])


# -- the importance-weighted bound --------------------------------------------------------------


def test_importance_weighting_tightens_the_bound(digits: Array) -> None:
    model = variational(importance_samples=8, epochs=8).fit(digits[:1000])
    row = model.history_[-1]
    names = ("reconstruction", "gaussian_kl", "importance_weighting")
    parts = [row[f"train/{name}"] for name in names]
    assert row["train/total"] == pytest.approx(sum(parts))
    assert parts[2] < -0.1
    assert row["train/total"] < model.history_[0]["train/total"]
    bounds = [model.log_likelihood(digits[1000:], samples=k).mean() for k in (1, 8, 200)]
    assert bounds[0] < bounds[1] < bounds[2]


@pytest.mark.parametrize(
    "settings", [{"kl_weight": 2.0}, {"warmup": 0.5}, {"penalties": [{"kind": "l1", "weight": 1}]}]
)
def test_the_weighted_bound_has_no_weights(digits: Array, settings: Any) -> None:
    with pytest.raises(SettingError, match="The importance-weighted bound has no weights to set"):
        variational(importance_samples=5, **settings).fit(digits[:50])


# -- the rest -------------------------------------------------------------------------------------


def test_saved_and_loaded(fitted: VariationalAutoencoder, digits: Array, tmp_path: Path) -> None:
    fitted.save(tmp_path / "model")
    loaded = isthmus.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.sample(4), fitted.sample(4))
    np.testing.assert_array_equal(
        loaded.posterior(digits[:9]).std, fitted.posterior(digits[:9]).std
    )
    assert math.isfinite(loaded.log_likelihood(digits[:9]).sum())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"network": {**DENSE, "tied": True}}, "cannot be tied to an encoder of 'gaussian' codes"),
        ({"network": "unet"}, "code_activation"),
        ({"kl_weight": -1.0}, "kl_weight: should be greater than or equal to 0"),
        ({"warmup": 1.5}, "warmup: should be less than or equal to 1"),
    ],
)
def test_what_makes_no_sense_is_refused(digits: Array, settings: Any, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        variational(**settings).fit(digits[:20])


def test_an_evaluation_tells_the_likelihood_of_bits_beside_the_untrained_one(digits: Array) -> None:
    bits = DataSet("bits", (digits > 0.5).astype(np.float32))
    train, test = bits.subset(np.arange(1200)), bits.subset(np.arange(1200, 1797))
    model = variational(epochs=5).fit(train.samples)
    evaluation = evaluate(model, train, test)
    found = {
        method: columns["negative_log_likelihood"].mean()
        for method, columns in evaluation.values.items()
        if "negative_log_likelihood" in columns
    }
    assert set(found) == {"model", "untrained network"}
    assert found["model"] < found["untrained network"] - 5
    facts = facts_of_fitting(model, train, test)
    expected = model.posterior(train.samples).kl.mean(0).sum()
    assert facts["divergence from N(0, I), nats per sample"] == pytest.approx(expected)
