"""Importance sampling of the likelihood of models with a random Gaussian code."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor

from isthmus.corruption import Corruption
from isthmus.networks import Network
from isthmus.networks.code_activations import Gaussian
from isthmus.objectives import Loss, LossValue, Penalty
from isthmus.training.equation import Equation


class Draws(NamedTuple):
    """Codes h drawn K times from q(h given x) for each of N samples, and what came of them.

    Attributes
    ----------
    loss
        L(y, g(h)), ``(N, K)``.
    divergence
        log q(h given x) - log p(h), p = N(0, I), in nats, ``(N, K)``.
    """

    loss: Tensor
    divergence: Tensor

    @property
    def bound(self) -> Tensor:
        """A bound of log p(x), if L is -log p(x given h): see `ImportanceWeighted`; ``(N,)``."""
        weights = -self.loss - self.divergence
        return weights.logsumexp(1) - math.log(weights.shape[1])


def importance_draws(network: Network, loss: Loss, x: Tensor, y: Tensor, count: int) -> Draws:
    """K = `count` codes for each sample x ``(N, ...)`` with the target y, by the global randomness.

    Parameters
    ----------
    network
        With the code activation ``"gaussian"``.
    """
    network.encode(x)
    code = cast(Gaussian, network.code_activation)
    mean, log_variance = (
        part.repeat_interleave(count, dim=0) for part in (code.mean, code.log_variance)
    )
    noise = torch.randn_like(mean)
    drawn = mean + (log_variance / 2).exp() * noise
    logits = network.logits(drawn)
    output = logits if loss.output_activation else network.activate(logits)
    losses = loss(output, y.repeat_interleave(count, dim=0))
    # The constants of both densities cancel.
    divergence = (drawn.square() - noise.square() - log_variance).flatten(1).sum(1) / 2
    return Draws(losses.reshape(-1, count), divergence.reshape(-1, count))


class ImportanceWeighted(Equation):
    """-log (1/K) Σ_k p(x given h_k) p(h_k) / q(h_k given x) in place of L + Ω, the bound for K = 1.

    It is tighter the greater K is, and its gradient is found in the same way. The parts are L and
    the divergence, both as means over the draws, and what the weighting gains, 0 or less; their sum
    is the objective. Source: Burda et al. 2016.

    Parameters
    ----------
    network, loss, corruption
        As of `Equation`.
    penalties
        One, ``gaussian_kl`` of weight 1, whose place the divergence takes.
    count
        K.
    """

    def __init__(
        self,
        network: Network,
        loss: Loss,
        penalties: Sequence[Penalty],
        corruption: Corruption | None = None,
        *,
        count: int,
    ) -> None:
        super().__init__(network, loss, penalties, corruption)
        self.count = count

    def __call__(
        self,
        x: Tensor,
        y: Tensor,
        generator: torch.Generator,
        labels: Tensor | None = None,
        progress: float = 1.0,
    ) -> LossValue:
        """Value for inputs x and targets y ``(N, ...)``; `generator` draws the corruption."""
        corrupted = self.corruption(x, generator) if self.corruption else x
        network = self.network.given(labels)
        draws = importance_draws(network, self.loss, corrupted, y, self.count)
        loss, divergence = draws.loss.mean(), draws.divergence.mean()
        gain = -draws.bound.mean() - loss - divergence
        parts = {
            self.loss_part: loss,
            self.penalties[0].kind: divergence,
            "importance_weighting": gain,
        }
        return LossValue(parts, self.loss.scale)
