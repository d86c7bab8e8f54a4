"""The classifier of windows: at once for all pixels, it is what it is window by window."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view
from torch import Tensor, nn
from torch.nn import functional as F

from isthmus.core.errors import SettingError
from isthmus.networks import build_network
from isthmus.networks.windows import Windows, classify_window

CASES: list[tuple[Any, tuple[int, ...], tuple[int, int]]] = [
    (23, (3, 4), (13, 17)),
    (22, (4, 3), (15, 13)),
    (10, (3, 4), (11, 7)),
    (11, (3, 4), (7, 9)),
    ((9, 4), (3,), (5, 9)),
    ((6, 13), (2,), (9, 15)),
    (5, (), (7, 5)),
    (4, (), (5, 5)),
    (1, (), (3, 5)),
    (23, (3, 4), (5, 3)),  # smaller than half a window
]


def build(window: Any = 23, channels: tuple[int, ...] = (3, 4), **more: Any) -> Windows:
    spec = {"kind": "windows", "window": window, "channels": channels, **more}
    network = build_network(spec, (2, 9, 9), 5, seed=0, outputs=3)
    assert isinstance(network, Windows)
    for layer in network.modules():  # as if after a training
        if isinstance(layer, nn.BatchNorm2d):
            generator = torch.Generator().manual_seed(0)
            layer.running_mean.uniform_(-0.3, 0.3, generator=generator)
            layer.running_var.uniform_(0.5, 2, generator=generator)
    return network.eval()


def images(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1))


def windows_of(x: Tensor, window: tuple[int, int]) -> Tensor:
    """``(N, H, W, C, c, d)``, by NumPy."""
    rows, columns = window
    size = x.shape[2:]
    sides = [(rows // 2, (rows - 1) // 2), (columns // 2, (columns - 1) // 2)]
    padded = x.numpy()
    for axis, side in enumerate(sides):
        mode = "reflect" if max(side) < size[axis] else "edge"
        by_axis = [(0, 0)] * 4
        by_axis[2 + axis] = side
        padded = np.pad(padded, by_axis, mode=mode)
    views = sliding_window_view(padded, window, axis=(2, 3))
    return torch.from_numpy(np.ascontiguousarray(views.transpose(0, 2, 3, 1, 4, 5)))


@pytest.mark.parametrize("normalisation", ["none", "batch"])
@pytest.mark.parametrize(("window", "channels", "size"), CASES, ids=str)
@torch.inference_mode()
def test_at_once_is_window_by_window(
    window: Any, channels: tuple[int, ...], size: tuple[int, int], normalisation: str
) -> None:
    network, x = build(window, channels, normalisation=normalisation), images(2, 2, *size)
    windows = windows_of(x, network.window)
    assert torch.equal(network.windows(x), windows)
    assert windows.shape == (2, *size, 2, *network.window)
    centre = windows[..., network.window[0] // 2, network.window[1] // 2]
    assert torch.equal(centre, x.permute(0, 2, 3, 1))
    scores = classify_window(network, windows.flatten(0, 2)).view(2, *size, 3)
    torch.testing.assert_close(network(x), scores.permute(0, 3, 1, 2), rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_a_window_by_itself_written_out() -> None:
    """23 x 23: to 20 by 4 x 4, pooled to 10, to 8 by 3 x 3, pooled to 4, to 1 by 4 x 4."""
    network, windows = build(normalisation="none"), images(6, 2, 23, 23)
    first, second, third = (layer[0] for layer in network.encoder)
    y = F.max_pool2d(F.conv2d(windows, first.weight, first.bias).relu(), 2)
    assert y.shape == (6, 3, 10, 10)
    y = F.max_pool2d(F.conv2d(y, second.weight, second.bias).relu(), 2)
    assert y.shape == (6, 4, 4, 4)
    code = F.conv2d(y, third.weight, third.bias).relu()
    assert code.shape == (6, 5, 1, 1)
    torch.testing.assert_close(network.codes(windows, dense=False), code)
    torch.testing.assert_close(classify_window(network, windows), network.scores(code)[..., 0, 0])


@pytest.mark.parametrize(("window", "channels"), [(w, c) for w, c, _ in CASES if w != 1], ids=str)
def test_each_pixel_of_the_window_counts_and_no_other_does(
    window: Any, channels: tuple[int, ...]
) -> None:
    network = build(window, channels, normalisation="none").double()
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.uniform_(layer.weight, 0.1, 0.2)  # nothing is rectified away
    rows, columns = network.window
    seen = torch.zeros(2, 61, 61, dtype=torch.bool)
    for seed in range(12):  # poolings let one pixel of four pass
        x = torch.rand(1, 2, 61, 61, generator=torch.Generator().manual_seed(seed)).double()
        x.requires_grad_()
        network(x)[0, 0, 30, 30].backward()
        assert x.grad is not None
        seen |= x.grad[0] != 0
    expected = torch.zeros_like(seen)
    top, left = 30 - rows // 2, 30 - columns // 2
    expected[:, top : top + rows, left : left + columns] = True
    assert not (seen & ~expected).any()
    assert seen[expected].float().mean() > 0.7
    for edge in (seen[:, top], seen[:, top + rows - 1], seen[..., left]):
        assert edge.any()


def test_without_classes_it_restores_the_centre() -> None:
    network = build_network({"kind": "windows", "window": 5, "channels": ()}, (9, 9), 4, seed=0)
    x = images(2, 9, 9)
    assert network.code_shape == (4, 9, 9)
    assert torch.equal(network.decode(network.encode(x)), network(x))


@pytest.mark.parametrize(
    ("window", "channels", "least"), [(3, (2,), 4), (9, (2, 2), 10), ((12, 9), (2, 2), 10)]
)
def test_a_window_too_small_for_its_poolings(window: Any, channels: Any, least: int) -> None:
    with pytest.raises(SettingError, match=f"need {least} x {least}; enlarge window"):
        build(window, channels)
    assert build(least, channels).window == (least, least)
