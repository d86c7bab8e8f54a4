"""The U-Net: any size, its skips, its residual, its shuffle."""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from isthmus import Autoencoder
from isthmus.core.errors import SettingError
from isthmus.networks import Network, build_network, count_parameters
from isthmus.networks.unet import UNet

SKIPS = ["concatenate", "add", "none"]
UPS = ["transposed", "nearest", "bilinear"]
DOWNS = ["pool", "stride"]


def unet(shape: tuple[int, ...] = (1, 8, 8), code_size: Any = 5, **settings: Any) -> UNet:
    spec = {"kind": "unet", "channels": (3, 4), "convolutions": 1, **settings}
    network: Network = build_network(spec, shape, code_size, seed=0)
    assert isinstance(network, UNet)
    return network.eval()


def images(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1))


sides = st.integers(1, 40)


@given(
    sides,
    sides,
    st.integers(1, 3),
    st.sampled_from(SKIPS),
    st.sampled_from(UPS),
    st.sampled_from(DOWNS),
    st.integers(0, 3),
    st.booleans(),
)
def test_any_size_comes_back(
    height: int,
    width: int,
    shuffle: int,
    skips: str,
    up: str,
    down: str,
    levels: int,
    residual: bool,
) -> None:
    network = unet(
        channels=(2,) * levels, shuffle=shuffle, skips=skips, up=up, down=down, residual=residual
    )
    x = images(2, 1, height, width)
    with torch.inference_mode():
        code, logits = network.trace(x)
        stride = shuffle * 2**levels
        assert code.shape == (2, 5, ceil(height / stride), ceil(width / stride))
        assert torch.equal(network.encode(x), code)
        assert logits.shape == x.shape
        assert torch.isfinite(logits).all()


@given(sides, sides, st.sampled_from([1, 3]), st.integers(0, 2))
@example(height=2, width=2, shuffle=3, levels=0)  # reflections go as far as one less than a side
@example(height=6, width=6, shuffle=3, levels=2)  # and no farther
def test_the_padding_is_a_reflection_at_the_bottom_and_the_right(
    height: int, width: int, shuffle: int, levels: int
) -> None:
    network, x = unet(channels=(3,) * levels, shuffle=shuffle), images(1, 1, height, width)
    padded = x.numpy()
    for axis, size in ((2, height), (3, width)):
        missing = -size % (2**levels * shuffle)
        sides: list[tuple[int, int]] = [(0, 0)] * 4
        sides[axis] = (0, missing)
        padded = np.pad(padded, sides, mode="reflect" if missing < size else "edge")
    with torch.inference_mode():
        whole = network(torch.from_numpy(padded))
        torch.testing.assert_close(network(x), whole[..., :height, :width])


def test_images_without_an_axis_of_channels() -> None:
    flat, deep = unet((9, 10)), unet((1, 9, 10))
    x = images(3, 9, 10)
    assert flat.code_shape == deep.code_shape == (5, 3, 3)
    assert torch.equal(flat.encode(x), deep.encode(x.unsqueeze(1)))
    assert torch.equal(flat(x), deep(x.unsqueeze(1)).squeeze(1))


def test_a_single_image_row_is_no_axis_to_lose() -> None:
    assert unet((1, 7))(images(2, 1, 7)).shape == (2, 1, 7)
    assert unet((1, 7))(images(1, 1, 1)).shape == (1, 1, 1)


