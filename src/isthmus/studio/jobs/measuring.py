"""What a data set is: its kind, how many samples and bytes, and a version of its content."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from isthmus.core.files import sha256
from isthmus.data.csv_files import load_csv
from isthmus.data.image_files import IMAGE_SUFFIXES
from isthmus.data.reading import form_of, open_arrays
from isthmus.data.volumes import is_volume_set

_PAIRS = "images with label maps"
_VOLUMES = "volumes with labels"


@dataclass(frozen=True)
class Measured:
    """What was found of a data set.

    Attributes
    ----------
    version
        First 16 hexadecimal digits of a SHA-256 over names and contents of all files.
    samples
        ``None`` where they cannot be counted without settings.
    """

    kind: str
    version: str
    bytes: int
    samples: int | None


def measure(path: Path, told: Callable[[float], None] = lambda share: None) -> Measured:
    """Read all files of a data set once; `told` of the share that is read.

    Raises
    ------
    DataError
        If it is of no known kind.
    OSError
        If a file cannot be read.
    """
    kind = kind_of(path)
    files = _files(path)
    sizes = [file.stat().st_size for file in files]
    digest, done, total = hashlib.sha256(), 0, sum(sizes)
    for file, size in zip(files, sizes, strict=True):
        name = file.relative_to(path).as_posix() if path.is_dir() else ""
        digest.update(f"{name}\0{size}\0{sha256(file)}\n".encode())
        done += size
        told(done / max(1, total))
    return Measured(kind, digest.hexdigest()[:16], total, _samples(path, kind, files))


def kind_of(path: Path) -> str:
    """What a file or folder holds, in words.

    Raises
    ------
    DataError
        If it is not there, or of no known kind.
    """
    if path.is_dir() and (path / "images").is_dir():
        return _VOLUMES if is_volume_set(path) else _PAIRS
    if path.exists() and is_volume_set(path):
        return _VOLUMES
    form = form_of(path)
    return {"array": "numbers", "idx": "numbers"}.get(form, form)


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return sorted(found for found in path.rglob("*") if found.is_file() and _shown(found, path))


def _shown(file: Path, folder: Path) -> bool:
    return not any(part.startswith(".") for part in file.relative_to(folder).parts)


def _samples(path: Path, kind: str, files: list[Path]) -> int | None:
    if kind == "table":
        return _rows(path)
    if kind == "numbers":
        return len(open_arrays(path, form_of(path)).samples)
    below = path / "images" if (path / "images").is_dir() else path
    images = [file for file in files if file == path or below in file.parents]
    if kind == _VOLUMES:
        return None if below == path else len(images)
    return sum(file.suffix.lower() in IMAGE_SUFFIXES for file in images)


def _rows(path: Path) -> int:
    if path.suffix.lower() != ".parquet":
        return load_csv(path)[0].height
    import polars

    return int(polars.scan_parquet(path).select(polars.len()).collect().item())
