"""VGG16's blocks, their weights from a file, and the networks on them: FCN, SegNet, DeepSmoke."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from isthmus.core.errors import ModelFileError, SettingError
from isthmus.networks import Network, build_network, count_parameters, load_vgg16
from isthmus.networks.coarse import Coarse
from isthmus.networks.fcn import FCN
from isthmus.networks.fine import Fine
from isthmus.networks.segnet import SegNet, unpool
from isthmus.networks.two_path import TwoPath

VGG = ["fcn", "segnet", "coarse", "fine", "two_path"]
each = pytest.mark.parametrize("kind", VGG)


def build(kind: str, code_size: int = 8, outputs: int | None = None, **more: Any) -> Any:
    spec = {"kind": kind, "width": 2, **more}
    return build_network(spec, (3, 32, 32), code_size, seed=0, outputs=outputs).eval()


def images(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1))


class Operations(TorchDispatchMode):
    """Counts what torch carries out."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None):
        self.counts[function.overloadpacket.__name__] += 1
        return function(*args, **kwargs or {})


def layers(function: Any, *given: Any) -> tuple[int, int, int]:
    """Convolutions, poolings and up-samplings of a call."""
    with Operations() as seen, torch.no_grad():
        function(*given)
    counts = seen.counts
    return (
        counts["convolution"],
        counts["max_pool2d_with_indices"],
        counts["upsample_nearest2d"],
    )


# -- layer counts -----------------------------------------------------------------------------


def test_deepsmoke_has_the_layers_that_the_notes_count() -> None:
    """13 convolutions, 4 poolings; 9, 4 up-samplings; 7, 2 (`001-deepsmoke-layer-counts`)."""
    coarse, fine = build("coarse"), build("fine")
    x = images(1, 3, 32, 32)
    assert layers(coarse.encode, x) == (13, 4, 0)
    assert layers(coarse.up, *coarse.down(x)) == (9, 0, 4)
    assert layers(fine.encode, x) == (7, 2, 0)
    assert layers(fine.up, *fine.down(x)) == (7, 0, 2)
    assert layers(build("two_path"), x) == (13 + 9 + 7 + 7 + 2, 4 + 2, 4 + 2)


def test_segnet_is_the_same_both_ways() -> None:
    network = build("segnet")
    x = images(1, 3, 32, 32)
    assert layers(network.encode, x) == (13, 5, 0)
    assert layers(network.up, *network.down(x)) == (13, 0, 0)
    convolutions = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d)]
    down = [(c.in_channels, c.out_channels) for c in convolutions[:13]]
    up = [(c.out_channels, c.in_channels) for c in convolutions[13:]]
    assert up == down[::-1]


@each
def test_vgg16_has_its_own_number_of_weights(kind: str) -> None:
    """14 714 688, those of VGG16 without its dense layers, and of its first three blocks."""
    code_size = 256 if kind == "fine" else 512
    spec = {"kind": kind, "width": 64, "normalisation": "none"}
    network = build_network(spec, (3, 32, 32), code_size)
    paths = {"two_path": ["coarse", "fine"]}.get(kind)
    encoders = [getattr(network, path).encoder for path in paths] if paths else [network.encoder]
    counts = {Fine: [1_735_488], TwoPath: [14_714_688, 1_735_488]}
    found = [count_parameters(encoder) for encoder in encoders]
    assert found == counts.get(type(network), [14_714_688])


# -- weights of VGG16 -------------------------------------------------------------------------

# As torchvision's vgg16 writes them: its `features` counted with activations and poolings.
PLACES = [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28]


def weights(width: int = 2, channels: int = 3) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(3)
    widths = [channels, *(width * f for f in (1, 1, 2, 2, 4, 4, 4, 8, 8, 8, 8, 8, 8))]
    tensors = {"classifier.0.weight": torch.zeros(3, 3)}
    for place, inputs, outputs in zip(PLACES, widths[:-1], widths[1:], strict=True):
        scale = math.sqrt(2 / inputs / 9)
        shape = (outputs, inputs, 3, 3)
        tensors[f"features.{place}.weight"] = scale * torch.randn(shape, generator=generator)
        tensors[f"features.{place}.bias"] = 0.1 * torch.randn(outputs, generator=generator)
    return tensors