@pytest.mark.parametrize("down", DOWNS)
@pytest.mark.parametrize("up", UPS)
@pytest.mark.parametrize("skips", SKIPS)
def test_against_the_formula_written_out(skips: str, up: str, down: str) -> None:
    network, x = unet((2, 8, 12), skips=skips, up=up, down=down), images(2, 2, 8, 12)
    first, second, deepest = network.encoder

    def double(number: int, y: Tensor) -> Tensor:
        if up == "transposed":
            return network.ups[number](y)
        smooth = None if up == "nearest" else False
        enlarged = F.interpolate(y, scale_factor=2, mode=up, align_corners=smooth)
        return network.ups[number][0](enlarged)  # in the other order

    def halve(number: int, y: Tensor) -> Tensor:
        if down == "pool":
            return y.unflatten(-1, (-1, 2)).amax(-1).unflatten(-2, (-1, 2)).amax(-2)
        weight, bias = network.downs[number].parameters()
        pieces = y.unflatten(-1, (-1, 2)).unflatten(-3, (-1, 2))
        return torch.einsum("nchawb,ocab->nohw", pieces, weight) + bias[:, None, None]

    def join(own: Tensor, below: Tensor) -> Tensor:
        return {"concatenate": torch.cat([own, below], 1), "add": own + below, "none": below}[skips]

    a = first(x)
    b = second(halve(0, a))
    code = deepest(halve(1, b))
    b_up = network.decoder[1](join(b, double(1, code)))
    a_up = network.decoder[0](join(a, double(0, b_up)))
    found, logits = network.trace(x)
    torch.testing.assert_close(found, code)
    torch.testing.assert_close(logits, network.last(a_up))


def test_the_layers_are_those_of_the_settings() -> None:
    network = unet((3, 8, 8), 7, channels=(4, 6), convolutions=3, activation="silu", shuffle=2)
    assert [[c.out_channels for c in level[::2]] for level in network.encoder] == [
        [4] * 3,
        [6] * 3,
        [7] * 3,
    ]
    assert [[c.in_channels for c in level[::2]] for level in network.decoder] == [
        [8, 4, 4],
        [12, 6, 6],
    ]
    assert network.encoder[0][0].in_channels == network.last.out_channels == 12
    kinds = {type(m).__name__ for m in network.modules() if not list(m.children())} - {"ModuleList"}
    assert kinds == {"Conv2d", "ConvTranspose2d", "MaxPool2d", "Silu"}  # no normalisation
    for level in (*network.encoder, *network.decoder):
        assert [type(m) for m in level] == [nn.Conv2d, type(network.code_activation)] * 3
        assert all(c.kernel_size == (3, 3) for c in level[::2])


def test_skips_by_addition_have_fewer_weights_and_none_as_many() -> None:
    concatenate, add, none = (count_parameters(unet(skips=skips)) for skips in SKIPS)
    assert concatenate > add == none


@pytest.mark.parametrize("skips", SKIPS[:2])
def test_details_pass_by_the_code(skips: str) -> None:
    """A change that the code does not see, as max pooling drops it, reaches the output."""
    network = unet(skips=skips)
    x = images(1, 1, 8, 8)
    with torch.no_grad():
        for parameter in network.encoder[-1].parameters():
            parameter.zero_()
    other = x.flip(-1)
    assert torch.equal(network.encode(x), network.encode(other))
    assert not torch.allclose(network(x), network(other))


def test_without_skips_nothing_passes_by_the_code() -> None:
    network = unet(skips="none")
    with torch.no_grad():
        for parameter in network.encoder[-1].parameters():
            parameter.zero_()
    assert torch.equal(network(images(1, 1, 8, 8)), network(torch.zeros(1, 1, 8, 8)))


@pytest.mark.parametrize("shape", [(1, 8, 8), (7, 10), (3, 5, 1)], ids=str)
def test_without_skips_a_code_decodes_to_what_trace_gives(shape: tuple[int, ...]) -> None:
    network, x = unet(shape, skips="none", shuffle=2), images(2, *shape)
    code, logits = network.trace(x)
    assert torch.equal(network.logits(code), logits)
    # Codes of images of another size: that of their maps.
    assert network.logits(images(2, 5, 3, 4)).shape[-2:] == (3 * 8, 4 * 8)


