"""Cross-entropies, from logits."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from isthmus.objectives._base import LOSSES, Loss, at_least_float32


@LOSSES.register("binary_cross_entropy")
class BinaryCrossEntropy(Loss):
    """L(y, r) = -Σ_i [y_i log r_i + (1 - y_i) log(1 - r_i)], r = sigmoid(logits).

    Both terms are there: without the second, predicting 1 everywhere would cost nothing. Computed
    from logits, so that no logarithm of 0 arises. For grey targets its least value is their
    entropy, not 0. Source: lecture notes 001, 002, 003 (corrected).

    Parameters
    ----------
    per
        ``"sample"``: the sum over all values; ``"pixel"``: the mean.
    """

    output_activation = "sigmoid"
    target_range = (0.0, 1.0)

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        """Binary cross-entropy of each sample in nats, ``(N,)``."""
        logits = at_least_float32(output)
        values = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
        return self.reduce(values)


@LOSSES.register("categorical_cross_entropy")
class CategoricalCrossEntropy(Loss):
    """L(y, r) = -Σ_positions Σ_c y_c log r_c, r = softmax(logits) over the classes.

    Parameters
    ----------
    per
        ``"sample"``: the sum over positions; ``"pixel"``: the mean over positions.
    """

    output_activation = "softmax"
    target_range = (0.0, 1.0)

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        """Cross-entropy of each sample in nats, ``(N,)``.

        `output` ``(N, C, ...)`` has classes along dimension 1; `target` gives their probabilities
        in the same shape (one-hot for labels), or integer labels ``(N, ...)``.
        """
        log_probabilities = torch.log_softmax(at_least_float32(output), dim=1)
        if target.is_floating_point():
            values = -(target * log_probabilities).sum(1)
        else:
            values = F.nll_loss(log_probabilities, target, reduction="none")
        return self.reduce(values.unsqueeze(1))
