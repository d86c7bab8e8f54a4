"""An image that came as bytes, which tell its kind; it is checked before it is decoded."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from isthmus.core.errors import DataError
from isthmus.data.image_files import decode, read_header

_STARTS = {
    b"\x89PNG\r\n\x1a\n": ".png",
    b"\xff\xd8\xff": ".jpg",
    b"II*\0": ".tif",
    b"MM\0*": ".tif",
    b"II+\0": ".tif",
    b"MM\0+": ".tif",
}


def image_suffix(content: bytes) -> str | None:
    """``.png``, ``.jpg`` or ``.tif``, by how such files begin; ``None`` of anything else."""
    return next((suffix for start, suffix in _STARTS.items() if content.startswith(start)), None)


def decode_bytes(content: bytes, *, most_pixels: int) -> NDArray[Any]:
    """Pixels ``(H, W)`` or ``(3, H, W)`` of a PNG, JPEG or TIFF, as of a file; see `decode`.

    The content lies in a temporary file meanwhile.

    Raises
    ------
    DataError
        If it is none of these or damaged, holds several pictures, or declares more pixels.
    """
    suffix = image_suffix(content)
    if suffix is None:
        raise DataError("This is no PNG, JPEG or TIFF; save the image as one of these.")
    with tempfile.TemporaryDirectory(prefix="isthmus-") as folder:
        path = Path(folder) / f"image{suffix}"
        path.write_bytes(content)
        try:
            header = read_header(path)
            height, width = header.size
            if height * width > most_pixels:
                raise DataError(
                    f"{path} has {width} x {height} pixels, more than the {most_pixels:,} that are"
                    " taken; make it smaller, or cut it into tiles."
                )
            return decode(header)
        except DataError as error:
            raise DataError(str(error).replace(str(path), "The image")) from error
