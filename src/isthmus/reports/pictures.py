"""Pictures of a run on images."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from isthmus.reports.style import bare, new_figure

Array = NDArray[Any]


def as_picture(image: Array) -> Array:
    """An image ``(H, W)`` or ``(C, H, W)`` in [0, 1] as matplotlib draws it."""
    if image.ndim == 2:
        return np.clip(image, 0, 1)
    channels = image if image.shape[0] == 3 else image[:1].repeat(3, axis=0)
    return np.clip(np.moveaxis(channels, 0, -1), 0, 1)


def reconstruction_panel(samples: Array, codes: Array, outputs: Array, titles: list[str]) -> Figure:
    """Columns of samples over their codes over their reconstructions.

    Parameters
    ----------
    samples, outputs
        ``(N, H, W)`` or ``(N, C, H, W)`` in [0, 1].
    codes
        ``(N, units)``, or maps ``(N, c, h, w)``; drawn as tiles from low (dark) to high (light).
    titles
        One for each column.
    """
    columns = len(samples)
    figure, axes = new_figure(
        0.95 * max(columns, 3) + 1.0, 3.1, nrows=3, ncols=columns, squeeze=False
    )
    low, high = float(codes.min()), float(codes.max())
    for column in range(columns):
        axes[0, column].imshow(as_picture(samples[column]), cmap="gray", vmin=0, vmax=1)
        axes[1, column].imshow(_code_tile(codes[column]), cmap="viridis", vmin=low, vmax=high)
        axes[2, column].imshow(as_picture(outputs[column]), cmap="gray", vmin=0, vmax=1)
        axes[0, column].set_title(titles[column], fontsize=8, loc="center")
        for panel in axes[:, column]:
            bare(panel)
    for row, name in enumerate(("original", "code", "reconstruction")):
        axes[row, 0].set_ylabel(name, rotation=0, ha="right", va="center")
    return figure


def _code_tile(code: Array) -> Array:
    """A code as a nearly square tile; what is left over stays empty."""
    if code.ndim == 3:
        return tiles(code.astype(float), math.ceil(math.sqrt(len(code))), gap=np.nan)
    width = math.ceil(math.sqrt(code.size))
    tile = np.full(width * math.ceil(code.size / width), np.nan)
    tile[: code.size] = code.ravel()
    return tile.reshape(-1, width)


def tiles(images: Array, columns: int, gap: float) -> Array:
    """Images ``(N, h, w, ...)`` row by row in one picture, with a pixel of `gap` between them."""
    count, height, width, *channels = images.shape
    rows = math.ceil(count / columns)
    whole = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1, *channels), gap)
    for place, image in enumerate(images):
        top, left = place // columns * (height + 1), place % columns * (width + 1)
        whole[top : top + height, left : left + width] = image
    return whole


def mosaic(images: Array, columns: int | None = None) -> Figure:
    """Images in [0, 1] side by side, in a square unless a number of columns is given."""
    shown = np.stack([as_picture(image) for image in images])
    figure, panel = new_figure(5.4, 5.4)
    whole = tiles(shown, columns or math.ceil(math.sqrt(len(shown))), gap=0.5)
    panel.imshow(whole, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    bare(panel)
    return figure


def decoded_grid(decode: Any, codes: Array, side: int = 15) -> Figure:
    """Images decoded from a grid over the plane of 2-D codes, or along the line of 1-D codes.

    Parameters
    ----------
    decode
        Function from codes ``(N, 1)`` or ``(N, 2)`` to images in [0, 1].
    codes
        Codes of data; the grid spans their 2nd to 98th percentile.
    """
    low, high = np.percentile(codes, [2, 98], axis=0)
    flat = high - low < 1e-6  # codes that are all alike still have a place
    low, high = low - 0.5 * flat, high + 0.5 * flat
    axes = [np.linspace(low[axis], high[axis], side) for axis in range(codes.shape[1])]
    # Rows from top to bottom, as the scatter shows them: the second unit falls.
    grid = [(x, y) for y in axes[1][::-1] for x in axes[0]] if len(axes) == 2 else axes[0][:, None]
    images = np.stack([as_picture(image) for image in decode(np.array(grid, np.float32))])
    figure, panel = new_figure(5.4, 4.6 if len(axes) == 2 else 1.1)
    whole = tiles(images, side, gap=0.5)
    panel.imshow(whole, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    _label_grid(panel, axes, whole.shape[0] / len(axes[0]), whole.shape[1] / len(axes[0]))
    panel.set(title="decoded from a grid of codes", xlabel="code unit 1")
    return figure


def _label_grid(panel: Any, axes: list[Array], height: float, width: float) -> None:
    """Ticks with the codes of five columns, and of five rows."""
    places = np.linspace(0, len(axes[0]) - 1, 5).round().astype(int)
    panel.set_xticks((places + 0.5) * width - 0.5, [f"{axes[0][place]:.3g}" for place in places])
    panel.set_yticks([])
    if len(axes) == 2:
        names = [f"{axes[1][::-1][place]:.3g}" for place in places]
        panel.set_yticks((places + 0.5) * height - 0.5, names)
        panel.set_ylabel("code unit 2")
    panel.spines[:].set_visible(False)
