"""Tiled class probabilities are those of the whole image, for every network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from isthmus.inference import segmentation
from isthmus.inference.segmentation import class_probabilities, resized, resized_labels
from isthmus.networks import NETWORKS, build_network
from support.networks import SMALL

CPU = torch.device("cpu")


@pytest.mark.parametrize("kind", [kind for kind in NETWORKS if NETWORKS[kind].any_size])
def test_tiles_are_as_if_whole(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = {"kind": kind, **SMALL.get(kind, {}), "output_activation": "softmax"}
    network = build_network(spec, (1, 32, 32), 4, seed=0, outputs=3).eval()
    size = (2 * network.stride + 3, 4 * (network.reach + network.stride) + 301)
    image = np.random.default_rng(0).random((1, *size), np.float32)
    whole = class_probabilities(network, image, CPU)
    monkeypatch.setattr(segmentation, "WHOLE", 1)
    monkeypatch.setattr(segmentation, "_TILE", 64)
    tiled = class_probabilities(network, image, CPU)
    assert tiled.shape == (3, *size)
    np.testing.assert_allclose(tiled, whole, atol=1e-5)


@given(stride=st.integers(1, 40), margins=st.integers(1, 5), length=st.integers(1, 300))
def test_tiles_cover_a_side_with_little_to_spare(stride: int, margins: int, length: int) -> None:
    """By no more tiles than the largest size needs, on the network's grid."""
    overlap, largest, side = 2 * margins * stride, 30 * stride, length * stride
    overlap = 0 if side <= largest else overlap
    tile = segmentation._fitting(side, largest, overlap, stride)
    assert tile % stride == 0
    assert tile <= min(largest, side)
    steps = [-(-(side - part) // (part - overlap)) for part in (tile, min(largest, side))]
    assert steps[0] == steps[1]
    if steps[0]:
        assert (tile - stride - overlap) * (steps[0] + 1) + overlap < side


def test_resizing() -> None:
    image = np.random.default_rng(0).random((2, 12, 8), np.float32)
    assert resized(image, (12, 8)) is image
    assert resized(image, (5, 7)).shape == (2, 5, 7)
    np.testing.assert_allclose(resized(image, (6, 4)).mean(), image.mean(), rtol=0.02)
    labels = np.repeat(np.arange(-1, 3), 6).reshape(4, 6)
    larger = resized_labels(labels, (8, 12))
    np.testing.assert_array_equal(larger, labels.repeat(2, 0).repeat(2, 1))
    assert larger.dtype == np.int16
    np.testing.assert_array_equal(resized_labels(larger, (4, 6)), labels)
