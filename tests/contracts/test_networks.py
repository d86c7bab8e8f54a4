"""What every network keeps to, whatever its kind, settings and shape of samples."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from torch.nn import functional as F

from isthmus.core.errors import DataError, SettingError
from isthmus.networks import NETWORKS, Network, build_network, count_parameters
from support.networks import SMALL

SHAPES = [(7,), (5, 9), (1, 8, 8), (3, 11, 6)]
VARIANTS: list[dict[str, Any]] = [
    {"kind": "dense", "hidden_sizes": ()},
    {"kind": "dense", "tied": True, "activation": "tanh"},
    {"kind": "linear", "tied": True},
    {"kind": "convolutional", "down": "pool", "up": "nearest", "channels": (6,)},
    {"kind": "convolutional", "up": "bilinear", "activation": "elu"},
    {"kind": "convolutional", "up": "bicubic", "channels": (4, 5, 6)},
    {"kind": "unet", "skips": "none", "channels": (4, 6), "up": "bilinear", "activation": "elu"},
    {"kind": "unet", "skips": "add", "channels": (8,), "convolutions": 1, "up": "nearest"},
    {"kind": "unet", "skips": "add", "channels": (4, 6), "down": "stride"},
    {"kind": "unet", "residual": True, "channels": (6, 8), "shuffle": 2},
    {"kind": "unet", "skips": "none", "channels": (), "shuffle": 3},
    {"kind": "unet", "normalisation": "batch", "channels": (4, 6)},
    {"kind": "fcn", "width": 3, "stride": 32, "normalisation": "none"},
    {"kind": "windows", "window": (4, 5), "channels": (), "normalisation": "none"},
    {"kind": "small", "normalisation": "none", "channels": (8,)},
]
STRIDES = {
    "fcn": 32,
    "segnet": 32,
    "coarse": 16,
    "fine": 4,
    "two_path": 16,
    "windows": 1,
    "pyramid": 8,
}


@dataclass(frozen=True)
class Case:
    """A spec, a shape of samples and a size of codes that go together."""

    spec: dict[str, Any]
    shape: tuple[int, ...]
    code_size: int | tuple[int, ...] = 3

    def build(self, seed: int = 0, **settings: Any) -> Network:
        """The network; layers that start by a rule of their own are stirred."""
        network = build_network({**self.spec, **settings}, self.shape, self.code_size, seed)
        for module in network.modules():
            if hasattr(module, "start"):
                generator = torch.Generator().manual_seed(seed)
                torch.nn.init.normal_(module.weight, std=0.3, generator=generator)
        return network

    def samples(self, count: int = 4) -> torch.Tensor:
        return torch.rand(count, *self.shape, generator=torch.Generator().manual_seed(1))

    @property
    def code_shape(self) -> tuple[int, ...]:
        if not isinstance(self.code_size, int):
            return self.code_size
        if not NETWORKS[self.spec["kind"]].any_size:
            return (self.code_size,)
        halvings = len(self.spec.get("channels", (32, 64)))
        shuffle = 2 if self.spec["kind"] == "small" else self.spec.get("shuffle", 1)
        stride = STRIDES.get(self.spec["kind"], shuffle * 2**halvings)
        return (self.code_size, *(ceil(side / stride) for side in self.shape[-2:]))

    @property
    def decodes(self) -> bool:
        """Whether the code is all that the decoder looks at."""
        if self.spec["kind"] in {"segnet", "coarse", "two_path", "small", "pyramid"}:
            return False
        if self.spec["kind"] == "fcn":
            return self.spec.get("stride") == 32
        return self.spec["kind"] != "unet" or self.spec.get("skips") == "none"

    def __str__(self) -> str:
        settings = [f"{key}={value}" for key, value in self.spec.items() if key != "kind"]
        shape = "x".join(map(str, self.shape))
        return "-".join([self.spec["kind"], *settings, shape, f"code={self.code_size}"])


def _accepts(case: Case) -> bool:
    try:
        build_network(case.spec, case.shape, case.code_size)
    except DataError:
        return False
    return True


_SPECS = [{"kind": kind, **SMALL.get(kind, {})} for kind in NETWORKS] + VARIANTS
_ALL = [Case(spec, shape) for spec in _SPECS for shape in SHAPES]
CASES = [case for case in _ALL if _accepts(case)]
REFUSED = [case for case in _ALL if case not in CASES]
CASES += [
    Case(spec, (h, w), (2, ceil(h / 4), ceil(w / 4)))
    for spec in [{"kind": "convolutional"}, {"kind": "unet", "skips": "none", "channels": (4, 6)}]
    for h, w in [(5, 9), (8, 8)]
]
DECODING = [case for case in CASES if case.decodes]
each = pytest.mark.parametrize("case", CASES, ids=str)


@pytest.mark.parametrize("kind", list(NETWORKS))
def test_kind_accepts_some_shape(kind):
    assert any(case.spec["kind"] == kind for case in CASES)


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_refusal_names_the_shape(case):
    with pytest.raises(DataError) as caught:
        case.build()
    assert str(case.shape) in str(caught.value)


@each
def test_shapes_dtype_and_forward_is_what_trace_gives(case):
    network, x = case.build(), case.samples()
    code, logits = network.trace(x)
    assert network.sample_shape == case.shape
    assert network.code_shape == case.code_shape
    assert code.shape == (4, *case.code_shape)
    for output in (logits, network(x)):
        assert output.shape == x.shape
        assert output.dtype == torch.float32
    assert torch.equal(network.encode(x), code)
    assert torch.equal(network(x), network.activate(logits))


@pytest.mark.parametrize("case", DECODING, ids=str)
def test_forward_is_decode_of_encode(case):
    network, x = case.build(), case.samples()
    code, logits = network.trace(x)
    assert torch.equal(network.logits(code), logits)
    assert torch.equal(network.decode(code), network(x))


@pytest.mark.parametrize("case", [case for case in CASES if not case.decodes], ids=str)
def test_a_decoder_that_looks_at_more_than_the_code_says_so(case):
    network = case.build()
    code = network.encode(case.samples())
    for decode in (network.logits, network.decode):
        with pytest.raises(SettingError, match="skips = 'none'"):
            decode(code)


@each
def test_without_decoder_it_encodes_as_before_and_holds_less(case):
    network, x = case.build(), case.samples()
    encoder = network.without_decoder()
    assert torch.equal(encoder.encode(x), network.encode(x))
    assert 0 < count_parameters(encoder) < count_parameters(network)
    names = {name for name, _ in network.named_parameters()} - {
        name for name, _ in encoder.named_parameters()
    }
    network.encode(x).sum().backward()
    assert all(network.get_parameter(name).grad is None for name in names)
    used = [p for p in network.parameters() if p.grad is not None]
    assert sum(p.numel() for p in used) == count_parameters(encoder)


@each
def test_the_code_activation_ends_the_encoder(case):
    network, x = case.build(), case.samples()
    seen = []
    network.code_activation.register_forward_hook(lambda *given: seen.append(given[2]))
    assert torch.equal(network.encode(x).flatten(), seen[-1].flatten())


@pytest.mark.parametrize(
    "case", [case for case in CASES if NETWORKS[case.spec["kind"]].any_size], ids=str
)
def test_images_of_any_size_come_back_in_theirs(case):
    network, x = case.build(), case.samples()
    for other in (x[..., 2:, 1:], torch.cat([x, x, x], dim=-1)):
        assert network(other).shape == other.shape


@each
def test_single_layer_is_all_of_the_encoder(case):
    network, x = case.build(), case.samples()
    if (layer := network.single_layer) is not None:
        code = network.code_activation(layer(x.flatten(1)))
        torch.testing.assert_close(code, network.encode(x))
    hidden = case.spec.get("hidden_sizes", None if case.spec["kind"] == "dense" else ())
    dense = case.spec["kind"] in {"dense", "linear", "one_layer"}
    assert (layer is not None) == (dense and hidden == ())


@each
def test_gradients_reach_every_parameter(case):
    network, x = case.build(), case.samples(8)
    F.mse_loss(network(x), x).backward()
    silent = [
        name
        for name, parameter in network.named_parameters()
        if parameter.grad is None or not parameter.grad.any()
    ]
    assert silent == []


@each
def test_weights_are_a_function_of_the_seed_alone(case):
    before, before_numpy = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    one, same, other = case.build(seed=5), case.build(seed=5), case.build(seed=6)
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(np.random.get_state()[1], before_numpy)  # noqa: NPY002
    for name, weight in one.state_dict().items():
        assert torch.equal(weight, same.state_dict()[name])
        assert torch.isfinite(weight).all()
        if weight.ndim > 1:
            assert not torch.equal(weight, other.state_dict()[name])


@each
def test_biases_start_at_zero(case):
    biases = {n: p for n, p in case.build().named_parameters() if n.endswith("bias")}
    assert biases
    assert not any(bias.any() for bias in biases.values())


@each
def test_signal_keeps_its_order_of_magnitude_at_the_start(case):
    """Neither vanishing nor exploding, the aim of He's and Glorot's rules."""
    x = 2 * case.samples(64) - 1
    with torch.inference_mode():
        spreads = [float(case.build(seed)(x).std() / x.std()) for seed in range(5)]
    assert 0.02 < np.mean(spreads) < 5


IN_RANGE: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "none": lambda r: (r < 0).any() and (r > 0).any(),
    "relu": lambda r: (r >= 0).all() and (r > 0).any(),
    "sigmoid": lambda r: ((r >= 0) & (r <= 1)).all(),
    "softmax": lambda r: (r >= 0).all() and torch.allclose(r.sum(1), torch.ones(())),
}


@each
@pytest.mark.parametrize("output_activation", list(IN_RANGE))
def test_output_activation_bounds_the_output(case, output_activation):
    if "output_activation" not in NETWORKS.check(case.spec):
        with pytest.raises(SettingError, match="unknown key 'output_activation'"):
            case.build(output_activation=output_activation)
        return
    if case.spec.get("residual") and output_activation != "none":
        with pytest.raises(SettingError, match="output_activation = 'none'"):
            case.build(output_activation=output_activation)
        return
    network = case.build(output_activation=output_activation)
    assert IN_RANGE[output_activation](network(case.samples(16) * 100))


@each
def test_weights_survive_safetensors(case):
    network, stranger, x = case.build(seed=0), case.build(seed=1), case.samples()
    assert not torch.equal(network(x), stranger(x))
    stranger.load_state_dict(safetensors.torch.load(safetensors.torch.save(network.state_dict())))
    assert torch.equal(network(x), stranger(x))
    running = sum(buffer.numel() for buffer in network.buffers())
    kept = sum(w.numel() for w in network.state_dict().values())
    assert kept == count_parameters(network) + running


@each
def test_without_a_seed_it_has_the_same_shapes_and_no_memory(case):
    empty = build_network(case.spec, case.shape, case.code_size)
    built = case.build().state_dict()
    assert {n: (w.shape, w.device.type) for n, w in empty.state_dict().items()} == {
        n: (w.shape, "meta") for n, w in built.items()
    }


@each
def test_some_steps_lower_the_loss_and_move_every_weight(case):
    network, x = case.build(), case.samples(16)
    before = copy.deepcopy(network.state_dict())
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        loss = F.mse_loss(network(x), x)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]
    still = [n for n, weight in network.state_dict().items() if torch.equal(weight, before[n])]
    assert still == []


@each
def test_batch_gives_what_samples_give_one_by_one(case):
    network, x = case.build().eval(), case.samples(5)
    with torch.inference_mode():
        for function, inputs in [(network.encode, x), (network, x)]:
            single = torch.cat([function(one) for one in inputs.split(1)])
            torch.testing.assert_close(function(inputs), single, rtol=1e-4, atol=1e-5)


@each
@pytest.mark.parametrize(
    "duplicate",
    [copy.deepcopy, lambda n: pickle.loads(pickle.dumps(n))],
    ids=["deepcopy", "pickle"],
)
def test_copy_is_equal_and_apart(case, duplicate):
    network, x = case.build(), case.samples()
    twin = duplicate(network)
    expected = network(x)
    assert torch.equal(twin(x), expected)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.add_(0.1)
    assert torch.equal(network(x), expected)
    # Parts that share weights (a tied decoder) must share the twin's, not the original's.
    network.load_state_dict(twin.state_dict())
    assert torch.equal(twin(x), network(x))


@pytest.mark.parametrize("kind", ["dense", "linear"])
def test_vector_code_is_demanded(kind):
    with pytest.raises(SettingError, match=r"one whole number as code_size, not \(1, 2, 2\)"):
        build_network(kind, (8,), (1, 2, 2), seed=0)


@pytest.mark.parametrize("code_size", [(2, 3, 2), (2, 2), (4, 2, 2, 2)], ids=str)
def test_map_code_of_a_wrong_size_is_refused_with_the_right_one(code_size):
    with pytest.raises(SettingError, match=r"give \(channels, 2, 2\), or one whole number"):
        build_network("convolutional", (8, 8), code_size, seed=0)


def test_tied_decoder_is_the_transpose():
    network = build_network({"kind": "linear", "tied": True}, (5,), 2, seed=0)
    code = torch.eye(2)
    assert torch.equal(network.decode(code), network.encoder[0].weight)
    assert count_parameters(network) == 5 * 2 + 2 + 5
