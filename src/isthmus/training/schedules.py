"""Learning-rate schedules: a factor as a pure function of progress, so that none has a state."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import ClassVar

from isthmus.core.registry import Registry
from isthmus.core.settings import Fraction


class Schedule(ABC):
    """Factor of the learning rate."""

    kind: ClassVar[str]

    @abstractmethod
    def __call__(self, progress: float) -> float:
        """Factor in [0, 1] at `progress`, from 0 (first step) to 1 (end of training)."""


SCHEDULES: Registry[Schedule] = Registry("schedule")


@SCHEDULES.register("constant")
class Constant(Schedule):
    """1 throughout."""

    def __call__(self, progress: float) -> float:
        """1."""
        return 1.0


@SCHEDULES.register("one_cycle")
class OneCycle(Schedule):
    """Up along a cosine from 1/25 to 1 during `warmup`, then down along a cosine to 0.

    Source: Smith and Topin 2018. With ``warmup = 0`` it is the plain cosine schedule.

    Parameters
    ----------
    warmup
        Share of the training spent on the way up.
    """

    def __init__(self, *, warmup: Fraction = 0.3) -> None:
        self.warmup = warmup

    def __call__(self, progress: float) -> float:
        """Factor at `progress`."""
        if progress < self.warmup:
            return 1 / 25 + 24 / 25 * _rise(progress / self.warmup)
        return 1 - _rise((progress - self.warmup) / (1 - self.warmup))


def _rise(t: float) -> float:
    """Half a cosine wave, from 0 at t = 0 to 1 at t = 1."""
    return (1 - math.cos(math.pi * min(t, 1.0))) / 2
