"""Worked examples of losses, penalties and corruption."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from isthmus.corruption.gaussian import Gaussian
from isthmus.networks import Network, build_network
from isthmus.objectives import LOSSES, PENALTIES, Pass
from isthmus.objectives.contractive import closed_form, jacobian
from isthmus.objectives.gaussian_kl import gaussian_kl
from isthmus.objectives.kl_sparsity import bernoulli_kl
from isthmus.training import Equation
from support.examples import close, differs, example, tensor, with_weights


@example("001-cross-entropy-bits")
def test_cross_entropy_of_bits(example):
    """Both terms of each bit; the printed sum would let a prediction of ones cost nothing."""
    inputs, correct, printed = example["inputs"], example["correct"], example["printed"]
    p, logits = tensor([inputs["p"]]), tensor([inputs["logits"]])
    close(torch.sigmoid(logits)[0], inputs["q"], example)
    loss = LOSSES.build("binary_cross_entropy")
    value = loss(logits, p)[0]
    close(value, correct["value"], example)
    per_bit = LOSSES.build({"kind": "binary_cross_entropy", "per": "pixel"})
    close(3 * per_bit(logits, p)[0], correct["value"], example)
    one_term = -(p * torch.log(tensor(inputs["q"]))).sum()
    close(one_term, printed["value"], example)
    differs(value, printed["value"], example)
    # Towards certainty that all bits are 1, the loss of the one 0 grows without bound.
    assert correct["value_for_all_ones_prediction"] == "Infinity"
    for certainty in (10.0, 1e3, 1e6):
        certain = loss(torch.full_like(p, certainty), p)[0]
        assert certain.item() == pytest.approx(certainty, rel=1e-4)


@example("003-frobenius-norm")
def test_frobenius_norm_by_weight_decay(example):
    """Weight decay is half the squared norm of the notes' matrix."""
    layer = torch.nn.Linear(2, 2, dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(tensor(example["inputs"]["A"]))
    nothing = torch.zeros(1, 2)
    penalty = PENALTIES.build({"kind": "weight_decay", "weight": 1.0})
    squared = 2 * penalty(Pass(layer, nothing, nothing, nothing, nothing))
    close(squared, example["correct"]["squared"], example)
    close(squared.sqrt(), example["correct"]["norm"], example)


@example("001-kl-sparsity-rho-0.2")
def test_kl_of_mean_activations(example):
    """The curve and its slope, told apart from the divergence the other way round."""
    table = {name: [row[name] for row in example["correct"]["table"]] for name in ("rho_hat", "kl")}
    assert table["rho_hat"] == example["inputs"]["rho_hat"]
    rho, rho_hat = example["parameters"]["rho"], tensor(table["rho_hat"]).requires_grad_()
    value = bernoulli_kl(rho, rho_hat)
    close(value, table["kl"], example)
    (slope,) = torch.autograd.grad(value.sum(), rho_hat)
    expected = tensor([row["derivative"] for row in example["correct"]["table"]])
    torch.testing.assert_close(slope, expected, rtol=example["tolerance"], atol=1e-14)
    differs(value, [row["kl_reversed"] for row in example["correct"]["table"]], example)
    lowest = table["rho_hat"].index(rho)
    assert (value.diff()[:lowest] < 0).all()
    assert (value.diff()[lowest:] > 0).all()


@example("001-average-activation-penalty")
@pytest.mark.parametrize("mean_over", ["batch", "training_set"])
def test_penalty_on_mean_activations(example, mean_over):
    correct, rho = example["correct"], example["parameters"]["rho"]
    h = tensor(example["inputs"]["activations"]).requires_grad_()
    spec = {"kind": "kl_sparsity", "weight": 3.0, "rho": rho, "mean_over": mean_over}
    penalty = PENALTIES.build(spec)
    assert penalty.weight == example["parameters"]["beta"]
    if penalty.surveys:
        penalty.survey(h.detach().split(1))

    def weighted(codes):
        return penalty.weight * penalty(Pass(None, codes, codes, codes, codes))

    close(h.mean(0), correct["rho_hat"], example)
    close(bernoulli_kl(rho, h.mean(0)), correct["kl"], example)
    close(weighted(h), correct["penalty"], example)
    close(torch.autograd.grad(weighted(h), h)[0], correct["gradient"], example)
    # Two half batches: the mini-batch's own mean asks for another number, the whole set's does not.
    halves = torch.stack([weighted(half) for half in h.split(2)]).mean()
    name = "penalty" if penalty.surveys else "penalty_as_mean_of_two_half_batches"
    close(halves, correct[name], example)


def one_layer(activation: str, weight: Any, bias: Any) -> Network:
    """h = s(Wᵀ x + b) of the notes, of W ``(inputs, hidden)``."""
    spec = {"kind": "dense", "hidden_sizes": (), "code_activation": activation}
    network = build_network(spec, (len(weight),), len(bias), seed=0)
    return with_weights(network, encoder__0__weight=np.transpose(weight), encoder__0__bias=bias)


@example("003-contractive-sigmoid")
@pytest.mark.parametrize("method", ["closed_form", "exact"])
def test_contractive_penalty_of_a_sigmoid_layer(example, method):
    inputs, correct = example["inputs"], example["correct"]
    network, x = one_layer("sigmoid", inputs["W"], inputs["b"]), tensor(inputs["x"])
    code, logits = network.trace(x)
    close(code, correct["h"], example)
    close(jacobian(network, x), correct["jacobian"], example)
    close(closed_form(network, code), correct["penalty_per_sample"], example)
    penalty = PENALTIES.build({"kind": "contractive", "weight": 1.0, "method": method})
    value = penalty(Pass(network, x, code, logits, x))
    close(value, correct["penalty_mean"], example)
    value.backward()
    gradient = network.encoder[0].weight.grad.T
    close(gradient, correct["gradient_of_mean_penalty_wrt_W"], example)


@example("003-contractive-on-vector-example")
@pytest.mark.parametrize("activation", ["sigmoid", "relu"])
def test_contractive_penalty_of_the_vector_autoencoder(example, activation):
    inputs, correct = example["inputs"], example["correct"][activation]
    network, x = one_layer(activation, inputs["W"], [0, 0]), tensor([inputs["x"]])
    code = network.encode(x)
    close(code[0], correct["h"], example)
    close(closed_form(network, code)[0], correct["penalty"], example)
    close(jacobian(network, x).square().sum(), correct["penalty"], example)
    if activation == "relu":
        close(jacobian(network, x)[0], correct["jacobian"], example)
    else:
        squares = network.single_layer.weight.square().sum(1)
        close(squares, correct["column_sums_of_squares"], example)


@example("002-vae-kl")
def test_divergence_of_a_gaussian_code(example):
    correct = example["correct"]
    mean = tensor(example["inputs"]["mu"]).requires_grad_()
    log_variance = tensor(example["inputs"]["sigma2"]).log().requires_grad_()
    value = gaussian_kl(mean, log_variance).sum()
    close(value, correct["kl"], example)
    differs(value, correct["kl_reversed_order"], example)
    value.backward()
    close(mean.grad, correct["gradient_mu"], example)
    close(log_variance.grad, correct["gradient_log_sigma2"], example)


@example("002-vae-loss-and-reparametrisation")
def test_loss_of_a_variational_autoencoder(example, monkeypatch):
    """μ and σ² as biases of an encoder without weights, x̂ as that of a decoder without any."""
    inputs, correct = example["inputs"], example["correct"]
    spec = {"kind": "dense", "hidden_sizes": (), "code_activation": "gaussian"}
    network = build_network(spec, (3,), 2, seed=0)
    network = with_weights(
        network,
        encoder__0__weight=np.zeros((4, 3)),
        encoder__0__bias=[*inputs["mu"], *np.log(inputs["sigma2"])],
        decoder__0__weight=np.zeros((3, 2)),
        decoder__0__bias=inputs["x_hat"],
    )
    monkeypatch.setattr(torch, "randn_like", lambda mean: tensor([inputs["eps"]]))
    x = tensor([inputs["x"]])
    close(network.trace(x)[0][0], correct["z"], example)
    divergence = PENALTIES.build({"kind": "gaussian_kl", "weight": example["parameters"]["lam"]})
    equation = Equation(network, LOSSES.build("squared_error"), [divergence])
    value = equation(x, x, torch.Generator())
    close(value.parts["reconstruction"], correct["squared_error"], example)
    close(value.total, correct["loss"], example)


@example("001-denoising-corruption")
def test_gaussian_corruption(example):
    inputs, correct = example["inputs"], example["correct"]
    x, noise = tensor(inputs["x"]), tensor(inputs["eps"])
    for clip, name in [(False, "unclipped"), (True, "clipped")]:
        corruption = Gaussian(sigma=example["parameters"]["noise_factor"], clip=clip)
        close(corruption.corrupt(x, noise), correct[name], example)
    assert Gaussian().sigma == example["parameters"]["noise_factor"]
