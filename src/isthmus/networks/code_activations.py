"""Activations of codes and hidden layers: pointwise ones, and some that keep only large units."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from isthmus.core.errors import SettingError
from isthmus.core.registry import Registry
from isthmus.core.settings import PositiveInt


class CodeActivation(nn.Module):
    """h = s(a), from pre-activations a to codes h, ``(N, ...)`` both.

    Parameters
    ----------
    units
        Number of code units.

    Attributes
    ----------
    code_range
        Between which numbers every unit lies.
    rectifies
        Whether about half of the pre-activations pass, for which He's rule keeps the variance.
    inputs
        Pre-activations of each unit.
    """

    kind: ClassVar[str]
    code_range: ClassVar[tuple[float, float]] = (-math.inf, math.inf)
    rectifies: ClassVar[bool] = False
    inputs: ClassVar[int] = 1
    _of_last_pass: ClassVar[tuple[str, ...]] = ()

    def __init__(self, units: int) -> None:
        super().__init__()

    def draw(self, code: Tensor) -> Tensor:
        """The codes h that the decoder is given in training; random ones only where h is random."""
        return code

    def __getstate__(self) -> dict[str, Any]:
        # A copy is of the module, not of the last batch (whose graph could not be copied).
        return {
            name: value for name, value in self.__dict__.items() if name not in self._of_last_pass
        }

    def slope(self, code: Tensor) -> Tensor | None:
        """s'(a) as a function of h = s(a); ``None`` where h does not tell it."""
        return None


CODE_ACTIVATIONS: Registry[CodeActivation] = Registry("code activation")


@CODE_ACTIVATIONS.register("none")
class NoActivation(CodeActivation):
    """h = a, unbounded."""

    def forward(self, a: Tensor) -> Tensor:
        """The same."""
        return a

    def slope(self, code: Tensor) -> Tensor:
        """1."""
        return torch.ones_like(code)


@CODE_ACTIVATIONS.register("sigmoid")
class Sigmoid(CodeActivation):
    """h = 1 / (1 + exp(-a)), in (0, 1)."""

    code_range = (0.0, 1.0)

    def forward(self, a: Tensor) -> Tensor:
        """Codes in (0, 1)."""
        return torch.sigmoid(a)

    def slope(self, code: Tensor) -> Tensor:
        """As a function of the code, h (1 - h)."""
        return code * (1 - code)


@CODE_ACTIVATIONS.register("tanh")
class Tanh(CodeActivation):
    """h = tanh a, in (-1, 1)."""

    code_range = (-1.0, 1.0)

    def forward(self, a: Tensor) -> Tensor:
        """Codes in (-1, 1)."""
        return torch.tanh(a)

    def slope(self, code: Tensor) -> Tensor:
        """1 - h²."""
        return 1 - code.square()


@CODE_ACTIVATIONS.register("relu")
class Relu(CodeActivation):
    """h = max(a, 0)."""

    code_range = (0.0, math.inf)
    rectifies = True

    def forward(self, a: Tensor) -> Tensor:
        """Codes of at least 0."""
        return torch.relu(a)

    def slope(self, code: Tensor) -> Tensor:
        """1 where a unit is active, 0 elsewhere and at 0."""
        return (code > 0).to(code.dtype)


@CODE_ACTIVATIONS.register("silu")
class Silu(CodeActivation):
    """h = a / (1 + exp(-a))."""

    code_range = (-0.2785, math.inf)
    rectifies = True

    def forward(self, a: Tensor) -> Tensor:
        """Codes above -0.2785."""
        return F.silu(a)


@CODE_ACTIVATIONS.register("leaky_relu")
class LeakyRelu(CodeActivation):
    """h = a where positive, else a / 100."""

    rectifies = True

    def forward(self, a: Tensor) -> Tensor:
        """Codes of any value."""
        return F.leaky_relu(a)


@CODE_ACTIVATIONS.register("elu")
class Elu(CodeActivation):
    """h = a where positive, else exp(a) - 1."""

    code_range = (-1.0, math.inf)
    rectifies = True

    def forward(self, a: Tensor) -> Tensor:
        """Codes above -1."""
        return F.elu(a)


@CODE_ACTIVATIONS.register("gelu")
class Gelu(CodeActivation):
    """h = a Φ(a), Φ the distribution function of N(0, 1)."""

    code_range = (-0.17, math.inf)
    rectifies = True

    def forward(self, a: Tensor) -> Tensor:
        """Codes above -0.17."""
        return F.gelu(a)


