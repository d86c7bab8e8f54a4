"""Folders of images, and single images, as one array."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import (
    BaseModel,
    ConfigDict,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from isthmus.core.errors import DataError, SettingError
from isthmus.core.settings import PositiveInt
from isthmus.data.dataset import DataSet, encode_labels
from isthmus.data.image_files import (
    IMAGE_SUFFIXES,
    ImageHeader,
    count_pages,
    decode,
    place_of,
    read_header,
)
from isthmus.data.limits import check_memory
from isthmus.data.pixels import convert
from isthmus.data.problems import Problem, collect, raise_first


def _as_size(value: Any, check: ValidatorFunctionWrapHandler) -> Any:
    try:
        return check(value)
    except ValidationError:
        raise SettingError(
            f"{value!r} is not a size; give the pixels of a side, such as 64, or [height, width]."
        ) from None


Size = Annotated[PositiveInt | tuple[PositiveInt, PositiveInt], WrapValidator(_as_size)]


class ImageSettings(BaseModel):
    """How images are read.

    Attributes
    ----------
    size
        Side, or (height, width), to which every image is resized with antialiasing; None keeps the
        size.
    colour
        True for colour ``(N, 3, H, W)``, False for grey ``(N, H, W)``; None keeps what they are.
    """

    model_config = ConfigDict(extra="forbid")

    size: Size | None = None
    colour: bool | None = None

    @property
    def height_width(self) -> tuple[int, int] | None:
        """The size, as two numbers."""
        return (self.size, self.size) if isinstance(self.size, int) else self.size


def read_images(source: Path, settings: ImageSettings) -> DataSet:
    """Read a folder of images, with all folders inside, or a single image.

    Where every image lies in one of at least two subfolders, these are the classes. Hidden files
    and files that are not images are left out.

    Raises
    ------
    DataError
        If there is no image, one cannot be read, they differ in size, colour or bit depth, or all
        together exceed the memory.
    """
    paths = list_images(source)
    try:
        headers = [read_header(path) for path in paths]
        any_size = settings.size is not None
        raise_first(mixed(headers, source, settings.colour, any_size=any_size))
        samples = _load(headers, source, settings)
    except DataError as error:
        if not source.is_dir():
            raise
        raise DataError(f"{error} `isthmus data check {source}` lists all problems.") from error
    names = tuple(_name(path, source) for path in paths)
    classes = _classes(paths, source)
    labels, class_names = (None, None) if classes is None else encode_labels(classes)
    return DataSet(
        source.resolve().name, samples, labels=labels, class_names=class_names, names=names
    )


def check_images(
    source: Path, settings: ImageSettings
) -> tuple[list[Problem], Iterator[tuple[str, NDArray[Any]]]]:
    """List what is wrong with each image of a folder; yield (name, pixels) of the good ones.

    Problems of decoding are added to the list while the images are drawn.
    """
    problems: list[Problem] = []
    headers = []
    for path in list_images(source):
        header = collect(problems, _name(path, source), read_header, path)
        if header is not None:
            headers.append(header)
    any_size = settings.size is not None
    problems.extend(mixed(headers, source, settings.colour, any_size=any_size))
    if headers:
        try:
            _shape(headers, source, settings)
        except DataError as error:
            problems.append(Problem(source.name, str(error)))

    def images() -> Iterator[tuple[str, NDArray[Any]]]:
        for header in headers:
            name = _name(header.path, source)
            pixels = collect(problems, name, decode, header)
            if pixels is not None:
                yield name, pixels

    return problems, images()


_VOLUMES = (".nii", ".nii.gz", ".dcm")


def list_images(source: Path) -> list[Path]:
    """Image files of a folder and of all folders inside, sorted; a file stands for itself.

    Raises
    ------
    DataError
        If there is none.
    """
    if not source.is_dir():
        return [source]
    files = [
        path
        for path in source.rglob("*")
        if not any(part.startswith(".") for part in path.relative_to(source).parts)
        and path.is_file()
    ]
    paths = [path for path in files if path.suffix.lower() in IMAGE_SUFFIXES]
    if not paths and any(path.name.lower().endswith(_VOLUMES) for path in files):
        raise DataError(
            f"{source} holds volumes, not images; give them to a model of volumes, such as that of"
            " `isthmus train hippocampus`."
        )
    if not paths:
        found = f"only other files such as {files[0].name}" if files else "no files"
        raise DataError(
            f"{source} holds no images but {found}; name a folder of"
            f" {', '.join(suffix[1:] for suffix in IMAGE_SUFFIXES)} files, or a single table or"
            " array file."
        )
    top = {path.relative_to(source).parts[0] for path in paths}
    if "images" in top and top & {"masks", "labels"}:
        raise DataError(
            f"{source} holds images and their masks; name {source / 'images'} alone, or say which"
            f" mask values are which classes, as in `isthmus data check {source} --value"
            " background=0 --value lung=255`."
        )
    return sorted(paths, key=lambda path: path.relative_to(source).as_posix())


@dataclass(frozen=True)
class Page:
    """An image of a file: its name within the source, ``NAME#2`` for the second page of several."""

    name: str
    path: Path
    number: int | None

    def header(self) -> ImageHeader:
        """What it declares, see `read_header`."""
        return read_header(self.path, self.number)

    def read(self) -> NDArray[Any]:
        """Its pixels, see `decode`."""
        return decode(self.header())

    @property
    def place(self) -> str:
        """File and page, for messages."""
        return place_of(self.path, self.number)


