"""Features of one-layer autoencoders, and sums of a few of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from isthmus.core.errors import SettingError
from isthmus.inference.features import decoder_columns, largest_parts
from isthmus.networks import build_network


def network(tied: bool = False, **settings):
    spec = {"kind": "one_layer", "tied": tied, **settings}
    built = build_network(spec, (3, 4), 5, seed=2)
    with torch.no_grad():
        built.decoder[0].bias.uniform_(-1, 1)
    return built.eval()


@pytest.mark.parametrize("tied", [False, True])
def test_columns_are_those_of_the_decoder(tied) -> None:
    one = network(tied)
    layer = one.encoder[0] if tied else one.decoder[0]
    matrix = layer.weight.detach().numpy()
    expected = matrix if tied else matrix.T
    np.testing.assert_allclose(decoder_columns(one).reshape(5, 12), expected, atol=1e-6)


@pytest.mark.parametrize("output", ["none", "sigmoid"])
def test_all_parts_together_are_the_reconstruction(output) -> None:
    one = network(output_activation=output)
    codes = np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32)
    with torch.no_grad():
        whole = one.decode(torch.tensor(codes)).numpy()
    np.testing.assert_allclose(largest_parts(one, codes, 5).partial, whole, atol=1e-6)


def test_the_parts_that_add_most_come_first() -> None:
    one = network()
    codes = np.random.default_rng(1).normal(size=(20, 5)).astype(np.float32)
    parts = largest_parts(one, codes, 2)
    lengths = np.linalg.norm(decoder_columns(one).reshape(5, -1), axis=1)
    added = np.abs(codes) * lengths
    for code, size, units, coefficients, partial in zip(
        codes, added, parts.units, parts.coefficients, parts.partial, strict=True
    ):
        assert list(units) == list(np.argsort(-size)[:2])
        np.testing.assert_array_equal(coefficients, code[units])
        bias = one.decoder[0].bias.detach().numpy()
        total = bias + coefficients @ decoder_columns(one)[units].reshape(2, -1)
        np.testing.assert_allclose(partial.ravel(), total, atol=1e-5)


def test_more_layers_are_no_sum_of_features() -> None:
    deep = build_network({"kind": "dense", "hidden_sizes": [4]}, (6,), 3, seed=0)
    with pytest.raises(SettingError, match="one layer each way is a sum of features; use the netw"):
        decoder_columns(deep)
