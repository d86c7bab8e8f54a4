"""Sheets of pictures: queries with their neighbours, clusters with their members."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from isthmus.core.files import atomic_folder, write_text
from isthmus.data import write_table
from isthmus.recipes.apply import as_brightness
from isthmus.recipes.cluster import Clusters
from isthmus.recipes.search import Found, refuse_filled, sample_names
from isthmus.reports.found import clusters_page, search_page
from isthmus.reports.page import Picture
from isthmus.reports.pictures import as_picture, tiles
from isthmus.reports.style import bare, new_figure, plain

Array = NDArray[Any]
_ROWS, _COLUMNS = 20, 12  # at most
_PAGE = "report.html"


def write_search(found: Found, out: Path) -> None:
    """Write ``neighbours.csv``, ``report.html`` and, of images, ``sheet.png`` into a new folder.

    Raises
    ------
    SettingError
        If the folder holds something.
    StorageError
        If the disk refuses.
    """
    refuse_filled(out)
    with atomic_folder(out) as folder:
        write_table(folder / "neighbours.csv", found.columns())
        sheets: list[Picture] = []
        if found.queries.samples.ndim > 2:
            places = found.neighbours.places[:_ROWS, :_COLUMNS]
            first = as_brightness(found.model, found.queries.samples[:_ROWS])
            others = as_brightness(found.model, found.source.samples[np.unique(places)])
            rows = [others[np.searchsorted(np.unique(places), row)] for row in places]
            names = [plain(str(name)) for name in sample_names(found.queries)[:_ROWS]]
            drawn = sheet(first, rows, names, ("query", "its neighbours, nearest first"))
            sheets = _write(folder, f"The first {len(first)} queries.", drawn)
        write_text(folder / _PAGE, search_page(found, sheets))


def write_clusters(found: Clusters, out: Path) -> None:
    """Write ``assignments.csv`` and ``report.html``, and ``model/`` if it was tuned.

    Beside them, of images ``sheet.png``, of a table ``groups.csv``: what each cluster is like.

    Raises
    ------
    SettingError
        If the folder holds something.
    StorageError
        If the disk refuses.
    """
    refuse_filled(out)
    with atomic_folder(out) as folder:
        write_table(folder / "assignments.csv", found.columns())
        sheets: list[Picture] = []
        if found.tuned:
            found.model.save(folder / "model")
        if found.dataset.samples.ndim == 2:
            write_table(folder / "groups.csv", found.profile())
        members = dict(list(found.members(_COLUMNS + 1).items())[:_ROWS])
        if found.dataset.samples.ndim > 2 and members:
            rows = [
                as_brightness(found.model, found.dataset.samples[places])
                for places in members.values()
            ]
            names = [f"{cluster} ({np.sum(found.clusters == cluster)})" for cluster in members]
            titles = ("medoid", "members, nearest to the mean first")
            first = np.stack([row[0] for row in rows])
            drawn = sheet(first, [row[1:] for row in rows], names, titles)
            sheets = _write(folder, "Groups with their members; sizes in brackets.", drawn)
        write_text(folder / _PAGE, clusters_page(found, sheets))


def sheet(first: Array, others: list[Array], names: list[str], titles: tuple[str, str]) -> Figure:
    """A column of images in [0, 1] and beside each a row of others.

    Parameters
    ----------
    first
        ``(R, H, W)`` or ``(R, C, H, W)``.
    others
        R arrays of that kind, of any length.
    names
        Of the rows.
    titles
        Over the column, and over the rows.
    """
    count, columns = len(first), max(1, *(len(row) for row in others))
    high, wide = first.shape[-2:]
    side = 0.55 * wide / max(high, wide)
    figure, panels = new_figure(
        1.6 + side * (columns + 1),
        0.5 + 0.55 * high / max(high, wide) * count,
        ncols=2,
        width_ratios=(1, columns),
    )
    empty = np.ones_like(first[0])
    filled = [[*row, *[empty] * (columns - len(row))] for row in others]
    for panel, images, across, title in (
        (panels[0], list(first), 1, titles[0]),
        (panels[1], [image for row in filled for image in row], columns, titles[1]),
    ):
        whole = tiles(np.stack([as_picture(image) for image in images]), across, gap=1.0)
        panel.imshow(whole, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        bare(panel)
        panel.set_title(title, fontsize=8)
    panels[0].set_yticks((np.arange(count) + 0.5) * (high + 1) - 1, names, fontsize=7)
    return figure


def _write(folder: Path, caption: str, figure: Figure) -> list[Picture]:
    """Write the sheet; it is a picture of the page, too."""
    picture = Picture.of("sheet", caption, figure)
    (folder / f"{picture.name}.png").write_bytes(picture.png)
    return [picture]
