"""Pictures of a run that hold for any kind of data."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter, MaxNLocator
from numpy.typing import NDArray

from isthmus.metrics import ContractionMap, measure_of
from isthmus.recipes.evaluation import Evaluation
from isthmus.reports.style import (
    CLASS_COLOURS,
    INK,
    METHOD_COLOURS,
    MUTED,
    OTHER_METHOD,
    new_figure,
    plain,
)

Array = NDArray[Any]
POINTS = 1000  # codes in a scatter, as in lecture note 002
_DOT = 14  # square points (1/72 inch) of a dot
_MARKERS = ("o", "s", "^")  # for the first ten classes, the next ten, ...


def loss_curves(history: list[dict[str, float]]) -> Figure:
    """Loss by epoch: one panel for each part, training and validation together.

    Where a training had several phases, a line stands between them.
    """
    keys = dict.fromkeys(key for row in history for key in row)
    names = [key.removeprefix("train/") for key in keys if key.startswith("train/")]
    parts = [name for name in names if name != "total"] if len(names) == 2 else names
    width = 5.4 if len(parts) == 1 else 3.6 * len(parts)
    figure, axes = new_figure(width, 2.8, ncols=len(parts), squeeze=False)
    borders = [
        one["epoch"] + 0.5
        for one, next_ in pairwise(history)
        if one.get("phase") != next_.get("phase")
    ]
    for name, panel in zip(parts, axes[0], strict=True):
        for group, colour in (("train", MUTED), ("validation", METHOD_COLOURS["model"])):
            key = f"{group}/{name}"
            if key in keys:
                values = [row.get(key, np.nan) for row in history]
                label = {"train": "training"}.get(group, group)
                dot = "o" if len(values) == 1 else None
                epochs = [row["epoch"] for row in history]
                panel.plot(epochs, values, color=colour, label=label, linewidth=1.5, marker=dot)
        for border in borders:
            panel.axvline(border, color=MUTED, linewidth=0.8, linestyle=":")
        shown = [row[key] for row in history for key in row if key.endswith(f"/{name}")]
        if min(shown) > 0:
            panel.set_yscale("log")
            panel.yaxis.set_major_formatter(LogFormatter())
            panel.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(1, 0.4)))
        panel.set(title=name, xlabel="epoch")
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        panel.legend()
    return figure


def contraction_maps(maps: dict[str, ContractionMap]) -> Figure:
    """Lines of equal code distance around a sample, for steps along the data and across them.

    Parameters
    ----------
    maps
        By the name of the encoder. Distances are shares of the greatest one on each map.
    """
    figure, axes = new_figure(3.0 * len(maps), 3.2, ncols=len(maps), squeeze=False)
    for panel, (name, found) in zip(axes[0], maps.items(), strict=True):
        shares = found.distances / max(found.distances.max(), 1e-12)
        lines = panel.contour(
            found.steps, found.steps, shares, levels=np.arange(0.1, 1, 0.1), cmap="viridis"
        )
        panel.clabel(lines, fontsize=7)
        panel.set(title=name, xlabel="step along the data", aspect="equal")
    axes[0][0].set_ylabel("step across them")
    return figure


def choose_points(count: int, seed: int = 0) -> Array:
    """Places of exactly `POINTS` samples, or of all where there are fewer."""
    order = np.random.default_rng(seed).permutation(count)
    return np.sort(order[:POINTS])


def code_scatter(codes: Array, labels: Array | None, class_names: tuple[str, ...] | None) -> Figure:
    """Codes as points, coloured by class.

    One unit is drawn along the line with the classes stacked, two as they are, more along their
    first two principal axes.
    """
    return code_scatters({f"{len(codes)} codes": (codes, labels)}, class_names)


def code_scatters(
    codes: dict[str, tuple[Array, Array | None]], class_names: tuple[str, ...] | None
) -> Figure:
    """Codes of several models side by side, with their labels, by title; see `code_scatter`."""
    figure, panels = new_figure(0.9 + 4.5 * len(codes), 4.6, ncols=len(codes), squeeze=False)
    for panel, (title, (points, labels)) in zip(panels[0], codes.items(), strict=True):
        plane, axis_names = _plane(points, labels)
        if labels is None:
            panel.scatter(*plane.T, s=_DOT, color=METHOD_COLOURS["model"], alpha=0.7, linewidths=0)
        else:
            _by_class(panel, plane, labels)
        if points.shape[1] == 1:
            panel.set_yticks([])
        panel.set(title=title, xlabel=axis_names[0], ylabel=axis_names[1])
    if labels is not None:
        _name_classes(panels[0, -1], np.unique(labels), class_names)
    return figure


def _by_class(panel: Any, points: Array, labels: Array) -> None:
    for value in np.unique(labels):
        shape, colour = divmod(int(value), len(CLASS_COLOURS))
        panel.scatter(
            *points[labels == value].T,
            s=_DOT,
            color=CLASS_COLOURS[colour],
            marker=_MARKERS[shape % len(_MARKERS)],
            linewidths=0,
        )


def _name_classes(panel: Any, values: Array, class_names: tuple[str, ...] | None) -> None:
    if len(values) <= 2 * len(CLASS_COLOURS):
        names = [plain(class_names[value]) if class_names else str(value) for value in values]
        panel.legend(
            panel.collections, names, loc="center left", bbox_to_anchor=(1, 0.5), markerscale=1.5
        )


def _plane(codes: Array, labels: Array | None) -> tuple[Array, tuple[str, str]]:
    if codes.shape[1] == 1:
        rows = np.zeros(len(codes)) if labels is None else labels.astype(float)
        jitter = np.random.default_rng(0).uniform(-0.3, 0.3, len(codes))
        across = "spread at random" if labels is None else "class, spread at random"
        return np.column_stack([codes[:, 0], rows + jitter]), ("code unit 1", across)
    if codes.shape[1] == 2:
        return codes, ("code unit 1", "code unit 2")
    centred = codes - codes.mean(0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    scores = np.zeros((len(codes), 2))
    scores[:, : len(axes)] = centred @ axes[:2].T  # a single code has one axis
    return scores, ("principal axis 1 of the codes", "principal axis 2")


def score_bars(evaluation: Evaluation, metric: str) -> Figure:
    """A score of model and baselines, with 95 % intervals."""
    table = {
        method: columns[metric]
        for method, columns in evaluation.table().items()
        if metric in columns
    }
    figure, panel = new_figure(5.4, 2.8)
    for place, (method, estimate) in enumerate(table.items()):
        spread = [[estimate.mean - estimate.low], [estimate.high - estimate.mean]]
        panel.barh(
            place,
            estimate.mean,
            xerr=spread if estimate.has_interval else None,
            color=METHOD_COLOURS.get(method, OTHER_METHOD),
            height=0.62,
            error_kw={"elinewidth": 1.2, "capsize": 3},
        )
        end = estimate.high if estimate.has_interval else estimate.mean
        panel.annotate(
            f"{estimate.mean:.4g}",
            (end, place),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
        )
    panel.set_yticks(range(len(table)), list(table))
    panel.invert_yaxis()
    panel.margins(x=0.16)
    measure = measure_of(metric)
    better = "more" if measure.higher_is_better else "less"
    panel.set(title=f"{measure.title} ({evaluation.part} samples; {better} is better)")
    return figure


def feature_errors(names: tuple[str, ...], target: Array, output: Array, mean: Array) -> Figure:
    """Mean squared error of each column, greatest first, 30 at most; beside predicting `mean`."""
    errors = np.square(output - target).mean(0)
    spread = np.square(target - mean).mean(0)
    order = np.argsort(errors)[::-1][:30]
    figure, panel = new_figure(5.4, max(2.8, 0.7 + 0.26 * len(order)))
    panel.barh(range(len(order)), errors[order], color=METHOD_COLOURS["model"], height=0.62)
    panel.plot(
        spread[order], range(len(order)), "|", color=METHOD_COLOURS["mean sample"], markersize=14,
        markeredgewidth=2.5, label="predicting the mean",
    )  # fmt: skip
    panel.set_yticks(range(len(order)), [plain(names[index]) for index in order])
    panel.invert_yaxis()
    panel.set(title="mean squared error by column, scaled units")
    panel.legend(loc="upper center", bbox_to_anchor=(0.5, -0.08))
    return figure


def sorted_scores(evaluation: Evaluation, metric: str, baseline: str) -> Figure:
    """A score of the model, case by case in its order, and of a baseline on the same cases."""
    own, other = (evaluation.values[method][metric] for method in ("model", baseline))
    order = np.argsort(own, kind="stable")[: np.isfinite(own).sum()]
    figure, panel = new_figure(5.4, 2.8)
    places = np.arange(1, len(order) + 1)
    for name, values, marker in ((baseline, other, "|"), ("model", own, "o")):
        colour = METHOD_COLOURS.get(name, OTHER_METHOD)
        panel.plot(
            places,
            values[order],
            marker,
            color=colour,
            markersize=5,
            markeredgewidth=1.5,
            label=name,
            clip_on=False,
        )
    panel.set(title=measure_of(metric).title, xlabel="case, from the worst to the best")
    panel.set_ylim(0, 1)
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    panel.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2)
    return figure


def confusion(counts: Array, names: tuple[str, ...]) -> Figure:
    """Counts ``(K, K)`` of true (rows) and predicted classes as shares of the rows."""
    shares = 100 * counts / np.maximum(counts.sum(1, keepdims=True), 1)
    figure, panel = new_figure(5.4, 4.6)
    panel.imshow(shares, cmap="Blues", vmin=0, vmax=100)
    for row, column in np.ndindex(shares.shape):
        colour = "white" if shares[row, column] > 60 else INK
        size = min(9, 60 / len(names))
        panel.text(
            column, row, f"{shares[row, column]:.1f}", ha="center", va="center", color=colour,
            fontsize=size,
        )  # fmt: skip
    labels = [plain(name) for name in names]
    panel.set_xticks(range(len(names)), labels, rotation=30, ha="right")
    panel.set_yticks(range(len(names)), labels)
    panel.set(xlabel="predicted", ylabel="reference")
    return figure