@CODE_ACTIVATIONS.register("gaussian")
class Gaussian(CodeActivation):
    """A random code, h = μ + σ ε with ε ~ N(0, I), of pre-activations a = (μ, log σ²).

    Encoding gives the mean μ; `draw` gives h, through which gradients reach μ and σ.
    Source: Kingma and Welling 2014; lecture note 002.

    Attributes
    ----------
    mean, log_variance : Tensor
        μ and log σ² of the last pass, ``(N, ...)`` float32 or wider: of the Gaussian q(h given x).
    """

    inputs = 2
    _of_last_pass = ("mean", "log_variance")
    mean: Tensor
    log_variance: Tensor

    def forward(self, a: Tensor) -> Tensor:
        """μ, of ``(N, 2 units, ...)``."""
        wide = a.to(torch.promote_types(a.dtype, torch.float32))
        self.mean, self.log_variance = wide.chunk(2, dim=1)
        return self.mean

    def draw(self, code: Tensor) -> Tensor:
        """h, by torch's global random state."""
        return self.mean + (self.log_variance / 2).exp() * torch.randn_like(self.mean)


class _Largest(CodeActivation, ABC):
    """Common to `TopK` and `BatchTopK`: rectified units, of which few are kept, and their idleness.

    Attributes
    ----------
    idle : Tensor
        ``(units,)`` int64: training steps since each unit was last active.
    rectified : Tensor
        max(a, 0) of the last pass, ``(N, units)``, of which the kept ones are the code.
    """

    code_range = (0.0, math.inf)
    rectifies = True
    _of_last_pass = ("rectified",)
    idle: Tensor

    def __init__(self, units: int, *, active: PositiveInt = 32, dead_after: PositiveInt = 200):
        super().__init__(units)
        if active > units:
            raise SettingError(
                f"code activation '{self.kind}': active = {active} units cannot be kept of"
                f" {units}; give at most code_size."
            )
        self.active, self.dead_after = active, dead_after
        self.register_buffer("idle", torch.zeros(units, dtype=torch.int64))

    def reset_parameters(self) -> None:
        """No unit has been idle yet."""
        self.idle.zero_()

    def forward(self, a: Tensor) -> Tensor:
        """Codes of which all but few are 0."""
        self.rectified = torch.relu(a).flatten(1)
        code = self.keep(self.rectified)
        if self.training:
            with torch.no_grad():
                self.idle.add_(1).masked_fill_((code > 0).any(0), 0)
        return code.reshape(a.shape)

    @abstractmethod
    def keep(self, h: Tensor) -> Tensor:
        """``(N, units)`` with all but the kept units set to 0."""

    @property
    def dead(self) -> Tensor:
        """Units that were active in none of the last `dead_after` steps, ``(units,)`` bool."""
        return self.idle >= self.dead_after


@CODE_ACTIVATIONS.register("top_k")
class TopK(_Largest):
    """h keeps the k largest of max(a, 0) in each sample; the others are 0.

    Source: Makhzani and Frey 2014; Gao et al. 2024.

    Parameters
    ----------
    active
        k, the greatest number of active units of a sample.
    dead_after
        Training steps without activity after which a unit counts as dead.
    """

    def keep(self, h: Tensor) -> Tensor:
        """The k largest of each row."""
        values, places = h.topk(self.active, dim=1)
        return torch.zeros_like(h).scatter(1, places, values)


@CODE_ACTIVATIONS.register("batch_top_k")
class BatchTopK(_Largest):
    """h keeps the N k largest of max(a, 0) in a batch of N: a sample may use more units or fewer.

    Outside training the batch must not matter: units above a threshold are kept, the running mean
    (decay 0.99) of the least kept value in training. Source: Bussmann, Leask and Nanda 2024.

    Parameters
    ----------
    active
        k, the mean number of active units of a sample.
    dead_after
        Training steps without activity after which a unit counts as dead.

    Attributes
    ----------
    threshold : Tensor
        Scalar float32; negative before the first training step.
    """

    threshold: Tensor

    def __init__(self, units: int, *, active: PositiveInt = 32, dead_after: PositiveInt = 200):
        super().__init__(units, active=active, dead_after=dead_after)
        self.register_buffer("threshold", torch.tensor(-1.0))

    def reset_parameters(self) -> None:
        """Nothing seen yet."""
        super().reset_parameters()
        self.threshold.fill_(-1.0)

    def keep(self, h: Tensor) -> Tensor:
        """The largest of all rows together, or those above the threshold."""
        if not self.training:
            return h * (h > self.threshold)
        flat = h.flatten()
        values, places = flat.topk(len(h) * self.active)
        with torch.no_grad():
            # Where fewer are positive, the least positive one counts.
            least = values[values > 0].min() if bool((values > 0).any()) else values.new_zeros(())
            decay = 0.99 if self.threshold >= 0 else 0.0
            self.threshold.mul_(decay).add_((1 - decay) * least.float())
        return torch.zeros_like(flat).scatter(0, places, values).view_as(h)
