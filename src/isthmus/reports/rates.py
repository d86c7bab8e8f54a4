"""Quality over bits, method by method: a picture and a page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from isthmus.core.files import atomic_file, write_text
from isthmus.metrics import METRICS
from isthmus.models import load
from isthmus.recipes.rate_distortion import Rate
from isthmus.recipes.runner import read_recipe
from isthmus.reports.page import Cell, Picture, Section, Table, findings, number, words_of_model
from isthmus.reports.style import CLASS_COLOURS, METHOD_COLOURS, look, new_figure

_OURS, _BY = "model", "psnr"
_COLOURS = {**METHOD_COLOURS, "JPEG": CLASS_COLOURS[0], "WebP": CLASS_COLOURS[5]}


def write_rate_report(folder: Path, rates: Sequence[Rate], picture: Path, page: Path) -> None:
    """Write the picture of `rate_curves` as PNG, and a page with the scores.

    Parameters
    ----------
    folder
        Of the run that was measured.

    Raises
    ------
    StorageError
        If the disk refuses.
    """
    with look():
        caption = "Quality over bits of each method; lossless ones are left out."
        curves = Picture.of("rates", caption, rate_curves(rates))
    with atomic_file(picture) as temporary:
        temporary.write_bytes(curves.png)
    write_text(page, _page(folder, rates, curves))


def _page(folder: Path, rates: Sequence[Rate], curves: Picture) -> str:
    ours = [rate for rate in rates if rate.method == _OURS]
    cases = ours[0].scores[_BY].cases
    text = (
        f"Bits per pixel, and quality of what comes back, of {cases:,} test images of"
        f" {read_recipe(folder).data.source}. Model: {words_of_model(load(folder), folder)}; its"
        f" codes were quantised in steps of {', '.join(rate.setting for rate in ours)} standard"
        " deviations and entropy-coded. All bytes are counted, headers and all, except the weights"
        " of the model and the components of PCA."
    )
    facts = [
        (f"{cases:,}", "test images"),
        *(
            (number(rate.bits_per_pixel), f"bits per pixel at step {rate.setting}")
            for rate in ours[::3]
        ),
    ]
    lossless: list[list[Cell]] = [
        [rate.method, rate.bits_per_pixel] for rate in rates if not rate.setting
    ]
    sections = [
        Section("Quality over bits", pictures=[curves]),
        Section(
            "Bits per pixel for the same quality",
            "The fewest with which each method reaches the PSNR that the model has at its steps;"
            " – where none of its settings does.",
            [_needed(rates, ours)],
            note="Only measured settings count, so that a rival may need fewer than this.",
        ),
        Section(
            "Lossless",
            tables=[Table(["method", "bits per pixel"], lossless, ours=f"{_OURS}, lossless")],
        ),
        Section(
            "All that was measured",
            tables=[_table(rates)],
            note="Means with 95 % bootstrap intervals over the images, not over trainings.",
            folded=True,
        ),
    ]
    return findings("Rate and distortion", text, facts, sections)


def _table(rates: Sequence[Rate]) -> Table:
    """Bits and scores of each method and setting."""
    rows: list[list[Cell]] = [
        [rate.method, rate.setting, rate.bits_per_pixel, *rate.scores.values()] for rate in rates
    ]
    titles = [METRICS[kind].title for kind in rates[0].scores]
    return Table(["method", "setting", "bits per pixel", *titles], rows, ours=_OURS)


def _needed(rates: Sequence[Rate], ours: Sequence[Rate]) -> Table:
    """Fewest bits of each lossy method for the PSNR that the model has at each of its steps."""
    levels = {rate.setting: rate.scores[_BY].mean for rate in ours}
    columns = [f"step {step}: {level:.1f} dB" for step, level in levels.items()]
    rows: list[list[Cell]] = []
    for method in dict.fromkeys(rate.method for rate in rates if rate.setting):
        reached = [(r.scores[_BY].mean, r.bits_per_pixel) for r in rates if r.method == method]
        fewest = [
            min((bits for quality, bits in reached if quality >= level), default="–")
            for level in levels.values()
        ]
        rows.append([method, *fewest])
    return Table(["method", *columns], rows, ours=_OURS)


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
