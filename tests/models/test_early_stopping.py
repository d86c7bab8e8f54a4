"""Early stopping: the best weights, by samples that are not trained on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.base import clone

from isthmus import Autoencoder
from isthmus.core.errors import DataError
from support.models import Array


@pytest.mark.parametrize("given", [True, False])
def test_patience_takes_the_best_weights(table: Array, given: bool) -> None:
    """With a rate so high that the loss goes up and down, the last weights are not the best."""
    model = Autoencoder(epochs=40, patience=3, learning_rate=0.05, batch_size=32, random_state=1)
    train, held_out = table[:300], table[1400:]
    model.fit(train, validation=held_out if given else None)
    losses = [row["validation/total"] for row in model.history_]
    best = int(np.argmin(losses))
    assert len(losses) < 40
    assert len(losses) == best + 1 + 3
    if given:
        assert -model.score(held_out) == pytest.approx(losses[best], rel=1e-5)
        assert -model.score(held_out) < losses[-1]
    # A fit that ends at the best epoch has those weights.
    shorter = clone(model).set_params(epochs=best + 1, patience=40)
    shorter.fit(train, validation=held_out if given else None)
    np.testing.assert_array_equal(model.transform(table), shorter.transform(table))


def test_held_out_samples_are_not_trained_on(table: Array) -> None:
    samples = table[:200].copy()
    order = np.random.default_rng(0).permutation(200)
    held_out = order[:20]  # of validation_fraction 0.1 and seed 0
    changed = samples.copy()
    changed[held_out] = 1 - changed[held_out]
    settings: dict[str, Any] = {"epochs": 2, "patience": 5, "random_state": 0}
    plain = Autoencoder(**settings).fit(samples)
    other = Autoencoder(**settings).fit(changed)
    assert [row["train/total"] for row in plain.history_] == [
        row["train/total"] for row in other.history_
    ]
    assert plain.history_[0]["validation/total"] != other.history_[0]["validation/total"]


def test_too_few_samples_to_hold_out(table: Array) -> None:
    with pytest.raises(DataError, match=r"holds out 1 of 1 samples, which leaves none"):
        Autoencoder(patience=2).fit(table[:1])
