"""What every network for images of any size keeps to, as an autoencoder and for label maps."""

from __future__ import annotations

import copy
from math import ceil
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from isthmus import Autoencoder
from isthmus.core.errors import DataError, SettingError
from isthmus.networks import NETWORKS, Network, build_network
from isthmus.networks._images import BatchNorm, ImageNetwork
from isthmus.objectives import LOSSES
from support.networks import SMALL

KINDS = [kind for kind in NETWORKS if NETWORKS[kind].any_size]
each = pytest.mark.parametrize("kind", KINDS)
sides = st.integers(1, 40)


def build(kind: str, shape: tuple[int, ...], outputs: int | None = None, **more: Any) -> Network:
    spec = {"kind": kind, **SMALL.get(kind, {}), **more}
    return build_network(spec, shape, 4, seed=0, outputs=outputs)


def images(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1))


@each
@settings(max_examples=12)
@given(sides, sides, st.integers(1, 4), st.none() | st.integers(1, 3))
def test_output_size_is_input_size(
    kind: str, height: int, width: int, channels: int, outputs: int | None
) -> None:
    network = build(kind, (channels, 8, 8), outputs).eval()
    assert isinstance(network, ImageNetwork)
    x = images(2, channels, height, width)
    with torch.inference_mode():
        code, logits = network.trace(x)
        assert logits.shape == (2, outputs or channels, height, width)
        assert code.shape == (2, 4, ceil(height / network.stride), ceil(width / network.stride))
        assert torch.isfinite(logits).all()
        assert torch.equal(network.encode(x), code)
        one = network.trace(x[1:])[1]
    torch.testing.assert_close(logits[1:], one, rtol=1e-4, atol=1e-5)


@each
def test_label_maps_have_an_axis_of_classes_also_of_flat_images(kind: str) -> None:
    x = images(2, 9, 10)
    flat = build(kind, (9, 10), 3, output_activation="softmax").eval()
    deep = build(kind, (1, 9, 10), 3).eval()
    assert flat(x).shape == (2, 3, 9, 10)
    torch.testing.assert_close(flat(x), deep(x.unsqueeze(1)).softmax(1))
    torch.testing.assert_close(flat(x).sum(1), torch.ones(2, 9, 10))


