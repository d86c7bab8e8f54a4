"""Scores and corrections of label maps, by an autoencoder that is known."""

from __future__ import annotations

import numpy as np
import pytest

from isthmus import VariationalAutoencoder
from isthmus.core.errors import DataError, SettingError
from isthmus.data.label_maps import one_hot
from isthmus.latent.shape_damage import DAMAGES
from isthmus.latent.shapes import ShapeModel
from support.rings import NAMES, ring_maps


class Template:
    """Gives every map the same probabilities: 0.97 for the classes of one map, 0.01 for others."""

    def __init__(self, labels: np.ndarray) -> None:
        self.sample_shape_ = (4, *labels.shape)
        self.p = 0.01 + 0.96 * one_hot(labels, 4).astype(np.float32)

    def reconstruct(self, X: np.ndarray) -> np.ndarray:
        return np.repeat(self.p[None], len(X), axis=0)


LABELS = ring_maps(1)[0]
MAPS = np.stack([LABELS] * 4)


def shape_model() -> ShapeModel:
    return ShapeModel(autoencoder=Template(LABELS)).fit(MAPS, names=NAMES, validation=MAPS[:2])


def test_the_score_is_its_formula() -> None:
    shape = shape_model()
    changed = LABELS.copy()
    changed[0, :5] = 1
    scores = shape.score_samples(np.stack([LABELS, changed]))
    np.testing.assert_allclose(scores, [0, 5 * np.log(0.01 / 0.02)], rtol=1e-6)
    np.testing.assert_array_equal(shape.percentiles_of(scores), [100, 0])


def test_what_is_not_believed_is_replaced() -> None:
    shape, random = shape_model(), np.random.default_rng(0)
    damaged = [damage(random, LABELS, shape.rules_) for damage in DAMAGES.values()]
    corrected = shape.correct(np.stack(damaged))
    assert corrected.dtype == np.int16
    np.testing.assert_array_equal(corrected, np.stack([LABELS] * len(damaged)))
    assert all(shape.findings(np.stack(damaged)))
    assert shape.findings(corrected) == [[]] * len(damaged)


def test_an_empty_map_stays_empty() -> None:
    empty = np.zeros_like(LABELS)
    np.testing.assert_array_equal(shape_model().correct(np.stack([empty, LABELS]))[0], empty)


class Credulous(Template):
    """Believes every map."""

    def reconstruct(self, X: np.ndarray) -> np.ndarray:
        return np.full(X.shape, 0.25, np.float32)


def test_a_missing_structure_comes_from_the_nearest_training_map() -> None:
    maps = ring_maps(30)
    shape = ShapeModel(autoencoder=Credulous(LABELS)).fit(maps, names=NAMES, validation=maps)
    lacking = np.where(maps == 3, 0, maps)
    np.testing.assert_array_equal(shape.correct(lacking), maps)  # the nearest is the map itself
    moved = np.roll(lacking[0], 1, axis=1)
    completed = shape.correct(moved[None])[0]
    np.testing.assert_array_equal(completed[moved > 0], moved[moved > 0])
    assert 0.5 < (completed == 3).sum() / (maps[0] == 3).sum() < 1.5


def test_a_variational_autoencoder_learns_shapes() -> None:
    maps = ring_maps(80)
    network = {"kind": "convolutional", "channels": [8, 16], "output_activation": "softmax"}
    model = VariationalAutoencoder(
        network=network,
        loss="categorical_cross_entropy",
        code_size=6,
        scaling="none",
        epochs=30,
        batch_size=16,
        learning_rate=0.01,
        random_state=0,
    ).fit(one_hot(maps, 4))
    p = model.reconstruct(one_hot(maps[:5], 4))
    np.testing.assert_allclose(p.sum(1), 1, atol=1e-5)
    test = ring_maps(20, seed=1)
    shape = ShapeModel(autoencoder=model).fit(maps, names=NAMES, validation=test)
    random = np.random.default_rng(0)
    damaged = np.stack([DAMAGES["island"](random, one, shape.rules_) for one in test])
    assert np.median(shape.percentiles(damaged)) < np.median(shape.percentiles(test))
    corrected = shape.correct(damaged)
    assert (corrected != test).sum() < 0.5 * (damaged != test).sum()


def test_what_is_refused() -> None:
    with pytest.raises(DataError, match="no held-out label maps"):
        ShapeModel(autoencoder=Template(LABELS)).fit(MAPS, names=NAMES, validation=MAPS[:0])
    with pytest.raises(SettingError, match="trust"):
        ShapeModel(autoencoder=Template(LABELS), trust=2).fit(MAPS, names=NAMES, validation=MAPS)
