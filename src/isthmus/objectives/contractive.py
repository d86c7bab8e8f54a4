"""The penalty of the contractive autoencoder: ‖J_f(x)‖²_F, the Jacobian of the encoder."""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from torch import Tensor

from isthmus.core.errors import SettingError
from isthmus.core.settings import NonNegativeFloat, PositiveInt
from isthmus.objectives._base import PENALTIES, Pass, Penalty, at_least_float32

_SMALL = 64  # code units up to which "auto" takes the exact Jacobian

Method = Literal["auto", "closed_form", "exact", "projections"]


def closed_form(network: Any, code: Tensor) -> Tensor:
    """‖J‖²_F = Σ_j s'(a_j)² Σ_i W_ij² of each sample, for an encoder h = s(W x + b) of one layer.

    For a sigmoid s' = h (1 - h). `code` is ``(N, m)``, the result ``(N,)``.
    """
    weight = at_least_float32(network.single_layer.weight)
    slope = network.code_activation.slope(at_least_float32(code))
    # Not as a matrix product, which autocast would round.
    norms: Tensor = (slope.square() * weight.square().sum(1)).sum(1)
    return norms


def jacobian(network: Any, x: Tensor) -> Tensor:
    """∂h_j / ∂x_i of each sample, ``(N, m, *sample_shape)``, by m backward passes.

    Samples must not depend on each other (no batch statistics).
    """
    return _backward(network, x, lambda code: torch.eye(code[0].numel()))


def projected_norm(network: Any, x: Tensor, projections: int) -> Tensor:
    """An estimate of ‖J‖²_F of each sample, ``(N,)``, without bias (Hutchinson 1990).

    The mean of ‖vᵀ J‖² over `projections` directions v ~ N(0, I), drawn from torch's global state,
    which the training seeds before every step; its relative standard deviation is at most
    √(2 / projections).
    """
    rows = _backward(network, x, lambda code: torch.randn(projections, *code.shape))
    return rows.square().flatten(1).sum(1) / projections


def _backward(network: Any, x: Tensor, directions: Any) -> Tensor:
    """vᵀ J for each of some directions, ``(N, directions, *sample_shape)``.

    The graph is kept where gradients are wanted, since the penalty is itself differentiated.
    """
    keep, activation = torch.is_grad_enabled(), network.code_activation
    training = activation.training
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        activation.eval()  # idle units and thresholds count a step once, not at a second look
        code = network.encode(x).flatten(1)
        activation.train(training)
        chosen = directions(code).to(code)
        if chosen.ndim == 2:  # the same directions for each sample
            chosen = chosen[:, None].expand(-1, len(code), -1)
        (rows,) = torch.autograd.grad(code, x, chosen, create_graph=keep, is_grads_batched=True)
    return at_least_float32(rows).transpose(0, 1)


@PENALTIES.register("contractive")
class Contractive(Penalty):
    """Ω = (1/N) Σ_n ‖J_f(x_n)‖²_F, J_f(x) = ∂f(x) / ∂x: near points stay near in code space.

    Source: Rifai et al. 2011; lecture note 003.

    Parameters
    ----------
    method
        ``"closed_form"``: for one dense layer whose activation's slope follows from the code
        (sigmoid, tanh, relu, none); costs nearly nothing. ``"exact"``: the whole Jacobian, m
        backward passes for m code units, for any encoder. ``"projections"``: an estimate without
        bias by random directions, for any encoder at the price of few passes. ``"auto"``: the
        first of these that can be, the exact one up to 64 units.
    projections
        Number of random directions for ``"projections"``.
    """

    def __init__(
        self,
        *,
        weight: NonNegativeFloat,
        method: Method = "auto",
        projections: PositiveInt = 4,
    ) -> None:
        super().__init__(weight=weight)
        self.method = method
        self.projections = projections

    def check(self, network: Any) -> None:
        """Refuse a closed form for an encoder that has none."""
        if self.method == "closed_form" and not _has_closed_form(network):
            raise SettingError(
                "The penalty 'contractive' has a closed form only for an encoder of one dense layer"
                " with the code activation sigmoid, tanh, relu or none; set method = 'exact',"
                " 'projections' or 'auto', or hidden_sizes = []."
            )

    def __call__(self, passed: Pass) -> Tensor:
        """Mean over the batch."""
        network, method = passed.network, self.method
        if method == "auto":
            method = _suitable(network)
        if method == "closed_form":
            return closed_form(network, passed.code).mean()
        if method == "exact":
            return jacobian(network, passed.inputs).square().flatten(1).sum(1).mean()
        return projected_norm(network, passed.inputs, self.projections).mean()


def _has_closed_form(network: Any) -> bool:
    if network.single_layer is None:
        return False
    return network.code_activation.slope(torch.zeros(1)) is not None


def _suitable(network: Any) -> Method:
    if _has_closed_form(network):
        return "closed_form"
    return "exact" if math.prod(network.code_shape) <= _SMALL else "projections"
