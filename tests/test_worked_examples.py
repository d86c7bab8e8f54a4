"""The worked numeric examples of the lecture notes, each against its corrected numbers.

`worked_examples.json` is a copy of the project's list. Expected values are those under
``correct``, within the example's own tolerance unless a test says otherwise; what the notes print
wrongly must be told apart from it. Our classes do the work wherever one of them does that step.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from isthmus import Autoencoder
from isthmus.corruption.gaussian import Gaussian
from isthmus.metrics import principal_angles
from isthmus.networks import Network, build_network, count_parameters
from isthmus.networks.convolutional import _Upsample
from isthmus.objectives import LOSSES, PENALTIES, Pass
from isthmus.objectives.contractive import closed_form, jacobian
from isthmus.objectives.gaussian_kl import gaussian_kl
from isthmus.objectives.kl_sparsity import bernoulli_kl
from isthmus.training import Equation

Example = dict[str, Any]
EXAMPLES: dict[str, Example] = {
    example["id"]: example
    for example in json.loads(
        (Path(__file__).parent / "worked_examples.json").read_text(encoding="utf-8")
    )["examples"]
}

# Examples whose subject is not written yet. Who writes it moves the id to a test.
LATER = {
    "000-skip-connections": "networks with skip connections (U-Net)",
    "001-mean-iou": "metrics of label maps",
    "004-dice": "metrics of label maps, and the Dice loss",
    "004-sliding-window-count": "sliding-window pixel classifier",
}
COVERED: list[str] = []


def example(*ids: str) -> Callable[[Any], Any]:
    """Mark a test as that of these examples; it gets each as ``example``."""
    COVERED.extend(ids)
    return pytest.mark.parametrize("example", [EXAMPLES[id_] for id_ in ids], ids=ids)


def test_every_example_is_covered_once_or_left_to_later_work():
    assert len(COVERED) == len(set(COVERED))
    assert set(COVERED) & set(LATER) == set()
    assert set(COVERED) | set(LATER) == set(EXAMPLES)


def tensor(values: Any) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def image(values: Any) -> Tensor:
    """As a batch of one image of one channel, or as a kernel between single channels."""
    return tensor(values)[None, None]


def close(actual: Any, expected: Any, example: Example) -> None:
    actual = torch.as_tensor(actual, dtype=torch.float64).detach()
    torch.testing.assert_close(actual, tensor(expected), rtol=0, atol=example["tolerance"])


def differs(actual: Tensor, other: Any, example: Example) -> None:
    """Be told apart from a wrong answer."""
    other = tensor(other)
    assert actual.shape != other.shape or (actual - other).abs().max() > 100 * example["tolerance"]


def with_weights(network: Network, **weights: Any) -> Network:
    """A float64 network with these weights, dots written as two underscores; others are 0."""
    network = network.double()
    state = {name: torch.zeros_like(value) for name, value in network.state_dict().items()}
    given = {name.replace("__", "."): tensor(value) for name, value in weights.items()}
    assert given.keys() <= state.keys()
    network.load_state_dict(state | given)
    return network


# -- dense autoencoders ---------------------------------------------------------------------------


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


# -- convolutional autoencoders -------------------------------------------------------------------

IDENTITY = [[0, 0, 0], [0, 1, 0], [0, 0, 0]]


def pooling_network(first: Any = IDENTITY, second: Any = IDENTITY, shape: Any = (6, 6)) -> Network:
    """Conv + ReLU, max pooling, conv + ReLU to the code; nearest up-sampling back."""
    code = (1, shape[0] // 2, shape[1] // 2)
    spec = {
        "kind": "convolutional",
        "channels": (1,),
        "down": "pool",
        "up": "nearest",
        "code_activation": "relu",
    }
    return with_weights(
        build_network(spec, shape, code, seed=0),
        encoder__0__weight=[[first]],
        to_code__0__weight=[[second]],
        from_code__0__weight=[[IDENTITY]],
        **{"decoder__0__layer__0__weight": [[IDENTITY]]},
    )


def doubled(x: Any, mode: str, kernel: Any = IDENTITY) -> Tensor:
    """x doubled by the up-sampling stage of our convolutional network."""
    stage = with_weights(_Upsample(1, 1, mode, "none"), layer__0__weight=[[kernel]])
    small = image(x)
    return stage(small, (2 * small.shape[2], 2 * small.shape[3]))[0, 0]


@example("001-conv6x6-same", "001-conv3x3-same")
def test_convolution_same(example):
    inputs = example["inputs"]
    layer = pooling_network(inputs["kernel"]).encoder[0]
    output = layer(image(inputs["x"]))[0, 0]
    if example["parameters"].get("activation") == "relu":
        output = output.relu()
    close(output, example["correct"]["output"], example)
    differs(output, example["negative_control"]["kernel_flip_true_output"], example)
    flipped = pooling_network(np.flip(inputs["kernel"]).tolist()).encoder[0]
    close(
        flipped(image(inputs["x"]))[0, 0],
        example["negative_control"]["kernel_flip_true_output"],
        example,
    )


@example("001-relu6x6")
def test_relu(example):
    output = pooling_network().encoder[1](image(example["inputs"]["x"]))[0, 0]
    close(output, example["correct"]["output"], example)


@example("001-maxpool2x2")
def test_max_pooling(example):
    x, correct = image(example["inputs"]["x"]), example["correct"]
    close(pooling_network().encoder[2](x)[0, 0], correct["output"], example)
    _, places = F.max_pool2d(x, 2, return_indices=True)
    assert places[0, 0].tolist() == correct["argmax_flat_indices"]


@example("003-segnet-unpool")
def test_unpooling_with_stored_places(example):
    places = torch.tensor(example["inputs"]["argmax_flat_indices"])[None, None]
    output = F.max_unpool2d(image(example["inputs"]["x"]), places, 2)
    close(output[0, 0], example["correct"]["output"], example)


@example("001-upsample-nearest", "001-nearest-2x2-to-4x4")
def test_nearest_upsampling(example):
    close(doubled(example["inputs"]["x"], "nearest"), example["correct"]["output"], example)


@example("001-conv-autoencoder-pipeline")
def test_whole_convolutional_autoencoder(example):
    inputs, correct = example["inputs"], example["correct"]
    network = pooling_network(inputs["kernel1"], inputs["kernel2"])
    x = tensor([inputs["x"]])
    output = network(x)
    close(network.encode(x)[0, 0], EXAMPLES["001-conv3x3-same"]["correct"]["output"], example)
    close(output[0], correct["output"], example)
    for per, name in [("sample", "sum"), ("pixel", "mean")]:
        error = LOSSES.build({"kind": "squared_error", "per": per})(output, x)[0]
        close(error, correct[f"{name}_squared_error_to_input"], example)


@example("001-bilinear-2x2-to-4x4")
def test_bilinear_upsampling(example):
    """By half-pixel centres; neither by aligned corners nor as the table is printed."""
    output, correct = doubled(example["inputs"]["x"], "bilinear"), example["correct"]
    close(output, correct["align_corners_false"], example)
    close(output.trunc(), correct["align_corners_false_truncated"], example)
    differs(output, correct["align_corners_true"], example)
    differs(output.trunc(), example["printed"]["output"], example)
    t = tensor([0, 0.25, 0.75, 1])
    close(output, (40 - 20 * t[:, None] - 10 * t).tolist(), example)


@example("004-bicubic-2x2-to-4x4")
def test_bicubic_upsampling(example):
    output = doubled(example["inputs"]["x"], "bicubic")
    close(output, example["correct"]["output"], example)
    assert output.max() > 40  # the documented overshoot
    assert output.min() < 10


@example("004-transposed-conv-learns-interpolation")
def test_transposed_convolution_can_interpolate(example):
    inputs, correct = example["inputs"], example["correct"]
    # A 2 x 2 kernel without cropping is our 3 x 3 one, cropped by 1, with a first row and column
    # of zeros.
    kernel = np.pad(inputs["nearest_kernel"], ((1, 0), (1, 0))).tolist()
    close(doubled(inputs["x"], "transposed", kernel), correct["nearest"], example)
    # The bilinear one is 4 x 4, which our stage has not.
    padded = F.pad(image(inputs["x"]), (1, 1, 1, 1), mode="replicate")
    kernel = image(inputs["bilinear_kernel"])
    bilinear = F.conv_transpose2d(padded, kernel, stride=2, padding=3)
    close(bilinear[0, 0], correct["bilinear"], example)
    close(bilinear[0, 0], doubled(inputs["x"], "bilinear").tolist(), example)


@example("000-transposed-conv-stride2")
def test_transposed_convolution_of_stride_2(example):
    inputs, correct = example["inputs"], example["correct"]
    kernel = np.pad(inputs["kernel"], ((1, 0), (1, 0))).tolist()
    output = doubled(inputs["y"], "transposed", kernel)
    close(output, correct["output"], example)
    close(output, np.kron(inputs["y"], inputs["kernel"]).tolist(), example)
    overlapping = F.conv_transpose2d(image(inputs["y"]), image(inputs["kernel"]))[0, 0]
    close(overlapping, correct["stride1_output"], example)


# -- convolution as a matrix ----------------------------------------------------------------------


def convolve(x: Any, kernel: Any) -> Tensor:
    """Cross-correlation without padding."""
    return F.conv2d(image(x), image(kernel))[0, 0]


def convolution_matrix(kernel: Any) -> Tensor:
    """4 x 16: the convolution of each of the 16 images of 4 x 4 with a single 1."""
    units = torch.eye(16, dtype=torch.float64).reshape(16, 1, 4, 4)
    return F.conv2d(units, image(kernel)).flatten(1).T


@example("001-conv4x4-valid", "004-conv4x4-valid")
def test_convolution_valid(example):
    inputs, correct = example["inputs"], example["correct"]
    output = convolve(inputs["x"], inputs["kernel"])
    close(output, correct["output"], example)
    flipped = example["negative_control"]["kernel_flip_true_output"]
    differs(output, flipped, example)
    close(convolve(inputs["x"], np.flip(inputs["kernel"]).copy()), flipped, example)
    if "products_for_output_0_0" in correct:
        products = tensor(inputs["x"])[:3, :3] * tensor(inputs["kernel"])
        close(products, correct["products_for_output_0_0"], example)
        close(products.sum(), correct["output"][0][0], example)


@example("001-conv4x4-overlay-figure")
def test_figure_drawn_over_the_image_is_not_the_image(example):
    inputs, correct = example["inputs"], example["correct"]
    assert correct["x"] == inputs["x"]
    close(convolve(correct["x"], inputs["kernel"]), correct["output"], example)
    damaged = convolve(example["printed"]["x"], inputs["kernel"])
    close(damaged, correct["output_of_printed_x"], example)
    differs(damaged, correct["output"], example)


@example("001-conv-as-dot-product")
def test_convolution_as_dot_product(example):
    inputs, correct = example["inputs"], example["correct"]
    row = convolution_matrix(EXAMPLES["001-conv4x4-valid"]["inputs"]["kernel"])[0]
    close(row, correct["filter_flat"], example)
    assert len(row) == correct["filter_flat_length"] != example["printed"]["filter_flat_length"]
    assert row.count_nonzero() == correct["nonzero_entries"]
    close(row @ tensor(inputs["x_flat"]), correct["output"], example)


@example("004-flatten-16")
def test_flattening_is_row_by_row(example):
    """As our dense network flattens a sample: an identity encoder shows the order."""
    network = with_weights(
        build_network("linear", (4, 4), 16, seed=0), encoder__0__weight=np.eye(16)
    )
    vector = network.encode(tensor([example["inputs"]["x"]]))[0]
    close(vector, example["correct"]["vector"], example)
    assert len(vector) == example["correct"]["length"] != example["printed"]["length"]
    differs(vector, example["printed"]["vector"], example)


@example("004-conv-matrix")
def test_convolution_matrix(example):
    inputs, correct = example["inputs"], example["correct"]
    matrix = convolution_matrix(inputs["kernel"])
    close(matrix, correct["matrix"], example)
    close(matrix[0].reshape(4, 4), correct["first_row_as_4x4"], example)
    close(matrix @ tensor(inputs["u"]), correct["y"], example)
    differs(matrix @ tensor(inputs["u"]), inputs["u"], example)


@example("001-transposed-conv-matrix")
def test_transposed_convolution_matrix(example):
    correct = example["correct"]
    close(convolution_matrix(example["inputs"]["kernel"]).T, correct["matrix"], example)
    valid = EXAMPLES["001-conv4x4-valid"]["inputs"]
    close(convolve(valid["x"], valid["kernel"]).flatten(), correct["rhs"], example)
    differs(tensor(correct["rhs"]), example["printed"]["rhs_column_as_printed"], example)


@example(
    "001-transposed-conv-result",
    "004-transposed-conv-result",
    "004-transposed-conv-source-article",
)
def test_transposed_convolution_returns_the_shape_not_the_image(example):
    inputs, correct = example["inputs"], example["correct"]
    y, matrix = tensor(inputs["y"]), convolution_matrix(inputs["kernel"])
    output = F.conv_transpose2d(y[None, None], image(inputs["kernel"]))[0, 0]
    close(output, correct["output"], example)
    close((matrix.T @ y.flatten()).reshape(4, 4), correct["output"], example)
    if "vector" in correct:
        close(output.flatten(), correct["vector"], example)
    if "squared_distance_to_input" in correct:
        lesson = example["id"].split("-")[0]
        x = tensor(EXAMPLES[f"{lesson}-conv4x4-valid"]["inputs"]["x"])
        distance = LOSSES.build("squared_error")(output[None], x[None])[0]
        close(distance, correct["squared_distance_to_input"], example)
        assert correct["equals_input"] is False
    if "rank_of_matrix" in correct:
        assert torch.linalg.matrix_rank(matrix) == correct["rank_of_matrix"]
        shortest = torch.linalg.pinv(matrix) @ y.flatten()
        close(shortest.reshape(4, 4), correct["minimum_norm_preimage"], example)


@example("004-output-size-formula")
def test_output_sizes(example):
    correct, inputs = example["correct"], example["inputs"]

    def size(m, k, c, p):
        return F.conv2d(torch.zeros(1, 1, m, m), torch.zeros(1, 1, k, k), None, p, c).shape[-1]

    assert size(**inputs) == correct["output_size"] != size(**inputs | {"p": 2})
    assert inputs["p"] == correct["stride"]
    for case in correct["convolution_cases"]:
        m, k, c, p, out = (case[name] for name in ("m", "k", "c", "p", "out"))
        assert size(m, k, c, p) == out == math.floor((m - k + 2 * c) / p) + 1
        if (k, c, p) == (3, 1, 2):  # the stage of our network
            network = build_network({"kind": "convolutional", "channels": (1,)}, (m, m), 1, seed=0)
            assert network.encoder(torch.zeros(1, 1, m, m)).shape == (1, 1, out, out)
    for case in correct["transposed_cases"]:
        h, k, c, p, out = (case[name] for name in ("h", "k", "c", "p", "out"))
        zeros = F.conv_transpose2d(
            torch.zeros(1, 1, h, h), torch.zeros(1, 1, k, k), stride=p, padding=c
        )
        assert zeros.shape[-1] == out == (h - 1) * p - 2 * c + k


# -- losses, penalties, corruption ----------------------------------------------------------------


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
