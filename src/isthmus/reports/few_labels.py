"""What synthetic samples do for a classifier with few labels: a picture and a page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from isthmus.core.files import atomic_file, write_text
from isthmus.metrics import Estimate
from isthmus.models import load
from isthmus.recipes.few_labels import CODES, NONE, SAMPLES, Effect
from isthmus.recipes.runner import read_recipe
from isthmus.reports.page import Cell, Picture, Section, Table, findings, words_of_model
from isthmus.reports.style import ACCENT, CLASS_COLOURS, MUTED, look, new_figure

_COLOURS = {NONE: MUTED, SAMPLES: CLASS_COLOURS[6], CODES: ACCENT}
_NOTE = (
    "Accuracies in per cent, gains in points, each paired with the same draw without synthetic"
    " samples; 95 % bootstrap intervals over draws and test samples. One model was trained, so that"
    " they say nothing about other trainings."
)
_APART = {NONE: 0.96, SAMPLES: 1.0, CODES: 1.04}  # factors along the axis, so that bars stay apart


def write_few_labels_report(
    folder: Path, effects: Sequence[Effect], draws: int, per_class: int, picture: Path, page: Path
) -> None:
    """Write the picture of `effect_curves` as PNG, and a page with the numbers.

    Parameters
    ----------
    folder
        Of the run that was measured.
    draws, per_class
        As they were given to `isthmus.recipes.few_labels.measure_few_labels`.

    Raises
    ------
    StorageError
        If the disk refuses.
    """
    with look():
        caption = "Accuracy, and the gain by synthetic samples, over the number of labels."
        curves = Picture.of("effects", caption, effect_curves(effects))
    with atomic_file(picture) as temporary:
        temporary.write_bytes(curves.png)
    model = words_of_model(load(folder), folder)
    cases = effects[0].accuracy.cases
    text = (
        f"Classifiers were taught with few labelled samples of {read_recipe(folder).data.source},"
        f" and with these and {per_class} synthetic ones of each class: between the codes of a"
        " class, decoded, and, to compare, between the samples themselves (SMOTE). Model:"
        f" {model}; it has seen all training samples, also those without a label."
        f" {draws} draws of the labelled samples; {cases:,} test samples."
    )
    facts = [
        (f"{draws}", "draws of the labelled samples"),
        (f"{per_class}", "synthetic samples of each class"),
        (f"{cases:,}", "test samples"),
    ]
    names = list(dict.fromkeys(effect.classifier for effect in effects))
    sections = [
        Section("Result", verdict(effects), pictures=[curves]),
        Section("Numbers", tables=[_table(effects, name) for name in names], note=_NOTE),
    ]
    write_text(page, findings("Few labels and synthetic samples", text, facts, sections))


def verdict(effects: Sequence[Effect]) -> str:
    """In how many cases synthetic samples helped or harmed, by where they lie."""
    sentences = []
    for way in (CODES, SAMPLES):
        gains = [effect.gain for effect in effects if effect.new == way]
        better, worse = sum(one.low > 0 for one in gains), sum(one.high < 0 for one in gains)
        open_ = len(gains) - better - worse
        sentences.append(
            f"Samples {way} helped in {better} of {len(gains)} cases and harmed in {worse}; in"
            f" {open_} the interval of the gain holds 0."
        )
    return " ".join(sentences)


def effect_curves(effects: Sequence[Effect]) -> Figure:
    """Accuracy, and under it the gain, over the number of labels; a column for each classifier."""
    names = list(dict.fromkeys(effect.classifier for effect in effects))
    counts = sorted({effect.labelled for effect in effects})
    figure, axes = new_figure(
        3.7 * len(names), 5.0, nrows=2, ncols=len(names), squeeze=False, sharex=True, sharey="row"
    )
    for name, (above, below) in zip(names, axes.T, strict=True):
        for way, colour in _COLOURS.items():
            its = [one for one in effects if (one.classifier, one.new) == (name, way)]
            places = [one.labelled * _APART[way] for one in its]
            for panel, shown in (
                (above, [one.accuracy for one in its]),
                (below, [one.gain for one in its] if way != NONE else []),
            ):
                if shown:
                    mean, low, high = 100 * np.array([one[:3] for one in shown]).T
                    panel.errorbar(
                        places, mean, [mean - low, high - mean],
                        color=colour, marker=".", linewidth=1.5, elinewidth=1, capsize=2, label=way,
                    )  # fmt: skip
        below.axhline(0, color=MUTED, linewidth=0.8)
        above.set_title(_title(name))
        below.set_xscale("log")
        below.xaxis.set_major_locator(FixedLocator(counts))
        below.xaxis.set_major_formatter(FixedFormatter([str(count) for count in counts]))
        below.xaxis.set_minor_locator(NullLocator())
        below.set_xlabel("labelled samples of each class")
    axes[0, 0].set_ylabel("accuracy, %")
    axes[1, 0].set_ylabel("gain, points")
    axes[0, 0].legend(title="synthetic samples", loc="lower right")
    return figure


def _title(classifier: str) -> str:
    return classifier[0].upper() + classifier[1:]


def _table(effects: Sequence[Effect], classifier: str) -> Table:
    rows: list[list[Cell]] = [
        [
            one.new,
            one.labelled,
            _times_100(one.accuracy),
            "" if one.new == NONE else _times_100(one.gain),
        ]
        for one in effects
        if one.classifier == classifier
    ]
    columns = ["synthetic samples", "labels", "accuracy, %", "gain, points"]
    return Table(columns, rows, ours=CODES, title=_title(classifier))


def _times_100(share: Estimate) -> tuple[str, str]:
    """A share in per cent, with two digits after the point."""
    mean, low, high = (100 * end for end in share[:3])
    return f"{mean:.2f}", f"{low:.2f} to {high:.2f}" if share.has_interval else "no interval"
