"""Downloads of known data sets: https only, of a known size, verified by checksum."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from isthmus.core.errors import DataError
from isthmus.core.files import atomic_file
from isthmus.data.catalogue import cache_folder, stored_entry
from isthmus.data.entry import RemoteFile

_CHUNK = 2**18
_TIMEOUT = 30  # seconds without an answer
Opener = Callable[[str], Any]


def get(name: str, *, opener: Opener | None = None) -> Path:
    """Download a named data set into the cache and return its folder.

    Files that are there and right are kept.

    Parameters
    ----------
    name
        A name of the catalogue.
    opener
        Called with an address; returns an open binary file. The default opens the network.

    Raises
    ------
    DataError
        If the name is unknown, there is no network, or a file is not what it should be; nothing
        of such a file is kept.
    StorageError
        If the cache cannot be written.
    """
    entry = stored_entry(name)
    folder = cache_folder() / (entry.folder or name)
    if entry.contents and not entry.files:
        raise DataError(
            f"'{name}' cannot be downloaded (licence: {entry.licence}); place its files in"
            f" {folder}, or set ISTHMUS_DATA to the folder above them."
        )
    for file in entry.files:
        target = folder / file.name
        if not (target.is_file() and _matches(target, file)):
            _download(file, entry.mirrors, target, opener or _open_network)
    return folder


def _matches(path: Path, file: RemoteFile) -> bool:
    kind, expected = file.checksum.split(":")
    with path.open("rb") as content:
        return hashlib.file_digest(content, lambda: _digest(kind)).hexdigest() == expected


def _digest(kind: str) -> Any:
    return hashlib.new(kind, usedforsecurity=False)


def _download(file: RemoteFile, mirrors: tuple[str, ...], target: Path, opener: Opener) -> None:
    """Try each mirror in turn; the last failure is the one that is reported."""
    failure = DataError(f"No mirror is known for {file.name}; place it in {target.parent}.")
    for mirror in mirrors:
        address = mirror + file.name
        try:
            with atomic_file(target) as temporary:
                with temporary.open("wb") as output:
                    for chunk in _chunks(address, file, opener):
                        output.write(chunk)
                if not _matches(temporary, file):
                    raise DataError(
                        f"{address} is not the expected file (wrong checksum), so it was not kept;"
                        " try again later."
                    )
            return
        except DataError as error:
            failure = error
    raise failure


def _chunks(address: str, file: RemoteFile, opener: Opener) -> Iterator[bytes]:
    if urlsplit(address).scheme != "https":
        raise DataError(f"{address} is not an https address; correct the catalogue.")
    received = 0
    try:
        with opener(address) as response:
            while chunk := response.read(_CHUNK):
                received += len(chunk)
                if received > file.size:
                    raise DataError(
                        f"{address} sends more than the {file.size} bytes of the expected file, so"
                        " it was not kept; try again later."
                    )
                yield chunk
    except (OSError, HTTPException) as error:
        raise DataError(
            f"{address} cannot be downloaded ({getattr(error, 'reason', error)}); check the network"
            " connection, or download the file elsewhere and give its folder with --data PATH."
        ) from error


def _open_network(address: str) -> Any:
    from urllib.request import urlopen

    return urlopen(address, timeout=_TIMEOUT)  # noqa: S310  # `_chunks` lets only https pass
