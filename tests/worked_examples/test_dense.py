"""Worked examples of dense and linear autoencoders."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from isthmus import Autoencoder
from isthmus.metrics import principal_angles
from isthmus.networks import Network, build_network, count_parameters
from isthmus.objectives import LOSSES
from support.examples import Example, close, example, tensor, with_weights


def vector_autoencoder(inputs: Example, activation: str) -> Network:
    """x̂ = φ(W_D φ(W_Eᵀ x)) of the notes. A layer of torch holds the matrix it multiplies by."""
    network = build_network(
        {
            "kind": "dense",
            "hidden_sizes": (),
            "code_activation": activation,
            "output_activation": activation,
        },
        (3,),
        2,
        seed=0,
    )
    return with_weights(
        network,
        encoder__0__weight=np.transpose(inputs["W_E"]),
        encoder__0__bias=inputs["b_E"],
        decoder__0__weight=inputs["W_D"],
        decoder__0__bias=inputs["b_D"],
    )


@example("001-vector-autoencoder")
@pytest.mark.parametrize("stored", ["plain", "transposed"])
def test_vector_autoencoder(example, stored):
    inputs, correct = dict(example["inputs"]), example["correct"]
    if stored == "transposed":
        table = example["further"]["W_D_stored_for_transposed_use"]
        inputs["W_D"] = np.transpose(table)
    network = vector_autoencoder(inputs, "relu")
    x = tensor([inputs["x"]])
    code = network.encode(x)
    close(network.encoder[0](x)[0], correct["z_pre"], example)
    close(code[0], correct["z"], example)
    close(network.logits(code)[0], correct["x_hat_pre"], example)
    close(network(x)[0], correct["x_hat"], example)
    close((x - network(x))[0], correct["residual"], example)
    for per, expected in [("sample", "squared_error"), ("pixel", "mean_squared_error")]:
        loss = LOSSES.build({"kind": "squared_error", "per": per})
        close(loss(network(x), x)[0], correct[expected], example)
        if per == "sample":
            close(loss(network(x), x)[0].sqrt(), correct["l2_norm"], example)


@example("003-backprop-chain-rule")
@pytest.mark.parametrize("activation", ["relu", "sigmoid"])
def test_backpropagation(example, activation):
    """Autograd through our network, and the rule of the deltas written out, give the same."""
    inputs, correct = example["inputs"], example["correct"][activation]
    network = vector_autoencoder(inputs, activation)
    x = tensor([inputs["x"]])
    a1 = network.encoder[0](x)
    h1 = network.encode(x)
    a2, h2 = network.logits(h1), network.decode(h1)
    loss = LOSSES.build("squared_error")(h2, x)[0]
    a1, a2 = a1[0], a2[0]
    for name, value in {"a1": a1, "h1": h1[0], "a2": a2, "h2": h2[0], "loss": loss}.items():
        close(value, correct[name], example)

    loss.backward()
    parameters = dict(network.named_parameters())
    gradients = {
        "grad_W_E": parameters["encoder.0.weight"].grad.T,
        "grad_b_E": parameters["encoder.0.bias"].grad,
        "grad_W_D": parameters["decoder.0.weight"].grad,
        "grad_b_D": parameters["decoder.0.bias"].grad,
    }
    slope = {
        "relu": lambda a: (a > 0).double(),
        "sigmoid": lambda a: torch.sigmoid(a) * (1 - torch.sigmoid(a)),
    }[activation]
    delta2 = 2 * (h2 - x)[0] * slope(a2)
    delta1 = tensor(inputs["W_D"]).T @ delta2 * slope(a1)
    by_hand = {
        "delta2": delta2,
        "delta1": delta1,
        "grad_W_D": torch.outer(delta2, h1[0]),
        "grad_W_E": torch.outer(x[0], delta1),
        "grad_b_D": delta2,
        "grad_b_E": delta1,
    }
    for name, value in [*gradients.items(), *by_hand.items()]:
        close(value, correct[name], example)


@example("002-mnist-autoencoder-shape")
def test_mnist_autoencoder_shape(example):
    correct, sizes = example["correct"], example["inputs"]["encoder_sizes"]
    spec = {"kind": "dense", "hidden_sizes": sizes[1:-1]}
    network = build_network(spec, (28, 28), sizes[-1], seed=0)
    for part in ("encoder", "decoder"):
        layers = [layer for layer in getattr(network, part) if isinstance(layer, torch.nn.Linear)]
        assert [layers[0].in_features] + [layer.out_features for layer in layers] == (
            example["inputs"][f"{part}_sizes"]
        )
        counts = [count_parameters(layer) for layer in layers]
        assert counts == correct[f"{part}_parameters_per_layer"]
        assert sum(counts) == correct[f"{part}_parameters"]
    assert count_parameters(network) == correct["total_parameters"]
    assert network.encode(torch.zeros(1000, 28, 28)).shape == (1000, correct["code_dimension"])


@example("000-one-dimensional-bottleneck")
def test_one_unit_code_can_memorise_the_samples(example):
    """g(h) = x_0 + Σ_k c_k relu(h - k), written as the decoder of our dense network."""
    inputs, correct = example["inputs"], example["correct"]
    points, coefficients = tensor(inputs["points"]), tensor(correct["relu_coefficients"])
    network = with_weights(
        build_network({"kind": "dense", "hidden_sizes": (3,)}, (3,), 1, seed=0),
        decoder__0__weight=np.ones((3, 1)),
        decoder__0__bias=[0, -1, -2],
        decoder__2__weight=coefficients.T.tolist(),
        decoder__2__bias=inputs["points"][0],
    )
    decoded = network.decode(tensor(inputs["codes"])[:, None])
    close(decoded, correct["reconstructions"], example)
    error = LOSSES.build("squared_error")(decoded, points).sum()
    close(error, correct["training_squared_error"], example)
    close(network.decode(tensor([[1.5]]))[0], correct["decoded_at_1_5"], example)
    # The coefficients are the changes of slope between neighbours.
    slopes = points.diff(dim=0)
    close(torch.cat([slopes[:1], slopes.diff(dim=0)]), correct["relu_coefficients"], example)


# -- the linear autoencoder and PCA ---------------------------------------------------------------


@example("000-linear-autoencoder-pca")
@pytest.mark.parametrize("place", [0, 1], ids=["k=1", "k=2"])
def test_linear_autoencoder_is_pca(example, place):
    """In closed form exactly, and by training as far as training in float32 comes."""
    case, data = example["correct"]["cases"][place], tensor(example["inputs"]["data"])
    mean = data.mean(0)
    close(mean, example["correct"]["mean"], example)
    _, singular, directions = torch.linalg.svd(data - mean)
    close(singular, example["correct"]["singular_values"], example)
    axes = directions[: case["k"]]

    # Closed form: f(x) = A (x - mean), g(h) = Aᵀ h + mean, for any basis A of the subspace.
    twist = tensor([[2.0, 1.0], [0.5, -1.0]])[: case["k"], : case["k"]]
    for basis in (torch.eye(case["k"], dtype=torch.float64), twist):
        down, up = basis @ axes, axes.T @ torch.linalg.inv(basis)
        network = with_weights(
            build_network("linear", (3,), case["k"], seed=0),
            encoder__0__weight=down.tolist(),
            encoder__0__bias=(-down @ mean).tolist(),
            decoder__0__weight=up.tolist(),
            decoder__0__bias=mean.tolist(),
        )
        error = LOSSES.build("squared_error")(network(data), data).sum()
        error.backward()
        close(up @ down, case["projection"], example)
        close(network(data), case["reconstruction"], example)
        close(error, case["sum_squared_error"], example)
        for parameter in network.parameters():
            close(parameter.grad, torch.zeros_like(parameter).tolist(), example)

    # Trained by the loop in float32. Subspace and error are met within the example's 1e-6; the
    # reconstructions within 4e-6 only, for they lie near 8, where numbers of float32 are 1e-6
    # apart.
    model = Autoencoder(
        code_size=case["k"],
        network="linear",
        scaling="none",
        epochs=2000,
        batch_size=len(data),
        learning_rate=0.01,
        optimizer={"kind": "sgd", "momentum": 0.97},
        schedule="one_cycle",
        clip_norm=1,
        device="cpu",
        random_state=0,
    ).fit(data.numpy())
    up = model.network_.decoder[0].weight.detach().double()
    close(up @ torch.linalg.pinv(up), case["projection"], example)
    close(
        -model.score_samples(data.numpy()).astype(np.float64).sum(),
        case["sum_squared_error"],
        example,
    )
    assert np.abs(model.reconstruct(data.numpy()) - case["reconstruction"]).max() < 4e-6
    assert np.max(principal_angles(up.numpy(), axes.T.numpy())) < 1e-3
