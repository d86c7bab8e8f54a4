"""How measured values agree with true ones, as a picture."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from isthmus.reports.style import ACCENT, INK, MUTED, new_figure, plain

_NORMAL = 1.96  # as in `isthmus.metrics.agreement`


def agreement_figure(measured: ArrayLike, true: ArrayLike, unit: str, title: str) -> Figure:
    """Measured over true values; and differences over means (Bland and Altman 1986).

    Lines show equality on the left, and on the right the bias and the limits of agreement, bias ±
    1.96 standard deviations of the differences. Cases that are not finite are left out.

    Parameters
    ----------
    measured, true
        ``(N,)``.
    unit
        Of both, such as ``"ml"``.
    title
        What is measured.
    """
    m, t = (np.asarray(values, np.float64) for values in (measured, true))
    known = np.isfinite(m) & np.isfinite(t)
    m, t = m[known], t[known]
    figure, (left, right) = new_figure(7.2, 3.2, ncols=2)
    low, high = (float(end) for end in (np.append(m, t).min(), np.append(m, t).max()))
    left.plot([low, high], [low, high], color=MUTED, linewidth=1)
    dots = {"linestyle": "", "marker": "o", "markersize": 4, "color": ACCENT, "alpha": 0.7}
    left.plot(t, m, **dots)
    left.set(title=plain(title), xlabel=f"true, {unit}", ylabel=f"measured, {unit}")
    left.set_aspect("equal", adjustable="datalim")
    difference = m - t
    right.plot((m + t) / 2, difference, **dots)
    bias, spread = difference.mean(), difference.std(ddof=1) if len(difference) > 1 else 0.0
    lines = {"bias": bias, "lower": bias - _NORMAL * spread, "upper": bias + _NORMAL * spread}
    for name, value in lines.items():
        right.axhline(value, color=INK, linewidth=1, linestyle="-" if name == "bias" else "--")
        right.annotate(
            f"{name} {value:.3g}",
            (1, value),
            xycoords=("axes fraction", "data"),
            xytext=(0, 2),
            textcoords="offset points",
            ha="right",
            va="bottom",
            fontsize=8,
        )
    right.set(xlabel=f"mean of both, {unit}", ylabel=f"measured - true, {unit}")
    return figure
