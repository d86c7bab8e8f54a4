"""Each loss of label maps against others' code, and its own rules."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from monai.losses import DiceLoss, FocalLoss, TverskyLoss
from scipy.ndimage import binary_dilation, distance_transform_edt
from sklearn.metrics import f1_score
from torch import nn
from torch.nn import functional as F

from isthmus.core.errors import DataError
from isthmus.core.labels import IGNORED
from isthmus.metrics import segmentation_scores
from isthmus.objectives import LOSSES
from isthmus.objectives.boundary_cross_entropy import border_weights


def build(kind, **settings):
    return LOSSES.build({"kind": kind, **settings})


@pytest.fixture
def pair(seeded):
    """Logits ``(4, 3, 9, 8)`` and labels with every class in every sample."""
    logits = torch.randn(4, 3, 9, 8, generator=seeded(0), dtype=torch.float64)
    labels = torch.randint(0, 3, (4, 9, 8), generator=seeded(1))
    labels[:, 0, :3] = torch.arange(3)
    return logits, labels


MONAI = {"softmax": True, "to_onehot_y": True, "reduction": "mean"}
EXACT = {"smooth_nr": 0.0, "smooth_dr": 0.0}


@pytest.mark.parametrize("over", ["sample", "batch"])
@pytest.mark.parametrize("background", [False, True])
def test_overlap_losses_agree_with_monai(pair, over, background):
    logits, labels = pair
    ours = {"over": over, "background": background}
    theirs = {"batch": over == "batch", "include_background": background, **MONAI, **EXACT}
    for loss, oracle in [
        (build("dice", **ours), DiceLoss(**theirs)),
        (build("tversky", **ours), TverskyLoss(alpha=0.3, beta=0.7, **theirs)),
        (build("tversky", alpha=1.0, beta=1.0, **ours), DiceLoss(jaccard=True, **theirs)),
    ]:
        expected = oracle(logits, labels.unsqueeze(1))
        assert loss(logits, labels).mean().item() == pytest.approx(expected.item(), rel=1e-6)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_loss_agrees_with_monai(pair, gamma):
    logits, labels = pair
    oracle = FocalLoss(gamma=gamma, use_softmax=True, to_onehot_y=True, reduction="none")
    expected = oracle(logits, labels.unsqueeze(1)).sum(1).mean((1, 2))
    # MONAI works in float32.
    torch.testing.assert_close(
        build("focal", gamma=gamma)(logits, labels).float(), expected.float(), rtol=1e-5, atol=1e-6
    )


def test_focal_loss_spares_what_is_right_already(pair):
    logits, labels = pair
    cross_entropy = build("categorical_cross_entropy", per="pixel")(logits, labels)
    assert (build("focal", gamma=1.0)(logits, labels) < cross_entropy).all()
    torch.testing.assert_close(build("focal", gamma=0.0)(logits, labels), cross_entropy)


def test_cross_entropy_agrees_with_torch(pair):
    """With weights and ignored pixels; torch divides by the weights, which we do not."""
    logits, labels = pair
    labels[0, :2], labels[1] = IGNORED, IGNORED
    weights = (0.5, 1.0, 3.0)
    oracle = nn.CrossEntropyLoss(
        torch.tensor(weights, dtype=torch.float64), ignore_index=IGNORED, reduction="none"
    )(logits, labels)
    loss = build("categorical_cross_entropy", class_weights=weights)
    torch.testing.assert_close(loss(logits, labels), oracle.sum((1, 2)))
    soft = F.one_hot(labels[2:], 3).movedim(-1, 1).double()
    torch.testing.assert_close(loss(logits[2:], soft), loss(logits[2:], labels[2:]))


def test_squared_error_agrees_with_torch(pair):
    logits, labels = pair
    one_hot = F.one_hot(labels, 3).movedim(-1, 1).double()
    expected = 3 * nn.MSELoss()(logits.softmax(1), one_hot)
    loss = build("probability_squared_error")
    torch.testing.assert_close(loss(logits, labels).mean(), expected)
    object_alone = (logits[:, :2].softmax(1)[:, 1] - (labels > 0).double()).square().mean((1, 2))
    torch.testing.assert_close(loss(logits[:, :2], (labels > 0).long()), 2 * object_alone)


def test_dice_cross_entropy_is_their_sum(pair):
    logits, labels = pair
    weights = (1.0, 2.0, 3.0)
    loss = build(
        "dice_cross_entropy", dice_weight=0.25, cross_entropy_weight=2.0, class_weights=weights
    )
    dice = build("dice", class_weights=weights)(logits, labels)
    cross_entropy = build("categorical_cross_entropy", per="pixel", class_weights=weights)
    expected = dice / 4 + 2 * cross_entropy(logits, labels)
    torch.testing.assert_close(loss(logits, labels), expected)


# -- the rule for empty masks --------------------------------------------------------------------


def hard(labels, classes=4):
    return 1e4 * F.one_hot(torch.as_tensor(labels), classes).movedim(-1, 1).double()


maps = st.lists(st.integers(0, 3), min_size=12, max_size=12).map(
    lambda values: np.array(values).reshape(3, 4)
)


@given(prediction=maps, reference=maps)
def test_on_hard_masks_it_is_one_minus_the_mean_of_the_scores(prediction, reference):
    """Of the classes that have a score: 0 if missed or false, none if absent from both."""
    given_labels = torch.from_numpy(reference)[None]
    loss = build("dice")(hard(prediction[None]), given_labels).item()
    known = segmentation_scores(prediction, reference, (1, 2, 3)).mean("dice")
    assert loss == pytest.approx(0 if np.isnan(known) else 1 - known, abs=1e-12)
    occurring = sorted((set(prediction.flat) | set(reference.flat)) - {0})
    if occurring:
        flat = reference.ravel(), prediction.ravel()
        known = f1_score(*flat, labels=occurring, average="macro", zero_division=0)
        assert loss == pytest.approx(1 - known, abs=1e-12)


@pytest.mark.parametrize("kind", ["dice", "tversky"])
def test_a_class_that_is_nowhere_is_neither_rewarded_nor_fined(kind):
    reference, prediction = torch.zeros(2, 1, 6, 6, dtype=torch.int64)
    reference[0, :3], prediction[0, :4] = 1, 1
    loss = build(kind)
    two, four = (loss(hard(prediction, k), reference).item() for k in (2, 4))
    assert 0 < two == pytest.approx(four, abs=1e-12)
    prediction[0, 5, 5] = 2  # one pixel of a class that is not there is wholly wrong
    assert loss(hard(prediction, 4), reference).item() == pytest.approx((two + 1) / 2, abs=0.01)


def test_an_empty_reference():
    """1 for false positives, 0 without; between, below a pixel in all, it goes continuously."""
    labels, loss = torch.zeros(1, 4, 4, dtype=torch.int64), build("dice")
    mass = torch.tensor([0.0, 1e-6, 0.25, 0.5, 1.0, 4.0], dtype=torch.float64)
    p = (mass / 16)[:, None, None].expand(6, 4, 4)
    log_p = torch.stack([(-p).log1p(), p.log()], 1)
    values = loss.of_labels(log_p, labels.expand(6, 4, 4), torch.ones(2))
    torch.testing.assert_close(values, mass.clamp(max=1))


def test_counts_over_the_batch_make_empty_samples_harmless(pair):
    logits, labels = pair
    labels[0] = 0
    alone, together = (build("dice", over=over)(logits, labels) for over in ("sample", "batch"))
    assert alone[0] == 1
    assert (together == together[0]).all()
    assert together[0] < 1
    joined = torch.cat(list(logits), 1)[None], torch.cat(list(labels))[None]
    torch.testing.assert_close(build("dice")(*joined), together[:1])


# -- borders -------------------------------------------------------------------------------------


def distances(labels):
    """By SciPy, to the pixels that touch another label; infinite without any."""
    border = np.zeros(labels.shape, bool)
    for label in np.unique(labels[labels != IGNORED]):
        others = (labels != label) & (labels != IGNORED)
        border |= np.logical_and(
            *(binary_dilation(mask, np.ones((3, 3))) for mask in (labels == label, others))
        )
    return distance_transform_edt(~border) if border.any() else np.full(labels.shape, np.inf)


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.5, 20.0])
def test_border_weights_agree_with_distances_by_scipy(sigma):
    random = np.random.default_rng(0)
    labels = np.zeros((3, 24, 20), np.int64)
    labels[0, 3:9, 4:15], labels[0, 9:14, 4:9] = 1, 2
    labels[1] = random.integers(0, 3, (24, 20)) * (random.random((24, 20)) < 0.02)
    labels[1, 10:16, 8:12] = IGNORED
    weights = border_weights(torch.from_numpy(labels), 4.0, sigma)
    d = np.stack([distances(image) for image in labels])
    expected = 1 + 4 * np.exp(-(d**2) / (2 * sigma**2))
    felt = d <= 3 * sigma
    np.testing.assert_allclose(weights[felt], expected[felt], rtol=1e-6)
    np.testing.assert_allclose(weights[~felt], expected[~felt], rtol=0, atol=4 * np.exp(-4.5))
    assert (weights[2] == 1).all()  # no border, none at the edge of the image either


def test_borders_weigh_more():
    labels = torch.zeros(2, 20, 20, dtype=torch.int64)
    labels[:, 5:15, 5:15] = 1
    wrong = labels.clone()
    wrong[0, 5, 7], wrong[1, 10, 10] = 0, 0
    near, far = build("boundary_cross_entropy", boost=3.0, sigma=1.0)(hard(wrong, 2), labels)
    assert near.item() == pytest.approx(4 * far.item(), rel=1e-3)
    plain = build("categorical_cross_entropy", per="pixel")(hard(wrong, 2), labels)
    assert far.item() == pytest.approx(plain[1].item(), rel=1e-3)
    alike = build("boundary_cross_entropy", boost=0.0)(hard(wrong, 2), labels)
    torch.testing.assert_close(alike, plain)


def test_borders_are_those_of_images():
    with pytest.raises(DataError, match=r"\(N, H, W\), but the targets have shape \(2, 5\)"):
        build("boundary_cross_entropy")(torch.zeros(2, 3, 5), torch.zeros(2, 5).long())
