"""Pictures of what a decoder makes of codes that belong to no sample."""

from __future__ import annotations

from pathlib import Path

from isthmus.core.files import atomic_file
from isthmus.recipes.walks import Walk
from isthmus.reports.pictures import as_picture
from isthmus.reports.style import bare, look, new_figure, plain, to_png


def write_walk(walk: Walk, path: Path) -> None:
    """Write a PNG of decoded codes; under each its distance to the nearest sample of the data.

    Raises
    ------
    StorageError
        If the disk refuses.
    """
    with look():
        count, length = walk.distances.shape
        figure, panels = new_figure(
            0.85 * length + 0.9, 1.05 * count + 0.3, nrows=count, ncols=length, squeeze=False
        )
        for row in range(count):
            for column in range(length):
                panel = panels[row, column]
                image = as_picture(walk.images[row, column])
                panel.imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
                bare(panel)
                distance = walk.distances[row, column]
                if distance == distance:  # an empty place has none
                    panel.set_xlabel(f"{distance:.3g}", fontsize=7, labelpad=2)
                if row == 0:
                    panel.set_title(walk.columns[column], fontsize=8, loc="center")
            panels[row, 0].set_ylabel(plain(walk.rows[row]), rotation=0, ha="right", va="center")
        png = to_png(figure)
    with atomic_file(path) as temporary:
        temporary.write_bytes(png)