@each
def test_gradients_reach_every_parameter_from_label_maps(kind: str) -> None:
    network = build(kind, (2, 40, 33), 3)
    target = torch.randint(3, (4, 40, 33), generator=torch.Generator().manual_seed(0))
    loss = LOSSES.build({"kind": "categorical_cross_entropy", "per": "pixel"})
    loss(network.trace(images(4, 2, 40, 33))[1], target).mean().backward()
    assert [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []


def discs() -> tuple[Tensor, Tensor]:
    """Four noisy images ``(4, 1, 32, 32)`` of discs, and their label maps."""
    rows, columns = torch.meshgrid(torch.arange(32), torch.arange(32), indexing="ij")
    labels = torch.stack(
        [
            ((rows - row) ** 2 + (columns - column) ** 2 < radius**2).long()
            for row, column, radius in [(10, 12, 9), (20, 20, 11), (16, 8, 7), (24, 16, 12)]
        ]
    )
    noise = torch.randn(4, 1, 32, 32, generator=torch.Generator().manual_seed(2))
    return labels.unsqueeze(1) + 0.5 * noise, labels


@each
def test_it_learns_four_images_by_heart(kind: str) -> None:
    """As it answers after training; 0.72 is what the larger class everywhere would score."""
    more: dict[str, Any] = {"output_activation": "softmax"}
    if kind != "pyramid":  # which has none
        more["normalisation"] = "batch"
    if "width" in SMALL.get(kind, {}):
        more["width"] = 4
    x, labels = discs()
    network = build(kind, (1, 32, 32), 2, **more)
    loss = LOSSES.build({"kind": "categorical_cross_entropy", "per": "pixel"})
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(60):
        optimizer.zero_grad()
        loss(network.trace(x)[1], labels).mean().backward()
        optimizer.step()
    found = network.eval()(x).argmax(1)
    assert (found == labels).float().mean() > 0.93


@each
def test_it_is_trained_as_an_autoencoder(kind: str) -> None:
    """Also in batches of one image, whose deepest maps may be single values."""
    x = discs()[0].numpy()
    network = {"kind": kind, **SMALL.get(kind, {})}
    settings = {"code_size": 4, "batch_size": 3, "learning_rate": 0.01, "random_state": 0}
    model = Autoencoder(network=network, epochs=8, **settings).fit(x)
    losses = [row["train/reconstruction"] for row in model.history_]
    assert losses[-1] < 0.8 * losses[0]
    assert model.reconstruct(x).shape == x.shape


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")
@pytest.mark.filterwarnings("ignore:Constant folding")
@each
def test_it_runs_without_torch_on_images_of_any_size(kind: str, tmp_path: Path) -> None:
    """Exported to ONNX; the padding is within, also that of images smaller than the stride."""
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    network, path = build(kind, (2, 24, 24), 3).eval(), tmp_path / "network.onnx"
    names: Any = {"input_names": ["x"], "output_names": ["logits"]}
    axes = {name: {0: "batch", 2: "height", 3: "width"} for name in ("x", "logits")}
    given = (images(2, 2, 24, 24),)
    torch.onnx.export(network, given, path, dynamo=False, dynamic_axes=axes, **names)
    session = runtime.InferenceSession(path)
    stride = network.stride
    for size in [(24, 24), (1, 1), (3, 5), (stride, 2 * stride), (41, 2)]:
        x = images(3, 2, *size)
        (logits,) = session.run(None, {"x": x.numpy()})
        torch.testing.assert_close(torch.from_numpy(logits), network(x), rtol=1e-4, atol=1e-5)


@each
def test_vectors_and_codes_of_another_size_are_refused(kind: str) -> None:
    with pytest.raises(DataError, match=r"needs images.*\(7,\); use the network 'dense'"):
        build(kind, (7,))
    with pytest.raises(SettingError, match="or the number of maps alone"):
        build_network({"kind": kind, **SMALL.get(kind, {})}, (9, 9), (4, 77, 77), seed=0)


@pytest.mark.parametrize("kind", [kind for kind in NETWORKS if kind not in KINDS])
def test_networks_of_one_size_give_no_label_maps(kind: str) -> None:
    with pytest.raises(SettingError, match=r"gives samples, not label maps; choose from: .*segnet"):
        build(kind, (8, 8), 2)


def test_one_value_of_a_map_is_normalised_by_the_running_means() -> None:
    """A last batch of one image whose code is 1 x 1; torch alone would refuse it."""
    layer, x = BatchNorm(3), images(1, 3, 1, 1)
    before = copy.deepcopy(layer.state_dict())
    torch.testing.assert_close(layer(x), x / (1 + layer.eps) ** 0.5)
    assert all(torch.equal(value, before[name]) for name, value in layer.state_dict().items())
    assert layer(images(2, 3, 1, 1)).sum().abs() < 1e-5
    assert layer.num_batches_tracked == 1


@each
def test_reach_is_how_far_a_pixel_is_felt(kind: str) -> None:
    """What lies further away than `reach` changes nothing; something at that distance may."""
    network = build(kind, (1, 64, 64), 2).eval()
    reach, stride = network.reach, network.stride
    width = 2 * (ceil(reach / stride) + 2) * stride + stride
    x = images(1, 1, 2 * stride, width)
    changed = x.clone()
    middle = width // 2 // stride * stride
    changed[..., middle + reach + 1 :] += 5.0
    changed[..., : middle - reach] -= 5.0
    with torch.inference_mode():
        before, after = network.trace(x)[1], network.trace(changed)[1]
    torch.testing.assert_close(after[..., middle], before[..., middle], rtol=0, atol=0)
    nearer = x.clone()
    nearer[..., middle + stride :] += 5.0
    with torch.inference_mode():
        assert not torch.equal(network.trace(nearer)[1][..., middle], before[..., middle])
