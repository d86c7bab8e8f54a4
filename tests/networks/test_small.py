"""The small network: its size, and its separable convolutions."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from isthmus.networks import build_network, count_parameters


def images(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("classes", [2, 10])
def test_it_is_small(channels: int, classes: int) -> None:
    network = build_network("small", (channels, 64, 64), 128, outputs=classes)
    wide = {"kind": "unet", "channels": (16, 32, 64)}
    unet = build_network(wide, (channels, 64, 64), 128, outputs=classes)
    assert count_parameters(network) < 60_000
    assert count_parameters(network) < 0.13 * count_parameters(unet)


def test_written_out_with_full_convolutions() -> None:
    """A separable convolution is one whose kernels are products: of each map's and of the maps'."""
    spec = {"kind": "small", "channels": (4, 6), "normalisation": "none"}
    network: Any = build_network(spec, (2, 16, 24), 8, seed=0, outputs=3)
    x = images(2, 2, 16, 24)

    def block(layers: nn.Sequential, y: Tensor) -> Tensor:
        convolutions = [layer for layer in layers if isinstance(layer, nn.Conv2d)]
        while convolutions:
            first = convolutions.pop(0)
            weight, bias = first.weight, first.bias
            if first.groups > 1:
                mixing = convolutions.pop(0)
                weight, bias = mixing.weight * weight[:, 0], mixing.bias
            y = F.conv2d(y, weight, bias, padding=1).relu()
        return y

    def up(layers: nn.Sequential, y: Tensor) -> Tensor:
        return layers[0](y).repeat_interleave(2, -1).repeat_interleave(2, -2)

    first, second, deepest = network.encoder
    a = block(first, F.pixel_unshuffle(x, 2))
    b = block(second, F.max_pool2d(a, 2))
    code = block(deepest, F.max_pool2d(b, 2))
    b = block(network.decoder[1], up(network.ups[1], code) + b)
    a = block(network.decoder[0], up(network.ups[0], b) + a)
    torch.testing.assert_close(network.encode(x), code)
    torch.testing.assert_close(network(x), F.pixel_shuffle(network.last(a), 2))


def test_separable_layers_start_by_the_rule_of_their_group() -> None:
    network: Any = build_network({"kind": "small", "channels": (400,)}, (8, 8), 64, seed=0)
    alone, mixing = network.encoder[0][3:5]
    assert alone.groups == 400
    assert alone.weight.std().item() == pytest.approx((2 / 18) ** 0.5, rel=0.05)
    assert mixing.weight.std().item() == pytest.approx((2 / 400) ** 0.5, rel=0.05)
