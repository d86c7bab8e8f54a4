"""What the catalogue knows of a data set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from isthmus.core.errors import DataError
from isthmus.data.dataset import DataSet
from isthmus.data.pairs import PairReading

if TYPE_CHECKING:
    from isthmus.data.made._drawing import Picture, Size


@dataclass(frozen=True)
class RemoteFile:
    """A file to download: its name, exact bytes, and checksum such as ``sha256:8d42...``."""

    name: str
    size: int
    checksum: str


@dataclass(frozen=True)
class Entry:
    """A named data set, read by `reader`, or as `pairs` says. To add one, write it into a list.

    Attributes
    ----------
    name, description, licence : str
        For ``isthmus data ls``.
    sample_shape : tuple of int
        Shape of one sample; empty where they differ.
    count : int
        Samples, test samples included.
    reader : callable or None
        Makes the data set of the folder that holds the files.
    files : tuple of RemoteFile
        What the folder must hold; empty for a set that comes with scikit-learn, and for pairs.
    mirrors : tuple of str
        Addresses, in order of preference, that end with a slash and are followed by a file name.
    folder : str
        Name of the folder of its files, where that is another set's; its own name by default.
    pairs : PairReading or None
        How images and masks are read, for `isthmus.data.read_pairs`.
    """

    name: str
    description: str
    sample_shape: tuple[int, ...]
    count: int
    licence: str
    reader: Callable[[Path], DataSet] | None = None
    files: tuple[RemoteFile, ...] = ()
    mirrors: tuple[str, ...] = ()
    folder: str = ""
    pairs: PairReading | None = None

    @property
    def contents(self) -> list[str]:
        """Names of the files or folders that make the set."""
        folders = [self.pairs.images, self.pairs.masks] if self.pairs else []
        return folders + [file.name for file in self.files]

    def missing(self, folder: Path) -> list[str]:
        """Names of the contents that a folder lacks."""
        return [name for name in self.contents if not (folder / name).exists()]

    def read(self, folder: Path) -> DataSet:
        """Read the set from its folder.

        Raises
        ------
        DataError
            If it is one of pairs.
        """
        if self.reader is None:
            raise DataError(
                f"'{self.name}' is a set of images with label maps, which are for segmentation;"
                f" for its images alone give the folder {folder / 'images'}."
            )
        return replace(self.reader(folder), name=self.name)


@dataclass(frozen=True, kw_only=True)
class MadeEntry(Entry):
    """A named set of images with label maps that are made, see `isthmus.data.make_pairs`.

    Attributes
    ----------
    draw : callable
        Makes one image with its label map of a random generator, height and width; of a set of
        series also of the numbers of the series and of the image in it.
    series : int
        Images of each series, as of a patient: they share one beginning of the random generator,
        and the part of the set.
    pairs : PairReading
        Its classes, and their values where the set is written as files.
    """

    draw: Callable[..., Picture]
    pairs: PairReading
    series: int = 1

    def picture(self, seed: int, number: int, size: Size) -> Picture:
        """The image of a number from 0."""
        case, place = divmod(number, self.series)
        of_series = (case, place) if self.series > 1 else ()
        return self.draw(np.random.default_rng((seed, case)), size, *of_series)


@dataclass(frozen=True, kw_only=True)
class MadeVolumes(MadeEntry):
    """A named set of volumes with label volumes that are made, each of the slices of a series.

    Attributes
    ----------
    spacing : tuple of float
        Size of a voxel in mm along D, H and W.
    """

    spacing: tuple[float, float, float]