def list_pages(source: Path, problems: list[Problem]) -> Iterator[Page]:
    """Every image of a file or folder, each page of a TIFF as one; bad files become problems.

    Raises
    ------
    DataError
        If there is none.
    """
    for path in list_images(source):
        inside = path.relative_to(source) if source.is_dir() else Path(path.name)
        name = inside.with_suffix("").as_posix()
        count = collect(problems, name, count_pages, path)
        if count == 1:
            yield Page(name, path, None)
        elif count is not None:
            yield from (Page(f"{name}#{number}", path, number) for number in range(1, count + 1))


def fit_images(dataset: DataSet, settings: ImageSettings) -> DataSet:
    """Apply size and colour to a data set that did not come from image files.

    Raises
    ------
    SettingError
        If its samples are not images.
    """
    size, colour = settings.height_width, settings.colour
    if size is None and colour is None:
        return dataset
    shape = dataset.samples.shape
    if len(shape) == 2 or (len(shape) == 4 and shape[1] != 3):
        raise SettingError(
            f"{dataset.name} does not hold grey or colour images, but samples of shape"
            f" {dataset.sample_shape}; remove data.size and data.colour."
        )
    samples = np.stack([convert(sample, colour, size) for sample in dataset.samples])
    return replace(dataset, samples=samples)


def _load(headers: list[ImageHeader], source: Path, settings: ImageSettings) -> NDArray[Any]:
    samples = np.empty(_shape(headers, source, settings), headers[0].dtype)
    for index, header in enumerate(headers):
        samples[index] = convert(decode(header), settings.colour, settings.height_width)
    return samples


def _shape(headers: list[ImageHeader], source: Path, settings: ImageSettings) -> tuple[int, ...]:
    """Shape of all images together, which must fit into the memory."""
    in_colour = headers[0].colour if settings.colour is None else settings.colour
    size = settings.height_width or headers[0].size
    shape = (len(headers), *((3,) if in_colour else ()), *size)
    check_memory(
        math.prod(shape) * headers[0].dtype.itemsize,
        source,
        "make the images smaller with --set data.size=64",
    )
    return shape


def mixed(
    headers: list[ImageHeader], source: Path, colour: bool | None, *, any_size: bool
) -> Iterator[Problem]:
    """A problem for each size, colour or bit depth that differs from that of the first image."""

    def differing(what: Callable[[ImageHeader], str], verb: str, advice: str) -> Iterator[Problem]:
        counts = Counter(what(header) for header in headers)
        examples = {what(header): header for header in reversed(headers)}
        if len(counts) < 2:
            return
        first = _name(headers[0].path, source)
        usual = what(headers[0])
        for value, count in counts.items():
            if value != usual:
                other = _name(examples[value].path, source)
                files = f" ({count} files)" if count > 1 else ""
                yield Problem(
                    other,
                    f"{source}: {first} {verb} {usual}, but {other} {verb} {value}{files};"
                    f" {advice}",
                )

    if not any_size:
        yield from differing(
            lambda header: f"{header.size[1]} x {header.size[0]}",
            "is",
            "resize all with --set data.size=64.",
        )
    if colour is None:
        yield from differing(
            lambda header: "in colour" if header.colour else "grey",
            "is",
            "make all grey with --set data.colour=false, or all colour with"
            " --set data.colour=true.",
        )
    yield from differing(
        lambda header: f"{header.dtype} values", "has", "save all images with the same bit depth."
    )


def _name(path: Path, source: Path) -> str:
    return path.relative_to(source).as_posix() if source.is_dir() else path.name


def _classes(paths: list[Path], source: Path) -> NDArray[Any] | None:
    """Subfolder of each image, if all lie in subfolders and there are at least two of these."""
    if not source.is_dir():
        return None
    parts = [path.relative_to(source).parts for path in paths]
    folders = [each[0] for each in parts]
    if any(len(each) == 1 for each in parts) or len(set(folders)) < 2:
        return None
    return np.array(folders)
