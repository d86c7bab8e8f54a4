"""Images one by one, of files or of named sets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from isthmus.core.errors import DataError
from isthmus.core.registry import nearest
from isthmus.data import CATALOGUE, Problem, make_pairs, read
from isthmus.data.catalogue import find
from isthmus.data.images import Page, list_pages
from isthmus.data.making import is_made
from isthmus.recipes.apply import number_names


@dataclass(frozen=True)
class HeldPage:
    """An image of a set that is made or has no image files; to be read as a `Page`."""

    name: str
    path: Path
    pixels: NDArray[Any]

    @property
    def place(self) -> str:
        """Set and name, for messages."""
        return str(self.path)

    def read(self) -> NDArray[Any]:
        """Pixels ``(H, W)`` or ``(C, H, W)``."""
        return self.pixels


def pages_of(source: str | Path, problems: list[Problem]) -> Iterator[Page | HeldPage]:
    """Every image of a file, a folder, or a set known by name; bad files become problems.

    A text that is a name of the catalogue is that set, of which the images alone are looked at; for
    a folder of that name write ``./NAME``.

    Raises
    ------
    DataError
        If there is nothing of that name, or no image.
    """
    known = isinstance(source, str) and source in CATALOGUE
    of_files = CATALOGUE[str(source)].pairs if known and not is_made(source) else None
    if known and of_files is None:
        yield from _held(str(source))
        return
    files = find(str(source)) / of_files.images if of_files else Path(source)
    if not files.exists():
        raise DataError(
            f"There is no file or folder {source}, nor a data set of that name"
            f"{nearest(str(source), CATALOGUE)}; give images."
        )
    yield from list_pages(files, problems)


def _held(name: str) -> Iterator[HeldPage]:
    """Images of a set that is in memory."""
    names: Sequence[str]
    images: Sequence[NDArray[Any]] | NDArray[Any]
    if is_made(name):
        pairs = make_pairs(name)
        names, images = pairs.names, pairs.images
    else:
        dataset = read(name)
        names, images = dataset.names or number_names(len(dataset)), dataset.samples
    for own, pixels in zip(names, images, strict=True):
        yield HeldPage(own, Path(name) / own, pixels)
