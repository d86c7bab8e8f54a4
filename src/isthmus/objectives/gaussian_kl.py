"""The Kullback-Leibler divergence of a random Gaussian code from N(0, I)."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from isthmus.core.errors import SettingError
from isthmus.core.settings import NonNegativeFloat, Probability
from isthmus.objectives._base import PENALTIES, Pass, Penalty


def gaussian_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(μ, σ²) ‖ N(0, 1)) = ½ (μ² + σ² - 1 - log σ²) of each unit, in nats.

    Source: Kingma and Welling 2014, appendix B; lecture note 002 (its direction corrected).
    """
    return (mean.square() + log_variance.exp() - 1 - log_variance) / 2


@PENALTIES.register("gaussian_kl")
class GaussianKL(Penalty):
    """Ω = (1/N) Σ_n KL(q(h given x_n) ‖ N(0, I)), in nats a sample: closed form for a diagonal q.

    With a loss that is -log p(x given h) and λ = 1 the objective is the negative evidence lower
    bound. Source: Kingma and Welling 2014; Higgins et al. 2017 (λ, there β); Bowman et al. 2016
    (warm-up); Kingma et al. 2016 (free bits); lecture note 002.

    Parameters
    ----------
    warmup
        Share of the training over which the weight grows evenly from 0 to λ.
    free_nats
        Each unit's divergence, in the mean over the batch, counts as at least so much: it costs
        nothing to use a unit up to there.
    """

    def __init__(
        self,
        *,
        weight: NonNegativeFloat,
        warmup: Probability = 0.0,
        free_nats: NonNegativeFloat = 0.0,
    ) -> None:
        super().__init__(weight=weight)
        self.warmup, self.free_nats = warmup, free_nats

    def check(self, network: Any) -> None:
        """Refuse a network whose code is not a random Gaussian."""
        if network.code_activation.kind != "gaussian":
            raise SettingError(
                "The penalty 'gaussian_kl' needs the code activation 'gaussian', but the network"
                f" has '{network.code_activation.kind}'; use the model 'variational_autoencoder'."
            )

    def factor(self, progress: float) -> float:
        """λ min(1, progress / warmup)."""
        return self.weight * min(1.0, progress / self.warmup if self.warmup else 1.0)

    def __call__(self, passed: Pass) -> Tensor:
        """Mean over the batch."""
        code = passed.network.code_activation
        units = gaussian_kl(code.mean, code.log_variance).flatten(1).mean(0)
        return units.clamp(min=self.free_nats).sum()
