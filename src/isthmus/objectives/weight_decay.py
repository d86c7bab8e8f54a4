"""Weight decay as a penalty."""

from __future__ import annotations

import torch
from torch import Tensor

from isthmus.objectives._base import PENALTIES, Pass, Penalty


@PENALTIES.register("weight_decay")
class WeightDecay(Penalty):
    """Ω = ½ Σ_W ‖W‖²_F over all weight matrices and kernels; biases are free.

    As a part of the objective, unlike the decoupled decay of AdamW.
    """

    def __call__(self, passed: Pass) -> Tensor:
        """Half the sum of squared weights."""
        weights = [p for p in passed.network.parameters() if p.ndim > 1]
        return 0.5 * torch.stack([weight.square().sum() for weight in weights]).sum()
