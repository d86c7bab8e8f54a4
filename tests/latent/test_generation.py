"""New samples of models that are variational and of those that are not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from isthmus import Autoencoder, VariationalAutoencoder
from isthmus.core.errors import DataError
from isthmus.latent.generation import draw_codes, nearest_distances


def test_codes_of_a_variational_model_are_of_the_prior(digits):
    model = VariationalAutoencoder(code_size=3, epochs=0, random_state=0).fit(digits[:30])
    drawn = draw_codes(model, 20_000, seed=1)
    np.testing.assert_allclose(drawn.mean(0), 0, atol=0.03)
    np.testing.assert_allclose(np.cov(drawn.T), np.eye(3), atol=0.03)
    np.testing.assert_array_equal(drawn, draw_codes(model, 20_000, seed=1))
    np.testing.assert_array_equal(
        model.sample(5, random_state=1), model.inverse_transform(drawn[:5])
    )


def test_a_mixture_may_be_asked_for_in_place_of_the_prior(digits):
    model = VariationalAutoencoder(code_size=2, epochs=0, random_state=0).fit(digits[:30])
    codes = np.random.default_rng(0).normal(5, 0.1, (400, 2))
    drawn = draw_codes(model, 300, codes=codes, components=2)
    np.testing.assert_allclose(drawn.mean(0), 5, atol=0.1)


def test_other_codes_are_drawn_where_codes_lie():
    generator = np.random.default_rng(0)
    centres = np.array([[0, 0], [20, 0], [0, 20]])
    codes = centres[generator.integers(3, size=900)] + generator.normal(size=(900, 2))
    drawn = draw_codes(None, 600, codes=codes, components=3)
    near = cdist(drawn, centres)
    assert near.min(1).max() < 6
    shares = np.bincount(near.argmin(1), minlength=3) / 600
    np.testing.assert_allclose(shares, 1 / 3, atol=0.07)
    assert len(set(near.argmin(1)[:20])) > 1  # in no order


def test_draws_of_an_autoencoder_decode_to_samples_like_the_data(digits):
    network = {"kind": "dense", "hidden_sizes": [32], "output_activation": "sigmoid"}
    model = Autoencoder(code_size=8, network=network, epochs=40, learning_rate=1e-2, random_state=0)
    codes = model.fit(digits[:1000]).transform(digits[:1000])
    distances = [
        np.median(nearest_distances(model.inverse_transform(drawn), digits[:1000]))
        for drawn in (
            draw_codes(model, 200, codes=codes),
            np.random.default_rng(0).normal(0, 3 * codes.std(), codes[:200].shape),
        )
    ]
    assert distances[0] < 0.7 * distances[1]


def test_distances_are_to_the_nearest(digits):
    found = nearest_distances(digits[:20] + 0.01, digits[10:50])
    expected = cdist((digits[:20] + 0.01).reshape(20, -1), digits[10:50].reshape(40, -1)).min(1)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize(("codes", "there"), [(None, "none"), (np.zeros((3, 2)), "3")])
def test_too_few_codes_are_refused(codes, there):
    with pytest.raises(DataError, match=f"there are {there}; give more data or fewer components"):
        draw_codes(None, 5, codes=codes)
