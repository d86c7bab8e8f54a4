"""The network whose one encoder looks at all scales."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from isthmus.core.errors import SettingError
from isthmus.networks import build_network, initialise
from isthmus.networks.pyramid import Pyramid, halved, pooled

SPEC = {"kind": "pyramid", "channels": (3, 4), "scales": 3, "hidden": 6}


@pytest.fixture
def network() -> Pyramid:
    built = build_network(SPEC, (2, 64, 64), 5, seed=0, outputs=3)
    assert isinstance(built, Pyramid)
    return built.eval()


@pytest.fixture
def x() -> torch.Tensor:
    return torch.rand(2, 2, 64, 64, generator=torch.Generator().manual_seed(0))


def test_halved_is_every_other_pixel_of_a_blurred_image(x: torch.Tensor) -> None:
    image = np.pad(x[0, 0].double().numpy(), 1, mode="reflect")
    for axis in (0, 1):
        image = np.apply_along_axis(np.convolve, axis, image, np.array([1, 3, 3, 1]) / 8, "valid")
    np.testing.assert_allclose(halved(x.double())[0, 0].numpy(), image[::2, ::2])
    flat = torch.full((1, 1, 6, 4), 0.7)
    torch.testing.assert_close(halved(flat), torch.full((1, 1, 3, 2), 0.7))


def test_the_same_encoder_looks_at_all_scales(network: Pyramid, x: torch.Tensor) -> None:
    code, kept = network.down(x)
    maps = [*kept, code]
    assert [tuple(one.shape[1:]) for one in maps] == [
        *((3, 32, 32), (4, 16, 16), (5, 8, 8)),
        *((3, 16, 16), (4, 8, 8), (5, 4, 4)),
        *((3, 8, 8), (4, 4, 4), (5, 2, 2)),
    ]
    again, others = network.down(halved(x))
    for one, other in zip(maps[3:6], others[:3], strict=True):
        torch.testing.assert_close(one, other)
    assert again.shape[1] == 5


def test_stages_one_after_another_are_the_encoder(network: Pyramid, x: torch.Tensor) -> None:
    _, kept = network.down(x)
    maps, stages = x, network.stages()
    for stage, expected in zip(stages, kept, strict=False):
        initialise(stage.back, torch.Generator().manual_seed(0))
        code, logits = stage.trace(maps)
        assert logits.shape == maps.shape
        assert code.shape[1:] == (stage.code_shape[0], *maps.shape[2:])
        maps = pooled(stage.encode(maps))
        torch.testing.assert_close(maps, expected)
    own = {id(weight) for weight in network.encoder.parameters()}
    shared = {id(weight) for stage in stages for weight in stage.encoder.parameters()}
    assert own == shared


def test_scores_are_those_of_all_maps_side_by_side(network: Pyramid, x: torch.Tensor) -> None:
    code, kept = network.down(x)
    maps = [F.interpolate(one, (32, 32), mode="bilinear") for one in [*kept, code]]
    weight = torch.cat([mix.weight for mix in network.mix], 1)
    bias = torch.stack([mix.bias for mix in network.mix]).sum(0)
    hidden = F.conv2d(torch.cat(maps, 1), weight, bias).relu()
    scores = F.interpolate(network.scores[1](hidden), (64, 64), mode="bilinear")
    torch.testing.assert_close(network.trace(x)[1], scores, rtol=1e-4, atol=1e-5)


def test_an_even_kernel_is_refused() -> None:
    with pytest.raises(SettingError, match="kernel = 4 has no centre"):
        build_network({**SPEC, "kernel": 4}, (32, 32), 5)
