"""Several corruptions, each only now and then."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import MinLen
from torch import Tensor

from isthmus.core.registry import Spec
from isthmus.core.settings import Probability
from isthmus.corruption._base import CORRUPTIONS, Corruption, beside


@CORRUPTIONS.register("sometimes")
class Sometimes(Corruption):
    """x̃ = C_k(... C_1(x)), each C_i of a sample with a chance of its own draw, else left out.

    Parameters
    ----------
    parts
        Specs of C_1, ..., C_k, for instance noise and blur that cameras have now and then.
    chance
        Of each part.
    """

    def __init__(
        self,
        *,
        parts: Annotated[tuple[Annotated[Spec, CORRUPTIONS], ...], MinLen(1)] = ("gaussian",),
        chance: Probability = 0.2,
    ) -> None:
        self.parts = [CORRUPTIONS.build(spec) for spec in parts]
        self.chance = chance

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Copy of x with some of the corruptions."""
        changed = x.clone()
        for part in self.parts:
            drawn = torch.rand(len(x), generator=generator, device=x.device) < self.chance
            changed = torch.where(beside(drawn, x).bool(), part(changed, generator), changed)
        return changed

    @property
    def value_range(self) -> tuple[float, float] | None:
        """The values that all parts allow."""
        ranges = [part.value_range for part in self.parts if part.value_range is not None]
        if not ranges:
            return None
        return max(low for low, _ in ranges), min(high for _, high in ranges)

    def check_inputs(self, lowest: float, highest: float) -> None:
        """Refuse inputs that one of the parts refuses."""
        for part in self.parts:
            part.check_inputs(lowest, highest)