@pytest.mark.parametrize("settings", [{}, {"skips": "add"}, {"skips": "none", "residual": True}])
def test_a_code_that_is_not_all_is_not_decoded(settings: dict[str, Any]) -> None:
    network = unet(**settings)
    for decode in (network.logits, network.decode):
        with pytest.raises(SettingError, match=r"skips = 'none' and residual = false"):
            decode(images(1, *network.code_shape))


@pytest.mark.parametrize("shape", [(6, 7), (3, 9, 8)], ids=str)
def test_a_residual_network_adds_to_its_input_and_begins_with_nothing(
    shape: tuple[int, ...],
) -> None:
    network, plain = unet(shape, residual=True, shuffle=2), unet(shape, shuffle=2)
    x = images(2, *shape)
    assert torch.equal(network(x), x)
    network.load_state_dict(plain.state_dict())
    assert not torch.allclose(network(x), x)
    torch.testing.assert_close(network(x), x + plain(x))


@pytest.mark.parametrize("output_activation", ["sigmoid", "relu", "softmax"])
def test_a_residual_has_no_output_activation(output_activation: Any) -> None:
    with pytest.raises(SettingError, match="residual = true"):
        unet(residual=True, output_activation=output_activation)


def test_shuffling_moves_pixels_into_channels_and_back() -> None:
    """With the identity as its network, nothing else."""
    network = unet((2, 8, 8), 8, channels=(), shuffle=2, skips="none", activation="none")
    with torch.no_grad():
        for layer in (network.encoder[0][0], network.last):
            nn.init.dirac_(layer.weight)
    x = images(3, 2, 8, 8)
    torch.testing.assert_close(network(x), x)
    expected = x.reshape(3, 2, 4, 2, 4, 2).permute(0, 1, 3, 5, 2, 4).reshape(3, 8, 4, 4)
    torch.testing.assert_close(network.encode(x), expected)


def test_a_code_size_in_full() -> None:
    assert unet((9, 16), (6, 3, 4)).code_shape == (6, 3, 4) == unet((9, 16), 6).code_shape


@pytest.mark.parametrize("code_size", [(6, 2, 4), (6, 3, 3), (6, 3), (6, 3, 4, 1)], ids=str)
def test_a_code_size_that_does_not_fit_is_refused_with_the_right_one(code_size: Any) -> None:
    with pytest.raises(SettingError, match=r"9 x 16 pixels to 3 x 4, so give \(maps, 3, 4\)"):
        unet((9, 16), code_size)


def test_initial_weights_keep_the_variance_by_what_follows() -> None:
    network = unet((3, 8, 8), 200, channels=(100, 100), convolutions=2)
    for layer in (network.encoder[1][2], network.decoder[0][0]):
        assert layer.weight.std().item() == pytest.approx(
            (2 / (layer.in_channels * 9)) ** 0.5, 0.05
        )
    up = network.ups[0]
    assert up.weight.std().item() == pytest.approx((2 / (100 + 100 * 4)) ** 0.5, 0.05)
    assert network.last.weight.std().item() == pytest.approx((2 / (100 + 3)) ** 0.5, 0.15)


def test_it_learns_to_denoise(digits: Any) -> None:
    """Better than doing nothing and than the mean image, on images that it has not seen."""
    spec = {"kind": "unet", "channels": (16,), "residual": True}
    model = Autoencoder(
        code_size=32,
        network=spec,
        corruption={"kind": "gaussian", "sigma": 0.3, "clip": False},
        epochs=5,
        batch_size=50,
        learning_rate=3e-3,
        random_state=0,
    ).fit(digits[:1000])
    clean = digits[1000:1200]
    noisy = clean + np.random.default_rng(0).normal(0, 0.3, clean.shape).astype(np.float32)
    error = np.square(model.reconstruct(noisy) - clean).mean()
    assert error < 0.4 * np.square(noisy - clean).mean()
    assert error < 0.5 * np.square(digits[:1000].mean(0) - clean).mean()
    with pytest.raises(SettingError, match="skips"):
        model.inverse_transform(model.transform(noisy))
