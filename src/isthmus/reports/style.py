"""One look for all pictures."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
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
    "corrupted sample": "#882255",
    "linear ridge": "#cc6677",
    "most frequent class": "#cc6677",
    "Otsu threshold": "#ddcc77",
}
OTHER_METHOD = "#88ccee"
_LONGEST = 32  # characters of a label

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
    "legend.fontsize": 8,
    "figure.constrained_layout.use": True,
}


@contextmanager
def look() -> Iterator[None]:
    """Draw in the one look; names in scripts that the font lacks show as boxes, silently."""
    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        yield


def new_figure(width: float, height: float, **layout: Any) -> tuple[Figure, Any]:
    """A figure of `width` x `height` inches and its axes (see `Figure.subplots`).

    Built without pyplot: nothing global is changed and no window can open.
    """
    with look():
        figure = Figure(figsize=(width, height))
        FigureCanvasAgg(figure)
        return figure, figure.subplots(**layout)


def to_png(figure: Figure) -> bytes:
    """The figure as a PNG of 130 dots per inch."""
    buffer = io.BytesIO()
    with look():
        figure.savefig(buffer, dpi=130, format="png")
    return buffer.getvalue()


def plain(name: str) -> str:
    """A name from the data as a label: not too long, and no formula in it."""
    short = name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"
    return " ".join(short.split()).replace("$", r"\$")


def bare(axes: Axes) -> None:
    """Take away ticks and frame, as around a picture."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
