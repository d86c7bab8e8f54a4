"""Picture of quality over bits, method by method."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from isthmus.core.files import atomic_file
from isthmus.metrics import METRICS
from isthmus.recipes.rate_distortion import Rate
from isthmus.reports.style import CLASS_COLOURS, METHOD_COLOURS, look, new_figure, to_png

_COLOURS = {**METHOD_COLOURS, "JPEG": CLASS_COLOURS[0], "WebP": CLASS_COLOURS[5]}


def write_rate_curves(rates: Sequence[Rate], path: Path) -> None:
    """Write the picture of `rate_curves` as PNG."""
    with look():
        picture = to_png(rate_curves(rates))
    with atomic_file(path) as temporary:
        temporary.write_bytes(picture)


def rate_curves(rates: Sequence[Rate]) -> Figure:
    """PSNR, and SSIM where it was measured, over bits per pixel on a logarithmic axis.

    Lossless methods, which have no setting and no curve, are left out.
    """
    shown = [rate for rate in rates if rate.setting]
    kinds = list(shown[0].scores)
    methods = list(dict.fromkeys(rate.method for rate in shown))
    figure, axes = new_figure(3.6 * len(kinds) + 1.4, 3.2, ncols=len(kinds), squeeze=False)
    for kind, panel in zip(kinds, axes[0], strict=True):
        for method in methods:
            rows = [rate for rate in shown if rate.method == method]
            name = method.partition(",")[0].partition(" ")[0]  # without size or kind of file
            panel.plot(
                [rate.bits_per_pixel for rate in rows],
                [rate.scores[kind].mean for rate in rows],
                linestyle="--" if method.endswith("each") else "-",
                color=_COLOURS[name],
                linewidth=2.0 if name == "model" else 1.0,
                marker=".",
                label=method if name != "PCA" else "PCA",
            )
        panel.set_xscale("log")
        panel.set(title=METRICS[kind].title, xlabel="bits per pixel")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    by_label = dict(zip(labels, handles, strict=True))
    figure.legend(by_label.values(), by_label.keys(), loc="outside right upper")
    return figure
