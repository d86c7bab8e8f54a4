"""What every loss keeps to; outputs and targets are drawn to suit its output activation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss, mean_squared_error
from torch import Tensor, nn

from isthmus.core.errors import DataError
from isthmus.objectives import LOSSES, LabelMapLoss

SHAPES = [(6,), (5, 4), (3, 5, 4)]
KINDS = [
    kind
    for kind in LOSSES
    if not issubclass(LOSSES[kind], LabelMapLoss) or kind == "categorical_cross_entropy"
]
"""Losses of values; those of label maps alone have a contract of their own."""
each = pytest.mark.parametrize("kind", KINDS)
each_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)

TARGETS = {
    None: lambda noise: noise,
    "sigmoid": torch.sigmoid,
    "softmax": lambda noise: torch.softmax(noise, 1),
}
INVERSES = {None: lambda target: target, "sigmoid": torch.logit, "softmax": torch.log}
"""What a network must put out, as the loss takes it, to meet a target."""


def pair(kind: str, shape: tuple[int, ...], count: int = 4) -> tuple[Tensor, Tensor]:
    """Random outputs and valid targets ``(count, *shape)``."""
    noise = torch.randn(2, count, *shape, generator=torch.Generator().manual_seed(0))
    return noise[0], TARGETS[LOSSES[kind].output_activation](noise[1])


@each
@each_shape
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64], ids=str)
def test_one_finite_non_negative_number_for_each_sample(kind, shape, dtype):
    output, target = pair(kind, shape)
    if dtype is torch.float64:
        target = target.double()
    values = LOSSES.build(kind)(output.to(dtype), target)
    assert values.shape == (4,)
    assert values.dtype == (torch.float64 if dtype is torch.float64 else torch.float32)
    assert torch.isfinite(values).all()
    assert (values >= 0).all()


@each
@each_shape
def test_per_sample_is_per_pixel_times_the_number_of_positions(kind, shape):
    output, target = pair(kind, shape)
    over_classes = LOSSES[kind].output_activation == "softmax"
    positions = target[0].numel() // (shape[0] if over_classes else 1)
    summed = LOSSES.build({"kind": kind, "per": "sample"})(output, target)
    averaged = LOSSES.build({"kind": kind, "per": "pixel"})(output, target)
    torch.testing.assert_close(summed, averaged * positions)
    assert LOSSES.build(kind).scale == "sample"


@each
def test_samples_do_not_influence_each_other(kind):
    output, target = pair(kind, (3, 4))
    loss = LOSSES.build(kind)
    single = torch.cat([loss(output[i : i + 1], target[i : i + 1]) for i in range(4)])
    torch.testing.assert_close(loss(output, target), single)


@each
def test_gradient_is_that_of_finite_differences(kind):
    output, target = (x.double() for x in pair(kind, (3, 2), count=2))
    loss = LOSSES.build(kind)
    assert torch.autograd.gradcheck(lambda o: loss(o, target), output.requires_grad_())


@each
@each_shape
def test_least_where_the_output_meets_the_target(kind, shape):
    _, target = pair(kind, shape)
    best = INVERSES[LOSSES[kind].output_activation](target).requires_grad_()
    loss = LOSSES.build(kind)
    least = loss(best, target)
    least.sum().backward()
    torch.testing.assert_close(best.grad, torch.zeros_like(target), rtol=0, atol=1e-5)
    for seed in range(5):
        step = torch.randn(best.shape, generator=torch.Generator().manual_seed(seed))
        assert (loss(best + 0.3 * step, target) > least).all()


@each
def test_far_outputs_stay_finite(kind):
    output, target = pair(kind, (3, 4))
    far = (output.sign() * 1e4).requires_grad_()
    value = LOSSES.build(kind)(far, target).sum()
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(far.grad).all()


@each
@pytest.mark.parametrize("beyond", ["below", "above"])
def test_targets_out_of_range_are_refused(kind, beyond):
    loss = LOSSES.build(kind)
    low, high = loss.target_range or (-1e9, 1e9)
    loss.check_targets(low, high)
    reached = (low - 0.1, high) if beyond == "below" else (low, high + 0.1)
    if loss.target_range is None:
        loss.check_targets(*reached)
        return
    with pytest.raises(DataError, match=f"The loss '{kind}' needs values from .*scale them"):
        loss.check_targets(*reached)


# Each loss against code that someone else wrote: mean over samples of the loss per pixel.
ORACLES = {
    "squared_error": [
        lambda output, target: mean_squared_error(target.flatten(1), output.flatten(1)),
        nn.MSELoss(),
    ],
    "binary_cross_entropy": [
        lambda output, target: nn.BCELoss()(torch.sigmoid(output), target),
        lambda output, target: np.mean(
            [
                # Grey targets: both bits, weighted by the target.
                log_loss([1, 0], [r, r], sample_weight=[y, 1 - y])
                for r, y in zip(
                    torch.sigmoid(output).flatten().tolist(), target.flatten().tolist(), strict=True
                )
            ]
        ),
    ],
    "categorical_cross_entropy": [
        nn.CrossEntropyLoss(),
        lambda output, target: (
            torch.distributions.kl_divergence(
                torch.distributions.Categorical(target.movedim(1, -1)),
                torch.distributions.Categorical(logits=output.movedim(1, -1)),
            ).mean()
            + torch.distributions.Categorical(target.movedim(1, -1)).entropy().mean()
        ),
    ],
}


@each
@pytest.mark.parametrize("shape", [(6,), (3, 5, 4)], ids=str)
def test_agrees_with_its_oracles(kind, shape):
    assert kind in ORACLES, f"give an oracle for the loss '{kind}': code that others wrote"
    output, target = (x.double() for x in pair(kind, shape))
    value = LOSSES.build({"kind": kind, "per": "pixel"})(output, target).mean()
    for oracle in ORACLES[kind]:
        assert float(value) == pytest.approx(float(oracle(output, target)), rel=1e-6)


@pytest.mark.parametrize("shape", [(3,), (3, 5, 4)], ids=str)
def test_labels_are_worth_their_one_hot_maps(shape):
    output, _ = pair("categorical_cross_entropy", shape)
    labels = output.flip(0).argmax(1)
    one_hot = nn.functional.one_hot(labels, 3).movedim(-1, 1).float()
    loss = LOSSES.build("categorical_cross_entropy")
    torch.testing.assert_close(loss(output, labels), loss(output, one_hot))
    expected = nn.CrossEntropyLoss(reduction="none")(output, labels)
    torch.testing.assert_close(loss(output, labels), expected.reshape(4, -1).sum(1))