def vgg16(tensors: dict[str, Tensor], x: Tensor, until: int) -> Tensor:
    """Features 0 to `until` of torchvision's VGG16, written out."""
    for place in range(until + 1):
        if place in PLACES:
            names = f"features.{place}.weight", f"features.{place}.bias"
            x = F.conv2d(x, *(tensors[name] for name in names), padding=1)
        elif place - 1 in PLACES:
            x = F.relu(x)
        else:
            x = F.max_pool2d(x, 2)
    return x


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@each
def test_weights_of_vgg16_are_read_from_a_file(kind: str, suffix: str, tmp_path: Path) -> None:
    tensors, path = weights(), tmp_path / f"vgg16{suffix}"
    if suffix == ".pth":
        torch.save(tensors, path)
    else:
        save_file(tensors, path)
    network = build(kind, 8 if kind == "fine" else 16, normalisation="none")
    load_vgg16(network, path)
    x = images(2, 3, 32, 64)
    until = {"segnet": 30, "fine": 15, "fcn": 30}.get(kind, 29)
    if kind == "fcn":
        found = F.max_pool2d(network.encoder[4](network.down(x)[1][0]), 2)
    elif kind == "two_path":
        torch.testing.assert_close(network.fine.encode(x), vgg16(tensors, x, 15))
        found = network.encode(x)
    else:
        found = network.encode(x)
    torch.testing.assert_close(found, vgg16(tensors, x, until))


def test_a_file_that_does_not_fit_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    network = build("coarse", 16, normalisation="none")
    before = {name: weight.clone() for name, weight in network.state_dict().items()}
    wrong = {
        "too wide": (weights(width=4), r"'features.0.weight' is \[4, 3, 3, 3\] where \[2, 3, 3, 3"),
        "grey": (weights(channels=1), r"'features.0.weight' is \[2, 1, 3, 3\] where \[2, 3"),
        "short": (weights(), r"'features.28.bias' is missing where \[16\] belongs"),
        "strange": (weights(), r"'features.5.bias' is missing where"),
    }
    del wrong["short"][0]["features.28.bias"]
    wrong["strange"][0]["features.5.bias"] = [1.0] * 4  # type: ignore[assignment]
    for name, (tensors, words) in wrong.items():
        path = tmp_path / f"{name}.pth"
        torch.save(tensors, path)
        with pytest.raises(ModelFileError, match=words) as caught:
            load_vgg16(network, path)
        assert str(caught.value).startswith(f"{path} does not fit the network: ")
    assert all(torch.equal(weight, before[n]) for n, weight in network.state_dict().items())


class Harm:
    def __reduce__(self) -> Any:
        return Path.touch, (Path("harm"),)


def test_a_file_that_is_no_table_of_weights_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"features.0.weight": Harm()}, "harmful.pth")
    torch.save([torch.zeros(2)], "list.pth")
    Path("text.pth").write_text("no weights")
    Path("text.safetensors").write_text("no weights")
    network = build("fine", normalisation="none")
    for name in ("harmful.pth", "text.pth", "text.safetensors", "absent.pth", "list.pth"):
        with pytest.raises(
            ModelFileError, match=r"cannot be read as weights|holds no table"
        ) as caught:
            load_vgg16(network, name)
        assert "\n" not in str(caught.value)
    assert not Path("harm").exists()


@pytest.mark.parametrize("spec", [{"kind": "unet"}, {"kind": "coarse", "width": 2}], ids=str)
def test_a_network_without_these_layers_is_refused(spec: Any, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="normalisation = 'none'"):
        load_vgg16(build_network(spec, (3, 8, 8), 4, seed=0), tmp_path / "none.pth")


# -- SegNet -----------------------------------------------------------------------------------


