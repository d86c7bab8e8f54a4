"""Losses of overlap: Tversky and Dice, and Dice together with the cross-entropy."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from isthmus.core.labels import IGNORED
from isthmus.core.settings import PositiveFloat
from isthmus.objectives._base import LOSSES
from isthmus.objectives._segmentation import ClassWeights, LabelMapLoss, one_hot
from isthmus.objectives.cross_entropy import CategoricalCrossEntropy

Over = Literal["sample", "batch"]


@LOSSES.register("tversky")
class Tversky(LabelMapLoss):
    """L(y, p) = 1 - mean over classes c of T_c, T_c = TP_c / (TP_c + α FP_c + β FN_c).

    TP_c = Σ_i p_ic y_ic, FP_c = Σ_i p_ic (1 - y_ic) and FN_c = Σ_i (1 - p_ic) y_ic are soft counts
    of labelled pixels. α = β = ½ is Dice, α = β = 1 the Jaccard index (IoU); a larger β misses
    less.

    Empty masks. A class in the reference but not in the prediction has T = 0, and so has one in
    the prediction but not in the reference. A class in neither, where T is 0/0, is left out of the
    mean: as 1 it would be a reward for every class that a sample does not have, as 0 a fine. If no
    class is left, the loss is 0. So on hard masks the loss is exactly 1 minus the mean of those T
    that have a value. Soft masks are never quite empty: the class counts in full from one pixel
    (the sum of its p) on, and below that by its part of one, so that the loss stays continuous.
    A class that the reference lacks thus costs 1, without a gradient until less than one pixel of
    it is left, much as in every Dice loss; ``over="batch"`` makes that rare, and a cross-entropy
    beside it gives the gradient (`dice_cross_entropy`).

    Source: Salehi et al. 2017.

    Parameters
    ----------
    alpha
        α, the weight of false positives.
    beta
        β, the weight of false negatives.
    over
        ``"sample"``: counts of each sample; ``"batch"``: counts of all samples of the batch
        together, each of which then has the same loss.
    background
        Whether class 0 counts among the classes.
    class_weights
        Of the mean over classes.
    """

    def __init__(
        self,
        *,
        alpha: PositiveFloat = 0.3,
        beta: PositiveFloat = 0.7,
        over: Over = "sample",
        background: bool = False,
        class_weights: ClassWeights = None,
    ) -> None:
        super().__init__(class_weights=class_weights)
        self.alpha, self.beta = alpha, beta
        self.over, self.background = over, background

    def of_labels(self, log_p: Tensor, target: Tensor, weights: Tensor) -> Tensor:
        """1 - the mean over the classes that occur."""
        first = 0 if self.background else 1
        labelled = (target != IGNORED).unsqueeze(1)
        masks = (log_p.exp() * labelled, one_hot(log_p, target) * labelled)
        p, y = (mask[:, first:].flatten(2) for mask in masks)
        return self.of_masks(p, y, weights[first:])

    def of_masks(self, p: Tensor, y: Tensor, w: Tensor) -> Tensor:
        """Loss ``(N,)`` of soft masks p and masks y ``(N, C, positions)`` of C classes."""
        counts = [(p * y).sum(2), (p * (1 - y)).sum(2), ((1 - p) * y).sum(2)]
        if self.over == "batch":
            counts = [count.sum(0, keepdim=True) for count in counts]
        tp, fp, fn = counts
        wrong = self.alpha * fp + self.beta * fn
        size = tp + wrong
        pixel = min(1.0, self.alpha, self.beta)  # the least size of a hard mask
        occurs = (size / pixel).clamp(max=1)
        lost = (w * wrong / size.clamp(min=pixel)).sum(1)  # w · occurs · (1 - T)
        return (lost / (w * occurs).sum(1).clamp(min=w.min())).expand(len(p))


@LOSSES.register("dice")
class Dice(Tversky):
    """L(y, p) = 1 - mean over classes c of S_c, S_c = 2 Σ_i p_ic y_ic / (Σ_i p_ic + Σ_i y_ic).

    The Tversky loss with α = β = ½, with its rule for empty masks. Source: lecture notes 000
    and 004; Milletari et al. 2016 (who square the terms of the denominator).
    """

    def __init__(
        self, *, over: Over = "sample", background: bool = False, class_weights: ClassWeights = None
    ) -> None:
        super().__init__(
            alpha=0.5, beta=0.5, over=over, background=background, class_weights=class_weights
        )


@LOSSES.register("dice_cross_entropy")
class DiceCrossEntropy(LabelMapLoss):
    """L = a (1 - mean S_c) + b CE: Dice, and the mean cross-entropy of a labelled pixel.

    Source: Isensee et al. 2021 (nnU-Net).

    Parameters
    ----------
    dice_weight
        a.
    cross_entropy_weight
        b.
    over, background
        As for `Dice`.
    class_weights
        Of both parts.
    """

    def __init__(
        self,
        *,
        dice_weight: PositiveFloat = 1.0,
        cross_entropy_weight: PositiveFloat = 1.0,
        over: Over = "sample",
        background: bool = False,
        class_weights: ClassWeights = None,
    ) -> None:
        super().__init__(class_weights=class_weights)
        self.parts = [
            (dice_weight, Dice(over=over, background=background)),
            (cross_entropy_weight, CategoricalCrossEntropy(per="pixel")),
        ]

    def of_labels(self, log_p: Tensor, target: Tensor, weights: Tensor) -> Tensor:
        """The weighted sum of both."""
        (a, dice), (b, cross_entropy) = self.parts
        return a * dice.of_labels(log_p, target, weights) + b * cross_entropy.of_labels(
            log_p, target, weights
        )
