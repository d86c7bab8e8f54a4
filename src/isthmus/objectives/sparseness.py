"""Sparseness of each unit and of each sample's code, both at once."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge, Le
from torch import Tensor

from isthmus.core.settings import NonNegativeFloat
from isthmus.objectives._base import PENALTIES, Pass, Penalty, at_least_float32

_SILENT = 1e-6  # mean square below which a code counts as silent, so that gradients stay finite


def activity_ratio(h: Tensor, dim: int) -> Tensor:
    """(mean |h|)² / mean h² along one axis: 1 if all are alike, 1 / n if one of n is active.

    It knows no unit of h. Source: Treves and Rolls 1991.
    """
    return h.abs().mean(dim).square() / (h.square().mean(dim) + _SILENT)


@PENALTIES.register("sparseness")
class Sparseness(Penalty):
    """Ω = β mean_j a(h_j over the samples) + (1 - β) mean_n a(h(x_n) over the units).

    a is `activity_ratio`. The first term is the lifetime sparseness, each unit is active for few
    samples; the second the population sparseness, few units are active for each sample (Willmore
    and Tolhurst 2001). Alone, the first may leave whole samples without a unit that speaks for
    them, the second all the work to a few units. Every place of a map counts as a sample, its
    channels as units. Over a batch, which has to be large enough to be like the data.
    Source: Kallenberg et al. 2016, who penalise both; the ratio in place of their terms needs no
    target, and weights that make codes small do not lower it.

    Parameters
    ----------
    lifetime
        β.
    """

    def __init__(
        self, *, weight: NonNegativeFloat, lifetime: Annotated[float, Ge(0), Le(1)] = 0.5
    ) -> None:
        super().__init__(weight=weight)
        self.lifetime = lifetime

    def __call__(self, passed: Pass) -> Tensor:
        """The sum of both terms, in [0, 1]."""
        h = at_least_float32(passed.code).movedim(1, -1).flatten(0, -2)  # (samples, units)
        each_unit, each_sample = (activity_ratio(h, dim).mean() for dim in (0, 1))
        return self.lifetime * each_unit + (1 - self.lifetime) * each_sample
