"""Data that a client sends: a table, or images in a zip file, checked before they are kept."""

from __future__ import annotations

import io
import shutil
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from isthmus.core.errors import DataError
from isthmus.core.files import atomic_folder
from isthmus.data.csv_files import load_csv
from isthmus.data.image_files import IMAGE_SUFFIXES, read_header
from isthmus.studio.jobs.measuring import kind_of

MOST_BYTES = 2**30  # of a zip file, unpacked
MOST_FILES = 50_000
_OTHER = (".csv",)  # an index of images may stand beside them
_ADVICE = "send a table as .csv, or images in a .zip; register larger data by --data NAME=PATH"


def keep_upload(content: bytes, name: str, folder: Path) -> Path:
    """Unpack and check what was sent; the path of the data in `folder`, which is made.

    Raises
    ------
    DataError
        If it is neither, too large, damaged, or names a place outside; nothing is kept then.
    StorageError
        If the disk refuses.
    """
    if not content:
        raise DataError(f"Nothing was sent; {_ADVICE}.")
    with atomic_folder(folder) as temporary:
        if zipfile.is_zipfile(io.BytesIO(content)):
            _unpack(content, temporary)
            _check_images(temporary)
            return folder
        (temporary / f"{name}.csv").write_bytes(content)
        _check_table(temporary / f"{name}.csv")
    return folder / f"{name}.csv"


def _unpack(content: bytes, folder: Path) -> None:
    """Write the files of a zip, without a folder that holds them all."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = [entry for entry in archive.infolist() if _wanted(entry)]
            if len(entries) > MOST_FILES or sum(entry.file_size for entry in entries) > MOST_BYTES:
                raise DataError(
                    f"The zip file unpacks to more than {MOST_BYTES / 2**30:.0f} GiB or"
                    f" {MOST_FILES:,} files; register such data by --data NAME=PATH."
                )
            paths = [PurePosixPath(entry.filename) for entry in entries]
            tops = {path.parts[0] for path in paths}
            single = len(tops) == 1 and all(len(path.parts) > 1 for path in paths)
            for entry, path in zip(entries, paths, strict=True):
                target = folder.joinpath(*path.parts[single:])
                target.parent.mkdir(parents=True, exist_ok=True)
                # zipfile reads no more than the size that the entry declares.
                with archive.open(entry) as source, target.open("wb") as file:
                    shutil.copyfileobj(source, file)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"The zip file is damaged or locked ({error}); pack it again.") from error
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise DataError("The zip file names a file and a folder alike; pack it again.") from error


def _wanted(entry: zipfile.ZipInfo) -> bool:
    """Whether an entry is an image or an index; one outside the folder is refused."""
    path = PurePosixPath(entry.filename)
    if path.is_absolute() or ".." in path.parts or "\\" in entry.filename:
        raise DataError(f"The zip file names a place outside, '{entry.filename}'; pack it again.")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    hidden = any(part.startswith((".", "__MACOSX")) for part in path.parts)
    if entry.is_dir() or hidden or kind not in (0, stat.S_IFREG):
        return False
    return path.suffix.lower() in (*IMAGE_SUFFIXES, *_OTHER)


def _check_images(folder: Path) -> None:
    images = [path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES]
    if not images:
        raise DataError(f"The zip file holds no images; {_ADVICE}.")
    with _names_without(folder):
        for path in images:
            read_header(path)
        kind_of(folder)


def _check_table(path: Path) -> None:
    with _names_without(path.parent):
        if not load_csv(path)[0].height:
            raise DataError("The table has no rows.")


@contextmanager
def _names_without(folder: Path) -> Iterator[None]:
    """Errors name files as they were sent, not where they were unpacked."""
    try:
        yield
    except DataError as error:
        raise DataError(str(error).replace(f"{folder}/", "")) from error
