"""Pictures of what a network has learnt: features, sums of them, and restorations."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from isthmus.inference.features import decoder_columns, largest_parts
from isthmus.reports.pictures import as_picture, tiles
from isthmus.reports.style import bare, new_figure

Array = NDArray[Any]
_MOST = 100  # features in a mosaic
_TERMS = 9  # features in a sum, as in lecture note 001


def feature_mosaic(network: Any, codes: Array) -> Figure:
    """Decoder columns as pictures, those of the most used units first; grey is 0.

    Parameters
    ----------
    network
        Of one layer each way, on images.
    codes
        Codes ``(N, m)`` that tell which units are used.
    """
    columns = decoder_columns(network)
    order = np.argsort(-np.abs(codes).mean(0), kind="stable")[:_MOST]
    side = int(np.ceil(np.sqrt(len(order))))
    figure, panel = new_figure(5.4, 5.4)
    shown = np.stack([_about_grey(columns[unit]) for unit in order])
    whole = tiles(shown, side, gap=1.0)
    panel.imshow(whole, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    bare(panel)
    panel.set(title=f"{len(order)} of {len(columns)} features (decoder columns), most used first")
    return figure


def sums_of_features(network: Any, samples: Array, codes: Array) -> Figure:
    """Each sample as the sum of the features that add most to it, with their coefficients.

    Parameters
    ----------
    samples
        Images in [0, 1], ``(N, ...)``; their codes are `codes` ``(N, m)``.
    """
    terms = min(_TERMS, codes.shape[1])
    parts = largest_parts(network, codes, terms)
    columns = decoder_columns(network)
    figure, panels = new_figure(
        9, 1.1 * len(samples), nrows=len(samples), ncols=terms + 2, squeeze=False
    )
    for row, sample in enumerate(samples):
        _show(panels[row, 0], as_picture(sample), "sample" if row == 0 else "")
        partial = as_picture(np.clip(parts.partial[row], 0, 1))
        _show(panels[row, 1], partial, f"sum of {terms}" if row == 0 else "")
        for place in range(terms):
            image = _about_grey(columns[parts.units[row, place]])
            _show(panels[row, 2 + place], image, f"{parts.coefficients[row, place]:.2g} ×")
    return figure


def restoration_panel(rows: dict[str, Array], titles: list[str]) -> Figure:
    """Images in [0, 1] under each other: clean, corrupted, restored.

    Parameters
    ----------
    rows
        Images ``(N, ...)`` by what they are.
    titles
        Over each column.
    """
    figure, panels = new_figure(
        9, 1.2 * len(rows), nrows=len(rows), ncols=len(titles), squeeze=False
    )
    for row, (name, images) in enumerate(rows.items()):
        for place, image in enumerate(images):
            _show(panels[row, place], as_picture(image), titles[place] if row == 0 else "")
        panels[row, 0].set_ylabel(name, rotation=0, ha="right", va="center")
    return figure


def _about_grey(column: Array) -> Array:
    """A feature as a picture whose grey is 0 and whose greatest value is black or white."""
    return as_picture(0.5 + column / (2 * max(float(np.abs(column).max()), 1e-12)))


def _show(panel: Any, image: Array, title: str) -> None:
    panel.imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    panel.set_title(title, loc="center", fontsize=8)
    bare(panel)
