"""The Kullback-Leibler penalty of the sparse autoencoder."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

import torch
from annotated_types import Gt, Lt
from torch import Tensor

from isthmus.core.errors import SettingError
from isthmus.core.settings import NonNegativeFloat
from isthmus.objectives._base import PENALTIES, Pass, Penalty, at_least_float32

Rho = Annotated[float, Gt(0), Lt(1)]


def bernoulli_kl(rho: float, rho_hat: Tensor) -> Tensor:
    """KL(ρ ‖ ρ̂) = ρ log(ρ / ρ̂) + (1 - ρ) log((1 - ρ) / (1 - ρ̂)) in nats, entry by entry.

    0 at ρ̂ = ρ, growing with the distance on each side; ρ̂ is kept off 0 and 1, where it is infinite,
    by no more than its type needs: units that are all but silent still have to feel a gradient.
    """
    numbers = torch.finfo(rho_hat.dtype)
    rho_hat = rho_hat.clamp(numbers.tiny, 1 - numbers.eps / 2)
    p = torch.as_tensor(rho, dtype=rho_hat.dtype, device=rho_hat.device)
    active = p * (p.log() - rho_hat.log())  # no quotient, whose gradient could be infinite
    return active + (1 - p) * ((-p).log1p() - (-rho_hat).log1p())


@PENALTIES.register("kl_sparsity")
class KLSparsity(Penalty):
    """Ω = Σ_j KL(ρ ‖ ρ̂_j), ρ̂_j the mean activation of code unit j, for codes in (0, 1).

    Source: lecture notes 000, 001, 003 (corrected); Ng 2011.

    Parameters
    ----------
    rho
        ρ, the mean activation that is aimed at.
    mean_over
        ``"training_set"``: ρ̂ as it is defined, by a forward pass over all training samples before
        every step; the value is exact and so is the expectation of its gradient, KL'(ρ ‖ ρ̂_j) times
        the gradient of the batch's mean. The pass costs N / batch_size encodings of a batch a step.
        ``"batch"``: ρ̂ estimated from the mini-batch. KL is convex, so the mean of such estimates is
        too large: it also asks for every batch to be alike.
    """

    def __init__(
        self,
        *,
        weight: NonNegativeFloat,
        rho: Rho = 0.05,
        mean_over: Literal["batch", "training_set"] = "batch",
    ) -> None:
        super().__init__(weight=weight)
        self.rho = rho
        self.surveys = mean_over == "training_set"
        self._rho_hat: Tensor | None = None

    def check(self, network: Any) -> None:
        """Refuse codes that may leave [0, 1]."""
        activation = network.code_activation
        if activation.code_range != (0.0, 1.0):
            raise SettingError(
                "The penalty 'kl_sparsity' needs codes in (0, 1), but the network's code activation"
                f" is '{activation.kind}'; set code_activation = 'sigmoid', or choose the penalty"
                " 'l1'."
            )

    def survey(self, codes: Iterable[Tensor]) -> None:
        """ρ̂ over all samples."""
        total, count = torch.zeros(()), 0
        for batch in codes:
            batch = at_least_float32(batch).flatten(1)
            total = total.to(batch) + batch.sum(0)
            count += len(batch)
        self._rho_hat = total / count

    def __call__(self, passed: Pass) -> Tensor:
        """The sum over all code units."""
        batch_mean = at_least_float32(passed.code).flatten(1).mean(0)
        if not self.surveys or self._rho_hat is None:
            return bernoulli_kl(self.rho, batch_mean).sum()
        # The value of ρ̂ with the gradient of the batch's mean.
        rho_hat = self._rho_hat + (batch_mean - batch_mean.detach())
        return bernoulli_kl(self.rho, rho_hat).sum()
