"""One look for all pictures."""

from __future__ import annotations

import io
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

INK = "#1f2933"
ACCENT = "#0b7285"
MUTED = "#9aa5b1"
# Ten colours that stay apart in print and for most colour-blind readers (Paul Tol's "muted"+1).
CLASS_COLOURS = (
    "#332288", "#88ccee", "#44aa99", "#117733", "#999933",
    "#ddcc77", "#cc6677", "#882255", "#aa4499", "#555555",
)  # fmt: skip
METHOD_COLOURS = {
    "model": ACCENT,
    "PCA": "#cc6677",
    "untrained network": MUTED,
    "mean sample": "#ddcc77",
}

_STYLE: Any = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
}


def new_figure(width: float, height: float, **layout: Any) -> tuple[Figure, Any]:
    """A figure of `width` x `height` inches and its axes (see `Figure.subplots`).

    Built without pyplot: nothing global is changed and no window can open.
    """
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(width, height))
        FigureCanvasAgg(figure)
        return figure, figure.subplots(**layout)


def to_png(figure: Figure) -> bytes:
    """The figure as a PNG of 130 dots per inch."""
    buffer = io.BytesIO()
    with mpl.rc_context(_STYLE):
        figure.savefig(buffer, dpi=130, format="png")
    return buffer.getvalue()


def bare(axes: Axes) -> None:
    """Take away ticks and frame, as around a picture."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
