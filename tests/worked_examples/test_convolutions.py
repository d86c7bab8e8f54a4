"""Worked examples of convolutional autoencoders and of convolution as a matrix."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from isthmus.networks import Network, build_network
from isthmus.networks.convolutional import _Upsample
from isthmus.networks.segnet import unpool
from isthmus.objectives import LOSSES
from support.examples import EXAMPLES, close, differs, example, image, tensor, with_weights

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
    output = unpool(image(example["inputs"]["x"]), places)
    close(output[0, 0], example["correct"]["output"], example)


@example("000-skip-connections")
def test_skip_connections(example):
    """Of a U-Net whose code is 0 but for its bias b, and whose first level's maps are a."""
    inputs, correct = example["inputs"], example["correct"]
    a, b = tensor(inputs["a"])[None], tensor(inputs["b"])[None]
    joined = {}
    for skips in ("add", "concatenate"):
        spec = {"kind": "unet", "channels": (1,), "skips": skips}
        network = build_network(spec, (1, 2, 2), 1, seed=0).double()
        network.ups[0] = nn.Identity()
        network.decoder[0].register_forward_pre_hook(
            lambda _, x, skips=skips: joined.update({skips: x[0]})
        )
        network.up(b, [a])
        with pytest.raises(RuntimeError, match=r"[Ss]ize"):
            network.up(b, [torch.zeros(1, *inputs["mismatched_shape"], dtype=torch.float64)])
    close(joined["add"][0], correct["addition"], example)
    close(joined["concatenate"][0], correct["concatenation"], example)
    # And of an FCN: scores of two sizes are added.
    fcn = build_network({"kind": "fcn", "width": 1, "stride": 16}, (1, 32, 32), 1, seed=0).double()
    fcn.scores[0] = fcn.scores[1] = fcn.doubles[0] = fcn.last = nn.Identity()
    close(fcn.up(a, [b])[0], correct["addition"], example)


@example("004-sliding-window-count")
def test_windows_are_as_many_as_pixels(example):
    for case in example["correct"]["cases"]:
        (height, width), (rows, columns) = case["image"], case["window"]
        spec = {"kind": "windows", "window": (rows, columns), "channels": ()}
        network = build_network(spec, (height, width), 1, seed=0)
        windows = network.windows(torch.zeros(1, height, width))
        assert windows.shape == (1, height, width, 1, rows, columns)
        assert windows.shape[:3].numel() == case["padded"]
        inside = network.codes(torch.zeros(1, 1, height, width), dense=True)
        assert inside.numel() == case["valid"]
        overlap = case["overlap_fraction_of_neighbours"]
        assert overlap == pytest.approx(1 - 1 / columns, abs=example["tolerance"])


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
