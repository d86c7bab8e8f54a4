"""Deep embedded clustering."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans

import isthmus
from isthmus import Autoencoder
from isthmus.core.errors import DataError, SettingError
from isthmus.latent.deep_clustering import DeepClustering
from isthmus.metrics import cluster_scores
from support.models import digit_labels


@pytest.fixture(scope="module")
def samples() -> Any:
    from sklearn.datasets import load_digits

    return load_digits().images.astype(np.float32) / 16


@pytest.fixture(scope="module")
def model(samples: Any) -> Autoencoder:
    return Autoencoder(
        code_size=8, epochs=30, batch_size=64, learning_rate=3e-3, random_state=0
    ).fit(samples)


@pytest.fixture(scope="module")
def tuned(model: Autoencoder, samples: Any) -> DeepClustering:
    return DeepClustering(clusters=10, epochs=15, batch_size=64).fit(model, samples)


def test_codes_draw_together_and_agree_better_with_classes(
    model: Autoencoder, tuned: DeepClustering, samples: Any
) -> None:
    labels, codes = digit_labels(), model.transform(samples)
    plain = KMeans(10, n_init=10, random_state=0).fit_predict(codes)
    before = cluster_scores(codes, plain, labels)
    after = cluster_scores(tuned.model_.transform(samples), tuned.labels_, labels)
    assert after["silhouette"] > before["silhouette"] + 0.1
    assert after["accuracy"] > before["accuracy"] - 0.02
    assert {"train/reconstruction", "train/clustering"} < tuned.history_[-1].keys()
    np.testing.assert_array_equal(tuned.predict(samples), tuned.labels_)


def test_the_given_model_stays_as_it_is(
    model: Autoencoder, tuned: DeepClustering, samples: Any, tmp_path: Path
) -> None:
    fresh = DeepClustering(clusters=10, epochs=0).fit(model, samples)
    np.testing.assert_array_equal(fresh.model_.transform(samples), model.transform(samples))
    assert not np.allclose(tuned.model_.transform(samples), model.transform(samples), atol=0.05)
    tuned.model_.save(tmp_path / "model")
    again = isthmus.load(tmp_path / "model")
    np.testing.assert_array_equal(again.transform(samples), tuned.model_.transform(samples))
    np.testing.assert_allclose(again.code_mean_, tuned.model_.transform(samples).mean(0), rtol=1e-4)


def test_without_reconstruction_the_decoder_rests(
    model: Autoencoder, tuned: DeepClustering, samples: Any
) -> None:
    bare = DeepClustering(clusters=10, epochs=5, batch_size=64, reconstruction_weight=0.0)
    bare.fit(model, samples)
    for old, new in zip(
        model.network_.decoder.parameters(), bare.model_.network_.decoder.parameters(), strict=True
    ):
        assert torch.equal(old, new)
    assert bare.history_[-1]["train/reconstruction"] == 0
    assert tuned.model_.score(samples) > 1.5 * model.score(samples) > bare.model_.score(samples)


def test_a_seed_repeats(model: Autoencoder, samples: Any) -> None:
    def labels() -> Any:
        return DeepClustering(clusters=4, epochs=1).fit(model, samples[:200]).centres_

    np.testing.assert_array_equal(labels(), labels())


def test_unsuited_settings_and_samples_are_refused(model: Autoencoder, samples: Any) -> None:
    with pytest.raises(SettingError, match=r"DeepClustering: clusters: .*it is 0"):
        DeepClustering(clusters=0).fit(model, samples)
    with pytest.raises(SettingError, match="reconstruction_weight"):
        DeepClustering(reconstruction_weight=-1).fit(model, samples)
    with pytest.raises(DataError, match="3 samples cannot form 10 clusters"):
        DeepClustering().fit(model, samples[:3])
    with pytest.raises(DataError, match="has shape"):
        DeepClustering().fit(model, samples[:, :, :4])