def test_unpooling_is_that_of_torch() -> None:
    maps, places = F.max_pool2d(images(2, 3, 8, 12), 2, return_indices=True)
    assert torch.equal(unpool(maps, places), F.max_unpool2d(maps, places, 2))


def test_segnet_written_out() -> None:
    network, x = build("segnet"), images(2, 3, 64, 32)
    assert isinstance(network, SegNet)
    code, places = network.encode(x), []
    y = x
    for block in network.encoder:
        y, where = F.max_pool2d(block(y), 2, return_indices=True)
        places.append(where)
    torch.testing.assert_close(code, y)
    for level in network.decoder:
        y = level(F.max_unpool2d(y, places.pop(), 2))
    torch.testing.assert_close(network(x), y)


# -- FCN --------------------------------------------------------------------------------------


@pytest.mark.parametrize("stride", [8, 16, 32])
def test_fcn_written_out(stride: int) -> None:
    """By the sum of scores at each size, enlarged bilinearly as SciPy does it."""
    network, x = build("fcn", outputs=3, stride=stride), images(1, 3, 96, 64)
    assert isinstance(network, FCN)
    maps = [x]
    for block in network.encoder:
        maps.append(F.max_pool2d(block(maps[-1]), 2))
    total = network.scores[0](network.head(maps[5]))
    if stride <= 16:
        total = enlarged(total, 2) + network.scores[1](maps[4])
    if stride == 8:
        total = enlarged(total, 2) + network.scores[2](maps[3])
    logits = network(x)
    inner = slice(stride, -stride)
    expected = enlarged(total, stride)
    torch.testing.assert_close(logits[..., inner, inner], expected[..., inner, inner])
    assert len(network.scores) == {8: 3, 16: 2, 32: 1}[stride]


def enlarged(maps: Tensor, factor: int) -> Tensor:
    """Bilinear interpolation, 0 beyond the borders."""
    result = [
        ndimage.zoom(np.pad(one, 1), factor, order=1, grid_mode=True, mode="grid-constant")[
            factor:-factor, factor:-factor
        ]
        for one in maps[0].detach().double().numpy()
    ]
    return torch.tensor(np.stack(result), dtype=torch.float32)[None]


def test_fcn_up_sampling_learns() -> None:
    network = build("fcn", outputs=3).train()
    network(images(2, 3, 64, 64)).square().sum().backward()
    for layer in (*network.doubles, network.last):
        assert layer.weight.grad is not None
        assert layer.weight.grad.flatten(2).any(2).all()  # between all pairs of maps


def test_fcn_32s_decodes_a_code_alone() -> None:
    network, x = build("fcn", stride=32), images(2, 3, 32, 32)
    torch.testing.assert_close(network.decode(network.encode(x)), network(x))


# -- DeepSmoke --------------------------------------------------------------------------------


def test_the_coarse_path_has_skips_and_the_fine_one_has_none() -> None:
    coarse, fine = build("coarse"), build("fine")
    assert isinstance(coarse, Coarse)
    x = images(1, 3, 32, 32)
    code, maps = coarse.down(x)
    y = coarse.up(code, maps)
    for number in range(4):
        changed = [m + (place == number) for place, m in enumerate(maps)]
        assert not torch.allclose(coarse.up(code, changed), y)
    torch.testing.assert_close(fine.decode(fine.encode(x)), fine(x))


def test_two_path_is_a_function_of_the_sum_of_its_paths() -> None:
    network, x = build("two_path", outputs=2), images(1, 3, 32, 48)
    paths: list[Network] = [network.coarse, network.fine]
    torch.testing.assert_close(network(x), network.fusion(sum(path(x) for path in paths)))
    assert count_parameters(network.fusion) < 0.01 * count_parameters(network)


def test_rectified_layers_start_by_hes_rule_also_before_a_normalisation() -> None:
    network = build_network({"kind": "fine", "width": 32}, (3, 8, 8), 128, seed=0)
    for layer in network.encoder[2][::3]:
        assert layer.weight.std().item() == pytest.approx(
            math.sqrt(2 / (9 * layer.in_channels)), rel=0.03
        )
