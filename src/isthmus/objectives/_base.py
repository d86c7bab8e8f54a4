"""What losses and penalties are given, and what they return."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from isthmus.core.errors import DataError
from isthmus.core.registry import Registry
from isthmus.core.settings import NonNegativeFloat

Scale = Literal["sample", "pixel"]
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Pass:
    """One pass of a batch through a network: everything that L and Ω may look at.

    Attributes
    ----------
    network
        The network (`isthmus.networks.Network`) with its f and g.
    inputs
        C(x), ``(N, ...)``.
    code
        f(C(x)), ``(N, ...)``.
    logits
        The decoder's output before its activation, ``(N, ...)``.
    target
        y, ``(N, ...)``.
    labels
        Class of each sample, ``(N,)`` int64, where it is known.
    """

    network: Any
    inputs: Tensor
    code: Tensor
    logits: Tensor
    target: Tensor
    labels: Tensor | None = None


@dataclass(frozen=True)
class LossValue:
    """A loss with its named parts kept apart.

    Attributes
    ----------
    parts
        ``"reconstruction"``, or another name of L, and one entry for each penalty (λ_k Ω_k, weight
        included), each a scalar: the mean over the batch.
    scale
        What one unit of L is counted over: a whole ``"sample"`` (summed over
        its values) or one ``"pixel"`` (averaged over them).
    """

    parts: dict[str, Tensor]
    scale: Scale

    @property
    def total(self) -> Tensor:
        """Sum of all parts, the number that is minimised."""
        first, *others = self.parts.values()
        for part in others:
            first = first + part
        return first


def at_least_float32(x: Tensor) -> Tensor:
    """Half precision, as autocast gives it, widened to float32; others as they are."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


class Loss(ABC):
    """L(y, r), one number for each sample.

    Attributes
    ----------
    output_activation
        The activation whose logits the loss takes, for numerical stability; ``None`` if it takes
        the activated output.
    target_range
        Lowest and highest value that a target may have; ``None`` for any.
    """

    kind: ClassVar[str]
    output_activation: ClassVar[str | None] = None
    target_range: ClassVar[tuple[float, float] | None] = None

    def __init__(self, *, per: Scale = "sample") -> None:
        self.scale: Scale = per

    @abstractmethod
    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        """Loss of each sample, ``(N,)`` at least float32, of outputs and targets ``(N, ...)``.

        `output` holds logits if `output_activation` is set, else activated outputs.
        """

    def reduce(self, values: Tensor) -> Tensor:
        """Sum (``per="sample"``) or mean (``per="pixel"``) of ``(N, ...)`` over all but N."""
        flat = values.flatten(1)
        return flat.sum(1) if self.scale == "sample" else flat.mean(1)

    def check_targets(self, lowest: float, highest: float) -> None:
        """Refuse targets outside `target_range` with a `DataError`."""
        if self.target_range is None:
            return
        low, high = self.target_range
        if lowest < low - _ROUNDING or highest > high + _ROUNDING:
            raise DataError(
                f"The loss '{self.kind}' needs values from {low:g} to {high:g}, but the scaled data"
                f" go from {lowest:g} to {highest:g}; scale them with scaling = 'unit',"
                " or choose the loss 'squared_error'."
            )


class Penalty(ABC):
    """Ω, one number for a pass.

    Parameters
    ----------
    weight
        λ, the factor of the penalty in the objective; 0 or more.

    Attributes
    ----------
    surveys
        Whether `survey` wants the codes of all training samples before each step.
    """

    kind: ClassVar[str]
    surveys: bool = False

    def __init__(self, *, weight: NonNegativeFloat) -> None:
        self.weight = weight

    def check(self, network: Any) -> None:  # noqa: B027  # most have nothing to refuse
        """Refuse a network (`isthmus.networks.Network`) that Ω is not defined for.

        Raises
        ------
        SettingError
            One sentence.
        """

    def survey(self, codes: Iterable[Tensor]) -> None:  # noqa: B027  # most look at no codes
        """Take note of the codes of all samples, in batches ``(N, ...)`` without gradients."""

    def factor(self, progress: float) -> float:
        """λ at `progress` of the training, from 0 (first step) to 1 (its end)."""
        return self.weight

    @abstractmethod
    def __call__(self, passed: Pass) -> Tensor:
        """Scalar Ω, without its weight."""


LOSSES: Registry[Loss] = Registry("loss")
PENALTIES: Registry[Penalty] = Registry("penalty")
