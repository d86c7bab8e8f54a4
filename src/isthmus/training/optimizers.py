"""Optimisers: torch's own, fused where there is a fused kernel."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import torch
from torch import nn

from isthmus.core.registry import Registry
from isthmus.core.settings import Fraction, NonNegativeFloat, PositiveFloat

OPTIMIZERS: Registry[torch.optim.Optimizer] = Registry("optimizer")
Parameters = Iterable[nn.Parameter]


@OPTIMIZERS.register("sgd")
class SGD(torch.optim.SGD):
    """Stochastic gradient descent: v ← momentum v + ∇, θ ← θ - η v.

    Parameters
    ----------
    momentum
        0 for plain gradient descent.
    """

    kind: str

    def __init__(
        self, parameters: Parameters, learning_rate: float, *, momentum: Fraction = 0.0
    ) -> None:
        super().__init__(parameters, lr=learning_rate, momentum=momentum, fused=True)


@OPTIMIZERS.register("adam")
class Adam(torch.optim.Adam):
    """Adam (Kingma and Ba 2015)."""

    kind: str

    def __init__(self, parameters: Parameters, learning_rate: float) -> None:
        super().__init__(parameters, lr=learning_rate, fused=True)


@OPTIMIZERS.register("adamw")
class AdamW(torch.optim.AdamW):
    """Adam with decoupled weight decay: θ ← θ - η decay θ (Loshchilov and Hutter 2019).

    Parameters
    ----------
    weight_decay
        Decay of all parameters.
    """

    kind: str

    def __init__(
        self,
        parameters: Parameters,
        learning_rate: float,
        *,
        weight_decay: NonNegativeFloat = 0.01,
    ) -> None:
        super().__init__(parameters, lr=learning_rate, weight_decay=weight_decay, fused=True)


@OPTIMIZERS.register("muon")
class Muon(torch.optim.Optimizer):
    """Muon for weight matrices (Jordan et al. 2024), AdamW for all other parameters.

    Muon moves a matrix along its momentum made orthogonal, U Vᵀ for a momentum U S Vᵀ, so that no
    direction is left behind: dense autoencoders need a fraction of Adam's epochs. Its step is
    scaled as AdamW's usually is, 0.2 sqrt(max(rows, columns)) (Liu et al. 2025). Biases and
    convolutions are AdamW's.

    Parameters
    ----------
    matrices
        ``"hidden"`` leaves the first and the last matrix, which touch the data, to AdamW;
        ``"all"`` takes them too.
    momentum
        Of the matrices that are Muon's.
    weight_decay
        Decoupled decay of all parameters.
    adam_ratio
        AdamW's learning rate as a share of Muon's.
    """

    kind: str

    def __init__(
        self,
        parameters: Parameters,
        learning_rate: float,
        *,
        matrices: Literal["hidden", "all"] = "hidden",
        momentum: Fraction = 0.95,
        weight_decay: NonNegativeFloat = 0.0,
        adam_ratio: PositiveFloat = 0.5,
    ) -> None:
        parameters = list(parameters)
        taken = [parameter for parameter in parameters if parameter.ndim == 2]
        if matrices == "hidden":
            taken = taken[1:-1]
        others = [parameter for parameter in parameters if all(parameter is not t for t in taken)]
        self._members: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(
                others,
                lr=learning_rate * adam_ratio,
                betas=(0.9, 0.99),
                weight_decay=weight_decay,
                fused=True,
            )
        ]
        if taken:
            self._members.append(
                torch.optim.Muon(
                    taken,
                    lr=learning_rate,
                    weight_decay=weight_decay,
                    momentum=momentum,
                    adjust_lr_fn="match_rms_adamw",
                )
            )
        super().__init__([group for member in self._members for group in member.param_groups], {})
        self._share()

    def _share(self) -> None:
        """Let the members work on this optimiser's own groups and state."""
        for member, group in zip(self._members, self.param_groups, strict=True):
            member.param_groups = [group]
            member.state = self.state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a state, which replaces groups and state."""
        super().load_state_dict(state_dict)
        self._share()

    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # no loss to return
        """One step of both."""
        for member in self._members:
            member.step(closure)
