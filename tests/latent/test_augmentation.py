"""Codes between neighbours of one class."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.core.errors import DataError
from isthmus.latent.augmentation import codes_between


@given(st.integers(0, 100), st.integers(2, 12), st.integers(1, 30))
def test_new_codes_lie_between_two_of_their_class(seed, count, per_class):
    generator = np.random.default_rng(seed)
    labels = generator.permutation(np.repeat(["a", "b"], count))
    codes = generator.normal(size=(2 * count, 3)).astype(np.float32)
    new, classes = codes_between(codes, labels, per_class, seed=seed)
    assert new.shape == (2 * per_class, 3)
    assert classes.tolist() == ["a"] * per_class + ["b"] * per_class
    for code, label in zip(new, classes, strict=True):
        own = codes[labels == label]
        ways = own[None] - own[:, None]
        lengths = np.square(ways).sum(-1) + 1e-12
        t = np.clip(((code - own[:, None]) * ways).sum(-1) / lengths, 0, 1)
        off = np.linalg.norm(own[:, None] + t[..., None] * ways - code, axis=-1)
        assert off.min() < 1e-4


def test_only_near_codes_are_mixed():
    codes = np.concatenate([np.zeros((6, 2)), np.full((6, 2), 100)])
    new, _ = codes_between(codes, np.zeros(12), 200, neighbours=5)
    assert set(np.unique(new)) == {0, 100}


def test_a_class_of_one_is_refused():
    with pytest.raises(DataError, match="The class '3' has a single sample"):
        codes_between(np.zeros((3, 2)), np.array([1, 1, 3]), 5)
