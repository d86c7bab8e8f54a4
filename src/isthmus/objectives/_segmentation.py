"""What losses of label maps share: pixels without a label, class weights, softmax."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor

from isthmus.core.errors import DataError, SettingError
from isthmus.core.labels import IGNORED
from isthmus.core.settings import PositiveFloat
from isthmus.objectives._base import Loss, Scale, at_least_float32

ClassWeights = tuple[PositiveFloat, ...] | None


class LabelMapLoss(Loss):
    """L(y, p) of a label map y and p = softmax(logits) over K ≥ 2 classes.

    Logits are ``(N, K, ...)``, y is int64 ``(N, ...)`` with 0 (background) to K - 1, and -1 for
    pixels to ignore. A subclass of this class is defined for label maps; no other loss is.

    Parameters
    ----------
    class_weights
        One factor for each of the K classes, the background first; ``None`` weighs them alike.
    """

    output_activation = "softmax"

    def __init__(self, *, class_weights: ClassWeights = None, per: Scale = "pixel") -> None:
        super().__init__(per=per)
        self.class_weights = class_weights

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        """Loss of each sample, ``(N,)`` at least float32, of logits and a label map.

        Raises
        ------
        DataError
            If the targets are no labels.
        SettingError
            If there are not as many class weights as classes.
        """
        if target.is_floating_point():
            raise DataError(
                f"The loss '{self.kind}' needs integer labels as targets, not values; choose"
                " 'squared_error' or 'binary_cross_entropy' for values."
            )
        log_p = at_least_float32(output).log_softmax(1)
        return self.of_labels(log_p, target, self.weights(log_p))

    @abstractmethod
    def of_labels(self, log_p: Tensor, target: Tensor, weights: Tensor) -> Tensor:
        """Loss of each sample ``(N,)``, given log p ``(N, K, ...)`` and class weights ``(K,)``."""

    def weights(self, log_p: Tensor) -> Tensor:
        """Class weights ``(K,)``, 1 by default."""
        classes = log_p.shape[1]
        if self.class_weights is None:
            return log_p.new_ones(classes)
        if len(self.class_weights) != classes:
            raise SettingError(
                f"The loss '{self.kind}' has {len(self.class_weights)} class_weights, but there are"
                f" {classes} classes; give one weight for each, the background first."
            )
        return log_p.new_tensor(self.class_weights)


class PixelLoss(LabelMapLoss):
    """L(y, p) = Σ_i w_{y_i} l(y_i, p_i) over the labelled pixels i, or its mean over them.

    The mean divides by the number of labelled pixels, not by their weights: dividing by those
    would undo the weights wherever a sample has one class. Samples without a label cost nothing.

    Parameters
    ----------
    per
        ``"pixel"``: the mean over the labelled pixels; ``"sample"``: the sum.
    """

    @abstractmethod
    def values(self, log_p: Tensor, target: Tensor) -> Tensor:
        """L ``(N, ...)`` of each pixel; of ignored ones any finite number."""

    def of_labels(self, log_p: Tensor, target: Tensor, weights: Tensor) -> Tensor:
        """The sum or mean over the labelled pixels of each sample."""
        labelled = target != IGNORED
        values = weights[target.clamp(min=0)] * self.values(log_p, target)
        sums = values.where(labelled, 0.0).reshape(len(values), -1).sum(1)
        if self.scale == "sample":
            return sums
        return sums / labelled.reshape(len(values), -1).sum(1).clamp(min=1)


def at_labels(log_p: Tensor, target: Tensor) -> Tensor:
    """Log p_y ``(N, ...)`` at the label of each pixel; at ignored ones that of the background."""
    return log_p.gather(1, target.clamp(min=0).unsqueeze(1)).squeeze(1)


def one_hot(log_p: Tensor, target: Tensor) -> Tensor:
    """The label map as ``(N, K, ...)`` of 0 and 1, like log p; ignored pixels as background."""
    return log_p.new_zeros(log_p.shape).scatter_(1, target.clamp(min=0).unsqueeze(1), 1.0)
