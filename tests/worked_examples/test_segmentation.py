"""Worked examples of losses and scores of label maps."""

from __future__ import annotations

import math

import numpy as np
import torch

from isthmus.metrics import mask_squared_error, mean_iou, overlap_counts, segmentation_scores
from isthmus.objectives.dice import Dice
from support.examples import close, example, tensor


@example("004-dice")
def test_dice_and_its_loss(example):
    """Score and loss of masks (without a value, and 0, where both are empty), and of a soft one."""
    cases = zip(example["inputs"]["binary_cases"], example["correct"]["binary_cases"], strict=True)
    for given, correct in cases:
        u, v = np.array(given["u"]), np.array(given["v"])
        counts = overlap_counts(u, v)
        assert counts.tp == correct["intersection"]
        assert counts.tp + counts.fp == correct["size_u"]
        assert counts.tp + counts.fn == correct["size_v"]
        logits = 1e4 * tensor(np.stack([1 - u, u]))[None]
        loss = Dice()(logits, torch.from_numpy(v)[None])[0]
        if correct["dice"] is None:
            assert math.isnan(counts.dice)
            assert math.isnan(counts.iou)
            assert loss == 0
            continue
        close(counts.dice, correct["dice"], example)
        close(counts.iou, correct["iou"], example)
        close(1 - loss, correct["dice"], example)
        close(2 * counts.iou / (1 + counts.iou), correct["dice"], example)

    inputs, correct = example["inputs"], example["correct"]
    p = tensor(inputs["soft_prediction"]).requires_grad_()
    y = tensor(inputs["soft_target"])
    loss = Dice().of_masks(p.reshape(1, 1, -1), y.reshape(1, 1, -1), tensor([1.0]))[0]
    close(loss, correct["soft_dice_loss"], example)
    close(1 - loss, correct["soft_dice"], example)
    close(torch.autograd.grad(loss, p)[0], correct["gradient_of_soft_dice_loss"], example)
    log_p = torch.stack([1 - p, p])[None].log()
    close(Dice().of_labels(log_p, y.long()[None], tensor([1, 1]))[0], loss.item(), example)


@example("001-mean-iou")
def test_mean_iou_over_the_classes_of_an_image(example):
    inputs, correct = example["inputs"], example["correct"]
    prediction, target = np.array(inputs["prediction"]), np.array(inputs["target"])
    classes = example["parameters"]["classes"]
    scores = segmentation_scores(prediction, target, classes)
    close(scores.values["iou"], [correct["iou_background"], correct["iou_object"]], example)
    close(scores.mean("iou"), correct["mean_iou"], example)
    close(mean_iou(prediction, target, classes), correct["mean_iou"], example)
    close(mask_squared_error(prediction, target), correct["mean_squared_error"], example)
    close(scores.values["mask_squared_error"], [correct["mean_squared_error"]] * 2, example)
