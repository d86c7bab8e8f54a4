"""Pictures of a run on images."""

from __future__ import annotations

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
    figure, axes = new_figure(0.95 * columns + 1.0, 3.1, nrows=3, ncols=columns, squeeze=False)
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
    if code.ndim == 3:  # channels of a map side by side
        return np.concatenate(list(code), axis=1)
    width = int(np.ceil(np.sqrt(code.size)))
    tile = np.full(width * int(np.ceil(code.size / width)), np.nan)
    tile[: code.size] = code.ravel()
    return tile.reshape(-1, width)


def decoded_grid(decode: Any, codes: Array, side: int = 15) -> Figure:
    """Images decoded from a grid over the plane of 2-D codes.

    Parameters
    ----------
    decode
        Function from codes ``(N, 2)`` to images in [0, 1].
    codes
        Codes ``(N, 2)`` of data; the grid spans their 2nd to 98th percentile.
    """
    low, high = np.percentile(codes, [2, 98], axis=0)
    across, up = (np.linspace(low[axis], high[axis], side) for axis in (0, 1))
    # Rows from top to bottom, as the scatter shows them: the second unit falls.
    grid = np.array([(x, y) for y in up[::-1] for x in across], np.float32)
    images = [as_picture(image) for image in decode(grid)]
    rows = [np.concatenate(images[start : start + side], 1) for start in range(0, side**2, side)]
    figure, panel = new_figure(4.8, 4.8)
    extent = (low[0], high[0], low[1], high[1])
    panel.imshow(np.concatenate(rows), cmap="gray", vmin=0, vmax=1, extent=extent, aspect="auto")
    panel.set(title="decoded from a grid of codes", xlabel="code unit 1", ylabel="code unit 2")
    return figure
