"""The denoising autoencoder, against what is known: a ridge regression, a posterior mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.polynomial.hermite_e import hermegauss
from sklearn.linear_model import Ridge

import isthmus
from isthmus import Autoencoder
from isthmus.core.errors import DataError, SettingError
from isthmus.models import DenoisingAutoencoder
from support.models import Array, quick

SIGMA = 0.4
NOISE = {"kind": "gaussian", "sigma": SIGMA}
NETWORK = {"kind": "dense", "hidden_sizes": [128], "output_activation": "sigmoid"}
PIXELS: dict[str, Any] = {
    "network": NETWORK,
    "loss": "binary_cross_entropy",
    "code_size": 32,
    "epochs": 40,
    "batch_size": 64,
    "learning_rate": 5e-3,
    "random_state": 0,
}


def noisy(images: Array, seed: int) -> Array:
    noise = np.random.default_rng(seed).normal(0, SIGMA, images.shape)
    return np.clip(images + noise, 0, 1).astype(np.float32)


# -- what it restores -------------------------------------------------------------------------


def test_it_beats_its_input_a_plain_autoencoder_and_a_regression(digits: Array) -> None:
    train, test = digits[:1400], digits[1400:]
    given = noisy(test, 0)

    def error(restored: Array) -> float:
        return float(np.square(restored.reshape(test.shape) - test).sum((1, 2)).mean())

    model = DenoisingAutoencoder(corruption=NOISE, **PIXELS).fit(train)
    plain = Autoencoder(**PIXELS).fit(train)
    # Ten noisy copies of each image: all that a linear map can learn of this noise.
    inputs = np.concatenate([noisy(train, seed) for seed in range(1, 11)]).reshape(-1, 64)
    ridge = Ridge(1.0).fit(inputs, np.tile(train.reshape(-1, 64), (10, 1)))
    linear = np.clip(ridge.predict(given.reshape(-1, 64)), 0, 1)

    ours = error(model.denoise(given))
    assert ours < 0.4 * error(given)
    assert ours < 0.6 * error(plain.reconstruct(given))
    assert ours < 0.97 * error(linear)
    np.testing.assert_array_equal(model.denoise(given), model.reconstruct(given))
    # The price is paid on clean images.
    assert error(plain.reconstruct(test)) < error(model.reconstruct(test))


@pytest.mark.parametrize("sigma", [0.5, 1.0])
def test_it_tends_to_the_posterior_mean(sigma: float) -> None:
    """x = ±1, equally likely, and x̃ = x + σ ε: E[x given x̃] = tanh(x̃ / σ²), known to 0.05.

    The squared error that is left is the posterior variance, 1 - E[tanh²(x̃ / σ²)].
    """
    x = np.tile(np.float32([-1, 1]), 1000)[:, None]
    model = DenoisingAutoencoder(
        corruption={"kind": "gaussian", "sigma": sigma, "clip": False},
        network={"kind": "dense", "hidden_sizes": [32], "activation": "tanh"},
        code_size=8,
        scaling="none",
        epochs=100,
        batch_size=250,
        learning_rate=1e-2,
        schedule="one_cycle",
        random_state=0,
    ).fit(x)
    given = np.linspace(-2, 2, 41, dtype=np.float32)[:, None]
    np.testing.assert_allclose(model.denoise(given), np.tanh(given / sigma**2), atol=0.05)
    places, weights = hermegauss(80)  # ∫ f(ε) exp(-ε² / 2) dε
    mean_square = weights @ np.tanh((1 + sigma * places) / sigma**2) ** 2 / np.sqrt(2 * np.pi)
    left = np.mean([row["train/total"] for row in model.history_[-10:]])
    assert left == pytest.approx(1 - mean_square, rel=0.1)


@pytest.mark.parametrize("corruption", ["masking", "salt_and_pepper", "block"])
def test_each_kind_of_loss_can_be_undone(digits: Array, corruption: str) -> None:
    """The error of the training, on corrupted inputs, falls well below that of the mean image."""
    model = quick("denoising_autoencoder", corruption=corruption, epochs=12, learning_rate=5e-3)
    model.fit(digits[:1400], validation=digits[1400:])
    constant = np.square(digits[1400:] - digits[:1400].mean(0)).sum((1, 2)).mean()
    assert model.history_[-1]["validation/total"] < 0.7 * constant


# -- random draws -----------------------------------------------------------------------------


def test_noise_is_new_in_each_epoch_and_fixed_in_validation(digits: Array) -> None:
    """A rate that moves no weight shows the noise alone."""

    def losses(part: str, **settings: Any) -> list[float]:
        model = quick("denoising_autoencoder", learning_rate=1e-12, epochs=4, **settings)
        model.fit(digits[:300], validation=digits[300:500])
        return [row[f"{part}/reconstruction"] for row in model.history_]

    assert len(set(losses("train", corruption=NOISE))) == 4
    fixed = losses("validation", corruption=NOISE)
    assert len(set(fixed)) == 1
    assert losses("validation", corruption=NOISE) == fixed
    assert losses("validation", corruption=NOISE, random_state=1) != fixed
    # Masking with nothing masked is no corruption: all that remains is the order of the sums.
    still = losses("train", corruption={"kind": "masking", "fraction": 0.0})
    np.testing.assert_allclose(still, still[0], rtol=1e-5)
    assert losses("validation", corruption={"kind": "masking", "fraction": 0.0})[0] < fixed[0]


def test_the_target_stays_clean(digits: Array) -> None:
    """With all of the input masked the code is constant, and the best output is the mean image."""
    model = quick(
        "denoising_autoencoder",
        corruption={"kind": "masking", "fraction": 1.0},
        epochs=30,
        learning_rate=1e-2,
    ).fit(digits)
    blind = model.reconstruct(np.zeros_like(digits[:1]))[0]
    np.testing.assert_allclose(blind, digits.mean(0), atol=0.05)


# -- files, settings --------------------------------------------------------------------------


def test_saved_and_loaded(digits: Array, tmp_path: Path) -> None:
    model = quick("denoising_autoencoder", corruption=NOISE).fit(digits[:300])
    model.save(tmp_path / "model")
    loaded = isthmus.load(tmp_path / "model")
    assert isinstance(loaded, DenoisingAutoencoder)
    assert loaded.corruption == {**NOISE, "white": 1.0, "clip": True}
    np.testing.assert_array_equal(loaded.denoise(digits), model.denoise(digits))


def test_masking_is_the_default(digits: Array) -> None:
    model = quick("denoising_autoencoder", epochs=0).fit(digits[:50])
    assert model.settings_["corruption"] == {"kind": "masking", "fraction": 0.25}


def test_a_corruption_that_does_not_fit_the_range(table: Array) -> None:
    signed = 2 * table - 1
    model = quick("denoising_autoencoder", corruption="gaussian", scaling="none")
    with pytest.raises(DataError) as caught:
        model.fit(signed)
    assert str(caught.value) == (
        "The corruption 'gaussian' with clip = true needs values from 0 to 1, but the scaled data"
        " go from -1 to 1; scale them with scaling = 'unit', or set clip = false."
    )
    free = {"kind": "gaussian", "clip": False}
    quick("denoising_autoencoder", corruption=free, scaling="none").fit(signed)
    quick("denoising_autoencoder", corruption="gaussian", scaling="unit").fit(signed)


@pytest.mark.parametrize(
    ("corruption", "words"),
    [
        (None, r"A corruption is given by its kind, .* not by None\. Choose from: "),
        ("gausian", r"Unknown corruption 'gausian' \(did you mean 'gaussian'\?\)"),
        ({"kind": "masking", "fraction": 1.5}, r"fraction: .*less than or equal to 1, .* 1\.5\.$"),
    ],
)
def test_bad_corruptions(table: Array, corruption: Any, words: str) -> None:
    with pytest.raises(SettingError, match=words) as caught:
        DenoisingAutoencoder(corruption=corruption).fit(table[:50])
    assert "\n" not in str(caught.value)
