"""L1 penalty on codes."""

from __future__ import annotations

from torch import Tensor

from isthmus.objectives._base import PENALTIES, Pass, Penalty, at_least_float32


@PENALTIES.register("l1")
class L1(Penalty):
    """Ω = (1/N) Σ_n Σ_j |h_j(x_n)|: few code units of a sample are large.

    Source: lecture notes 000, 003 ("many choices" of sparsity penalty).
    """

    def __call__(self, passed: Pass) -> Tensor:
        """Mean over samples of the sum of absolute code units."""
        return at_least_float32(passed.code).flatten(1).abs().sum(1).mean()
