"""The contractive penalty: every way to its value, against Jacobians by torch itself."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from isthmus.core.errors import SettingError
from isthmus.networks import build_network
from isthmus.objectives import LOSSES, PENALTIES, Pass
from isthmus.objectives.contractive import closed_form, jacobian, projected_norm
from isthmus.training import Equation
from support.trainings import Setup

ONE_LAYER = {"kind": "dense", "hidden_sizes": []}
SLOPED = ["none", "sigmoid", "tanh", "relu"]
DEEP = {"kind": "dense", "hidden_sizes": [6, 5], "activation": "tanh"}
POOLING = {"kind": "convolutional", "channels": [2], "down": "pool", "activation": "elu"}
STRIDED = {"kind": "convolutional", "channels": [3], "activation": "silu"}
NETWORKS = {
    **{f"one layer {kind}": ({**ONE_LAYER, "code_activation": kind}, 3) for kind in SLOPED},
    "one layer tied": ({**ONE_LAYER, "code_activation": "sigmoid", "tied": True}, 3),
    "linear": ("linear", 3),
    "deep": (DEEP, 3),
    "deep tied": ({**DEEP, "tied": True, "code_activation": "gelu"}, 3),
    "deep top_k": ({**DEEP, "code_activation": {"kind": "top_k", "active": 2}}, 4),
    "pooling": (POOLING, 3),
    "pooling to a map": ({**POOLING, "code_activation": "sigmoid"}, (2, 3, 2)),
    "strided to a map": (STRIDED, (1, 3, 2)),
}
each = pytest.mark.parametrize("name", list(NETWORKS))
one_layer = pytest.mark.parametrize("name", [n for n in NETWORKS if n.startswith(("one", "lin"))])


@pytest.fixture
def x(seeded):
    return 2 * torch.rand(4, 5, 4, dtype=torch.float64, generator=seeded(0)) - 1


def build(name):
    return build_network(*NETWORKS[name][:1], (5, 4), NETWORKS[name][1], seed=0).double()


def passed(network, x):
    code, logits = network.trace(x)
    return Pass(network, x, code, logits, x)


def penalty(method="auto", **settings):
    return PENALTIES.build({"kind": "contractive", "weight": 1.0, "method": method, **settings})


def norms(jacobians):
    return jacobians.square().flatten(1).sum(1)


# -- the Jacobian -----------------------------------------------------------------------------


@each
def test_exact_is_what_torch_finds(name, x):
    network = build(name).eval()
    ours = jacobian(network, x)
    for sample, rows in zip(x, ours, strict=True):

        def encode(one):
            return network.encode(one[None])[0].flatten()

        torch.testing.assert_close(torch.autograd.functional.jacobian(encode, sample), rows)
        torch.testing.assert_close(torch.func.jacrev(encode)(sample), rows)
    value = penalty("exact")(passed(network, x))
    torch.testing.assert_close(value, norms(ours).mean())


@one_layer
def test_closed_form_is_exact(name, x):
    network = build(name)
    torch.testing.assert_close(closed_form(network, network.encode(x)), norms(jacobian(network, x)))


def test_inputs_are_as_the_network_saw_them(x, seeded):
    """At C(x), not at x: every method speaks of the code of this pass."""
    network, noisy = build("one layer sigmoid"), x + 0.5
    code, logits = network.trace(noisy)
    values = [penalty(m)(Pass(network, noisy, code, logits, x)) for m in ("closed_form", "exact")]
    torch.testing.assert_close(*values)
    torch.testing.assert_close(values[0], norms(jacobian(network, noisy)).mean())


# -- projections ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["deep", "pooling to a map", "linear"])
@pytest.mark.parametrize("projections", [1, 4])
def test_projections_are_unbiased_with_the_stated_spread(name, projections, x):
    network, draws = build(name), 600
    exact = norms(jacobian(network, x))
    torch.manual_seed(0)
    with torch.no_grad():
        estimates = torch.stack(
            [projected_norm(network, x, projections) / exact for _ in range(draws)]
        )
    errors = estimates.std(0) / math.sqrt(draws)
    assert ((estimates.mean(0) - 1).abs() < 5 * errors).all()
    assert (estimates.std(0) < 1.2 * math.sqrt(2 / projections)).all()


def test_one_unit_has_the_greatest_spread(x):
    network = build_network(ONE_LAYER, (5, 4), 1, seed=0).double()
    torch.manual_seed(0)
    estimates = projected_norm(network, x[:1].expand(20_000, -1, -1), 2)
    relative = estimates / norms(jacobian(network, x[:1]))
    assert relative.mean().item() == pytest.approx(1, abs=0.04)
    assert relative.std().item() == pytest.approx(math.sqrt(2 / 2), rel=0.05)


def test_projections_are_a_function_of_the_global_seed(x):
    run = passed(build("deep"), x)
    torch.manual_seed(3)
    one, other = penalty("projections")(run), penalty("projections")(run)
    torch.manual_seed(3)
    assert torch.equal(penalty("projections")(run), one)
    assert not torch.equal(one, other)


# -- gradients --------------------------------------------------------------------------------


@each
@pytest.mark.parametrize("method", ["auto", "exact", "projections"])
def test_gradient_is_that_of_finite_differences(name, method, x, seeded):
    network = build(name).eval()
    parameters = list(network.parameters())
    direction = [torch.randn(p.shape, dtype=torch.float64, generator=seeded(1)) for p in parameters]

    def value(step):
        with torch.no_grad():
            for parameter, way in zip(parameters, direction, strict=True):
                parameter.add_(way, alpha=step)
        torch.manual_seed(0)
        return penalty(method)(passed(network, x))

    gradients = torch.autograd.grad(value(0), parameters, allow_unused=True)
    along = sum((g * d).sum() for g, d in zip(gradients, direction, strict=True) if g is not None)
    step = 1e-6
    above, below = value(step).item(), value(-2 * step).item()
    assert along.item() == pytest.approx((above - below) / (2 * step), rel=1e-6, abs=1e-8)
    assert along.abs() > 1e-3


# -- choice, refusal --------------------------------------------------------------------------


def test_auto_takes_the_first_that_can_be(x):
    network = build("one layer sigmoid")
    code = network.encode(x)
    values = [penalty(m)(Pass(network, None, code, None, None)) for m in ("auto", "closed_form")]
    assert torch.equal(*values)  # which the code alone tells

    def value(network, method):
        torch.manual_seed(0)
        return penalty(method)(passed(network, x)).item()

    silu = build_network({**ONE_LAYER, "code_activation": "silu"}, (5, 4), 64, seed=0).double()
    large = build_network(DEEP, (5, 4), 65, seed=0).double()
    maps = build_network(STRIDED, (5, 4), (11, 3, 2), seed=0).double()
    for network, method in [
        (silu, "exact"),
        (build("pooling to a map"), "exact"),
        (large, "projections"),
        (maps, "projections"),
    ]:
        other = "exact" if method == "projections" else "projections"
        assert value(network, "auto") == value(network, method) != value(network, other)


@pytest.mark.parametrize("name", ["deep", "pooling", "deep top_k", "silu"])
def test_closed_form_of_what_has_none_is_refused(name):
    silu = build_network({**ONE_LAYER, "code_activation": "silu"}, (5, 4), 3, seed=0)
    network = silu if name == "silu" else build(name)
    with pytest.raises(SettingError) as caught:
        Equation(network, LOSSES.build("squared_error"), [penalty("closed_form")])
    assert str(caught.value) == (
        "The penalty 'contractive' has a closed form only for an encoder of one dense layer with"
        " the code activation sigmoid, tanh, relu or none; set method = 'exact', 'projections' or"
        " 'auto', or hidden_sizes = []."
    )


@pytest.mark.parametrize("settings", [{"method": "fast"}, {"projections": 0}], ids=str)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(SettingError, match=f"^penalty 'contractive': {next(iter(settings))}: "):
        penalty(**settings)


# -- in training ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["top_k", "batch_top_k"])
@pytest.mark.parametrize("method", ["exact", "projections"])
def test_looking_twice_counts_no_second_step(kind, method, x, seeded):
    spec = {**DEEP, "code_activation": {"kind": kind, "active": 1}}
    network, alone = (build_network(spec, (5, 4), 4, seed=0).double() for _ in range(2))
    equation = Equation(network, LOSSES.build("squared_error"), [penalty(method)])
    for _ in range(2):
        equation(x, x, seeded(0)).total.backward()
        alone(x)
    counted, expected = network.code_activation, alone.code_activation
    assert torch.equal(counted.idle, expected.idle)
    assert counted.idle.max() == 2
    assert counted.training
    if kind == "batch_top_k":
        assert torch.equal(counted.threshold, expected.threshold)


@pytest.mark.parametrize("method", ["closed_form", "exact", "projections"])
def test_half_precision_is_close(method, x, seeded):
    network, x = build("one layer sigmoid").float(), x.float()
    equation = Equation(network, LOSSES.build("squared_error"), [penalty(method)])
    values = []
    for enabled in (True, False):
        torch.manual_seed(0)
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            values.append(equation(x, x, seeded(0)).parts["contractive"])
    assert values[0].dtype == torch.float32
    torch.testing.assert_close(*values, rtol=0.02, atol=0)


@pytest.mark.parametrize("spec", [{**ONE_LAYER, "code_activation": "sigmoid"}, DEEP], ids=str)
@pytest.mark.parametrize("method", ["auto", "projections"])
def test_more_weight_gives_a_smaller_jacobian(spec, method, digits):
    setup = Setup(digits[:70], network=spec, held_out=digits[70:100], corrupted=False)
    setup = setup.with_plan(epochs=10)
    x, sizes = torch.from_numpy(digits[:70]), []
    for weight in (0.0, 1.0, 30.0):
        spec = {"kind": "contractive", "weight": weight, "method": method}
        network, history = replace(setup, penalties=(spec,)).run()
        sizes.append(norms(jacobian(network, x)).mean().item())
        assert history[-1]["validation/contractive"] == pytest.approx(weight * sizes[-1], rel=0.5)
    assert sizes[0] > 1.2 * sizes[1] > 1.2 * sizes[2] > 0
