"""Deep supervision: the inner levels of a decoder are shown the target too."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from isthmus.core.errors import SettingError
from isthmus.objectives._base import PENALTIES, Pass, Penalty, at_least_float32


@PENALTIES.register("deep_supervision")
class DeepSupervision(Penalty):
    """Ω = Σ_k w_k L_k / Σ_k w_k over the side outputs k = 1, ..., S, deepest first; w_k = 2^(k-S).

    L_k is the mean cross-entropy in nats between the softmax of side logits and the label map at
    their size: of each of their cells the pixel in its middle. Pixels labelled -1 do not count, nor
    do cells of the padding. For targets that are no label maps, but images, L_k is the mean squared
    error of the activated side logits. Source: Lee et al. 2015.
    """

    def check(self, network: Any) -> None:
        """Refuse a network without side outputs."""
        if not len(getattr(network, "sides", ())):
            raise SettingError(
                "The penalty 'deep_supervision' needs side outputs; use the network 'unet' with"
                " side_outputs = true and at least two channels."
            )

    def __call__(self, passed: Pass) -> Tensor:
        """Weighted mean over the side outputs of the last pass."""
        network, target = passed.network, passed.target
        if target.is_floating_point() and target.ndim == 3:
            target = target.unsqueeze(1)
        total, weights = torch.zeros((), device=target.device), 0.0
        for number, logits in enumerate(reversed(network.side_logits)):
            # Sides are of the padded size, divided by a power of 2.
            cell = -(-target.shape[-1] // network.stride) * network.stride // logits.shape[-1]
            y = _middles(_middles(target, -1, cell), -2, cell)
            side = at_least_float32(logits[..., : y.shape[-2], : y.shape[-1]])
            total = total + 2.0**-number * _loss(network, side, y)
            weights += 2.0**-number
        return total / weights


def _middles(maps: Tensor, axis: int, cell: int) -> Tensor:
    """Every cell's pixel in the middle; of the last cell, where it is cut off, the last pixel."""
    size = maps.shape[axis]
    places = torch.arange(0, size, cell, device=maps.device) + cell // 2
    return maps.index_select(axis, places.clamp(max=size - 1))


def _loss(network: Any, logits: Tensor, y: Tensor) -> Tensor:
    if y.is_floating_point():
        return F.mse_loss(network.activate(logits), y)
    total = F.cross_entropy(logits, y, ignore_index=-1, reduction="sum")
    return total / (y >= 0).sum().clamp(min=1)
