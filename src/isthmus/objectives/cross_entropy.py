"""Cross-entropies, from logits."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from isthmus.objectives._base import LOSSES, Loss, Scale, at_least_float32
from isthmus.objectives._segmentation import ClassWeights, PixelLoss, at_labels


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
class CategoricalCrossEntropy(PixelLoss):
    """L(y, r) = -Σ_positions Σ_c w_c y_c log r_c, r = softmax(logits) over the classes.

    Targets are labels ``(N, ...)``, or float probabilities of the classes ``(N, K, ...)``. The
    class weights w_c are 1 unless they are given.

    Parameters
    ----------
    per
        ``"sample"``: the sum over positions; ``"pixel"``: the mean over (labelled) positions.
    """

    target_range = (0.0, 1.0)

    def __init__(self, *, class_weights: ClassWeights = None, per: Scale = "sample") -> None:
        super().__init__(class_weights=class_weights, per=per)

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        """Cross-entropy of each sample in nats, ``(N,)``."""
        if not target.is_floating_point():
            return super().__call__(output, target)
        log_p = at_least_float32(output).log_softmax(1)
        weights = self.weights(log_p).reshape(-1, *[1] * (log_p.ndim - 2))
        return self.reduce(-(weights * target * log_p).sum(1, keepdim=True))

    def values(self, log_p: Tensor, target: Tensor) -> Tensor:
        """-log p_y of each pixel."""
        return -at_labels(log_p, target)
