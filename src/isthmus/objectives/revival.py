"""A second life for code units that are never among the largest."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from isthmus.core.errors import SettingError
from isthmus.core.settings import NonNegativeFloat, PositiveInt
from isthmus.objectives._base import PENALTIES, Pass, Penalty, at_least_float32


@PENALTIES.register("revival")
class Revival(Penalty):
    """Ω = (1/N) Σ_n ‖e_n - ê_n‖², the error that is left, explained by dead units alone.

    e = y - r is taken as a constant; ê = g(h) - g(0) decodes the `units` largest of the rectified
    pre-activations of the dead units. So a unit that has not been among the k largest for long is
    drawn towards what the others leave over, and comes back. 0 where no unit is dead.
    Source: Gao et al. 2024 (AuxK).

    Parameters
    ----------
    units
        Number of dead units at most that explain the error of one sample.
    """

    def __init__(self, *, weight: NonNegativeFloat, units: PositiveInt = 32) -> None:
        super().__init__(weight=weight)
        self.units = units

    def check(self, network: Any) -> None:
        """Refuse networks without dead units, or whose decoder's end is not linear."""
        activation = network.code_activation
        if not hasattr(activation, "dead") or network.output_activation != "none":
            raise SettingError(
                "The penalty 'revival' needs the code activation 'top_k' or 'batch_top_k' and the"
                f" output activation 'none', but the network has '{activation.kind}' and"
                f" '{network.output_activation}'; remove the penalty or change the network."
            )

    def __call__(self, passed: Pass) -> Tensor:
        """Mean over the batch."""
        network, activation = passed.network, passed.network.code_activation
        dead = activation.dead
        if not bool(dead.any()):
            return passed.logits.new_zeros((), dtype=torch.float32)
        h = activation.rectified * dead
        values, places = h.topk(min(self.units, int(dead.sum())), dim=1)
        code = torch.zeros_like(h).scatter(1, places, values).reshape(passed.code.shape)
        explained = network.logits(code) - network.logits(torch.zeros_like(code[:1]))
        error = at_least_float32(passed.target - passed.logits).detach()
        missed: Tensor = (error - explained).square()
        return missed.flatten(1).sum(1).mean()
