"""How far measured quantities agree with true ones, as a picture."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from isthmus.metrics import agreement
from isthmus.reports.style import METHOD_COLOURS, MUTED, new_figure


def agreement_panels(
    measured: NDArray[Any], true: NDArray[Any], what: str, groups: NDArray[Any] | None = None
) -> Figure:
    """Measured against true values; and their differences against their means.

    The second panel is that of Bland and Altman: bias and limits of agreement are its lines.

    Parameters
    ----------
    measured, true
        ``(N,)``, N at least 2.
    what
        The quantity, with its unit.
    """
    figure, (left, right) = new_figure(7.4, 3.4, ncols=2)
    dots = {"s": 18, "color": METHOD_COLOURS["model"], "alpha": 0.7, "linewidths": 0}
    highest = max(float(np.max(measured)), float(np.max(true)), 1)
    left.plot([0, highest], [0, highest], color=MUTED, linewidth=1)
    left.scatter(true, measured, **dots)
    left.set(title=what, xlabel="reference", ylabel="predicted", aspect="equal")
    found = agreement(measured, true, groups)
    right.scatter((measured + true) / 2, measured - true, **dots)
    for estimate, style, name in (
        (found.upper, "--", "limit"),
        (found.bias, "-", "bias"),
        (found.lower, "--", "limit"),
    ):
        right.axhline(estimate.mean, color=MUTED, linestyle=style, linewidth=1)
        right.annotate(
            f"{name} {estimate.mean:.3g}", (1, estimate.mean), ha="right", va="bottom",
            xycoords=("axes fraction", "data"), fontsize=8,
        )  # fmt: skip
    right.set(title="difference, predicted - reference", xlabel="mean of both")
    return figure
