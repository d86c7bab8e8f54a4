"""The one equation: E[ L(y, g(f(C(x)))) ] + Σ λ_k Ω_k."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from isthmus.core.errors import SettingError
from isthmus.corruption import Corruption
from isthmus.networks import Network
from isthmus.objectives import Loss, LossValue, Pass, Penalty


class Equation:
    """The objective of every model, as a function of a batch.

    Parameters
    ----------
    network
        f and g.
    loss
        L.
    penalties
        Ω_k, each with its weight λ_k.
    corruption
        C; ``None`` leaves the input as it is.
    loss_part
        Name of L among the parts of the value.
    loss_weight
        Factor of L.

    Raises
    ------
    SettingError
        If the loss takes logits of an output activation that the network does not have, or if a
        penalty is not defined for the network.
    """

    def __init__(
        self,
        network: Network,
        loss: Loss,
        penalties: Sequence[Penalty] = (),
        corruption: Corruption | None = None,
        *,
        loss_part: str = "reconstruction",
        loss_weight: float = 1.0,
    ) -> None:
        wanted = loss.output_activation
        if wanted is not None and network.output_activation != wanted:
            raise SettingError(
                f"The loss '{loss.kind}' belongs to the output activation '{wanted}', but the"
                f" network has '{network.output_activation}'; set output_activation = '{wanted}'."
            )
        for penalty in penalties:
            penalty.check(network)
        self.network = network
        self.loss = loss
        self.penalties = tuple(penalties)
        self.corruption = corruption
        self.loss_part, self.loss_weight = loss_part, loss_weight

    def __call__(
        self,
        x: Tensor,
        y: Tensor,
        generator: torch.Generator,
        labels: Tensor | None = None,
        progress: float = 1.0,
    ) -> LossValue:
        """Value for inputs x and targets y ``(N, ...)``; `generator` draws the corruption.

        `progress`, from 0 to 1, is the share of the training that is done: some weights grow.
        """
        corrupted = self.corruption(x, generator) if self.corruption else x
        code, logits = self.network.given(labels).trace(corrupted)
        output = logits if self.loss.output_activation else self.network.activate(logits)
        passed = Pass(self.network, corrupted, code, logits, y, labels)
        parts = {self.loss_part: self.loss_weight * self.loss(output, y).mean()}
        for penalty in self.penalties:
            value = penalty.factor(progress) * penalty(passed)
            # Two penalties of one kind (with other settings) share a name, and both count.
            parts[penalty.kind] = parts[penalty.kind] + value if penalty.kind in parts else value
        return LossValue(parts, self.loss.scale)

    @property
    def surveys(self) -> bool:
        """Whether a penalty wants to see the codes of all samples before each step."""
        return any(penalty.surveys for penalty in self.penalties)

    def survey(self, batches: Iterable[Tensor]) -> None:
        """Show such penalties the codes of all (clean) samples, as the network now gives them."""
        training = self.network.training
        self.network.eval()
        with torch.no_grad():
            codes = [self.network.encode(x) for x in batches]
        for penalty in self.penalties:
            if penalty.surveys:
                penalty.survey(codes)
        self.network.train(training)
