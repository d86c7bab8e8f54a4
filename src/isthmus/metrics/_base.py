"""What a metric is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from numpy.typing import NDArray

from isthmus.core.registry import Registry


class Metric(ABC):
    """A number for each sample.

    Attributes
    ----------
    title
        Name in tables, with its scale.
    higher_is_better
        Direction.
    unit_range
        Whether target and output must be pixels in [0, 1].
    of
        ``"samples"`` and what is made of them, ``"labels"`` and those that are predicted, or
        samples and their ``"likelihoods"``.
    """

    kind: ClassVar[str]
    title: ClassVar[str]
    higher_is_better: ClassVar[bool] = False
    unit_range: ClassVar[bool] = False
    of: ClassVar[str] = "samples"

    @classmethod
    def applies(cls, shape: tuple[int, ...]) -> bool:
        """Whether the metric is defined for samples of this shape, without the leading N."""
        return True

    @abstractmethod
    def __call__(self, target: NDArray[Any], output: NDArray[Any]) -> NDArray[Any]:
        """Values ``(N,)`` for targets and outputs ``(N, ...)``."""


METRICS: Registry[Metric] = Registry("metric")
