"""What every loss of label maps keeps to."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from isthmus.core.errors import DataError, SettingError
from isthmus.core.labels import IGNORED
from isthmus.objectives import LOSSES, LabelMapLoss

KINDS = [kind for kind in LOSSES if issubclass(LOSSES[kind], LabelMapLoss)]
PIXEL_KINDS = [kind for kind in KINDS if "per" in LOSSES.check(kind)]
each = pytest.mark.parametrize("kind", KINDS)
each_pixel_loss = pytest.mark.parametrize("kind", PIXEL_KINDS)
each_class_count = pytest.mark.parametrize("classes", [2, 4])

SHAPE = (5, 6)


def pair(classes: int = 3, count: int = 4, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Random logits ``(count, classes, 5, 6)`` and labels with every class in every sample."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(count, classes, *SHAPE, generator=generator)
    labels = torch.randint(0, classes, (count, *SHAPE), generator=generator)
    labels[:, 0, :classes] = torch.arange(classes)
    return logits, labels


def certain(labels: Tensor, classes: int) -> Tensor:
    """Logits that give the labels with p = 1."""
    return 1e3 * F.one_hot(labels, classes).movedim(-1, 1).float()


def test_which_losses_label_maps_have():
    assert set(KINDS) == {
        "categorical_cross_entropy",
        "boundary_cross_entropy",
        "tversky",
        "dice",
        "dice_cross_entropy",
        "focal",
        "probability_squared_error",
    }


@each
@each_class_count
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64], ids=str)
def test_one_finite_positive_number_for_each_sample(kind, classes, dtype):
    logits, labels = pair(classes)
    values = LOSSES.build(kind)(logits.to(dtype), labels)
    assert values.shape == (4,)
    assert values.dtype == (torch.float64 if dtype is torch.float64 else torch.float32)
    assert torch.isfinite(values).all()
    assert (values > 0).all()


@each
@each_class_count
def test_nothing_is_lost_on_the_labels_themselves(kind, classes):
    _, labels = pair(classes)
    best = certain(labels, classes).requires_grad_()
    loss = LOSSES.build(kind)
    least = loss(best, labels)
    least.sum().backward()
    torch.testing.assert_close(least, torch.zeros(4), rtol=0, atol=1e-6)
    assert torch.equal(best.grad, torch.zeros_like(best))
    assert (loss(certain((labels + 1) % classes, classes), labels) > 0.9).all()


@each
def test_gradient_is_that_of_finite_differences(kind):
    logits, labels = pair(count=2)
    labels[0, 2:] = IGNORED
    loss = LOSSES.build(kind)
    assert torch.autograd.gradcheck(lambda o: loss(o, labels), logits.double().requires_grad_())


@each
@pytest.mark.parametrize("over", ["sample", "batch"])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4])
@pytest.mark.parametrize("label", [IGNORED, 0, 1])
def test_gradients_stay_finite_with_far_logits_and_empty_masks(kind, over, scale, label):
    logits, labels = pair()
    labels[:2] = label
    settings = {"over": over} if "over" in LOSSES.check(kind) else {}
    far = (scale * logits).requires_grad_()
    value = LOSSES.build({"kind": kind, **settings})(far, labels).sum()
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(far.grad).all()


@each
def test_samples_do_not_influence_each_other(kind):
    logits, labels = pair()
    loss = LOSSES.build(kind)
    single = torch.cat([loss(logits[i : i + 1], labels[i : i + 1]) for i in range(4)])
    torch.testing.assert_close(loss(logits, labels), single)


@each
def test_ignored_pixels_change_nothing(kind):
    """As if they were not there: neither their logits, nor how many they are."""
    logits, labels = pair()
    padded = F.pad(labels, (0, 0, 0, 5), value=IGNORED)
    expected = LOSSES.build(kind)(logits, labels)
    for seed in range(3):
        noise, _ = pair(seed=seed)
        further = torch.cat([logits, 1e3 * noise], 2)
        torch.testing.assert_close(LOSSES.build(kind)(further, padded), expected)


@each
def test_no_label_at_all_costs_nothing(kind):
    logits, labels = pair()
    logits.requires_grad_()
    values = LOSSES.build(kind)(logits, torch.full_like(labels, IGNORED))
    values.sum().backward()
    assert torch.equal(values, torch.zeros(4))
    assert torch.equal(logits.grad, torch.zeros_like(logits))


@each
def test_classes_may_be_renamed(kind):
    """The background with them, where it is no class like the others."""
    logits, labels = pair(4)
    order = torch.tensor([0, 3, 1, 2])
    loss = LOSSES.build({"kind": kind, "class_weights": [1.0, 2.0, 3.0, 4.0]})
    renamed = LOSSES.build({"kind": kind, "class_weights": [1.0, 4.0, 2.0, 3.0]})
    torch.testing.assert_close(
        loss(logits, labels), renamed(logits[:, order], torch.argsort(order)[labels])
    )


@each
def test_class_weights(kind):
    logits, labels = pair()
    loss = LOSSES.build(kind)
    alike = LOSSES.build({"kind": kind, "class_weights": [1.0, 1.0, 1.0]})
    torch.testing.assert_close(alike(logits, labels), loss(logits, labels))
    heavy = LOSSES.build({"kind": kind, "class_weights": [1.0, 9.0, 1.0]})
    wrong = certain(torch.where(labels == 1, 2, labels), 3)  # class 1 is always missed
    assert (heavy(wrong, labels) > 1.2 * loss(wrong, labels)).all()
    with pytest.raises(SettingError, match=f"'{kind}' has 2 class_weights, but there are 3"):
        LOSSES.build({"kind": kind, "class_weights": [1.0, 2.0]})(logits, labels)
    with pytest.raises(SettingError, match="greater than 0"):
        LOSSES.build({"kind": kind, "class_weights": [0.0, 1.0, 1.0]})


@pytest.mark.parametrize("kind", [k for k in KINDS if k != "categorical_cross_entropy"])
def test_values_are_no_labels(kind):
    logits, _ = pair()
    with pytest.raises(DataError, match=f"The loss '{kind}' needs integer labels"):
        LOSSES.build(kind)(logits, torch.softmax(logits, 1))


@each
def test_it_is_learned_by_gradient_descent(kind):
    """Logits that are free find labels of two blobs that were drawn at random."""
    labels = torch.zeros(1, 12, 12, dtype=torch.int64)
    labels[:, 2:6, 3:9], labels[:, 7:11, 1:5] = 1, 2
    logits = torch.zeros(1, 3, 12, 12, requires_grad=True)
    loss = LOSSES.build(kind)
    optimizer = torch.optim.Adam([logits], lr=0.3)
    for _ in range(40):
        optimizer.zero_grad()
        loss(logits, labels).sum().backward()
        optimizer.step()
    assert (logits.argmax(1) == labels).float().mean() > 0.99


@each_pixel_loss
def test_per_sample_is_per_pixel_times_the_number_of_labelled_pixels(kind):
    logits, labels = pair()
    labels[0, 1], labels[1, :] = IGNORED, IGNORED
    summed = LOSSES.build({"kind": kind, "per": "sample"})(logits, labels)
    averaged = LOSSES.build({"kind": kind, "per": "pixel"})(logits, labels)
    torch.testing.assert_close(summed, averaged * torch.tensor([24.0, 0, 30, 30]))


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"categorical_cross_entropy"}))
def test_the_scale_is_that_of_a_pixel(kind):
    """A picture four times as large costs about the same."""
    logits, labels = pair()
    loss = LOSSES.build(kind)
    assert loss.scale == "pixel"
    if kind != "boundary_cross_entropy":  # whose borders are fewer
        larger = (x.repeat_interleave(2, -1).repeat_interleave(2, -2) for x in (logits, labels))
        torch.testing.assert_close(loss(*larger), loss(logits, labels))
