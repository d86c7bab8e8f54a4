"""One image file: its header, read before anything is decoded, and its pixels.

Rules: palettes become colour, or grey when all their colours are grey; one-bit images become 0 and
255; transparency is blended with white; CMYK and the like become RGB; the orientation tag of a
camera is applied; of the extra pictures in a phone's JPEG the first counts. 8 and 16 bits stay as
they are; any other type of number in a TIFF becomes float32.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError, WebPImagePlugin

from isthmus.core.errors import DataError
from isthmus.data.limits import MAX_PIXELS
from isthmus.data.pixels import blend_with_white, upright
from isthmus.data.tiff import decode_tiff, tiff_header, tiff_pages

TIFF_SUFFIXES = (".tif", ".tiff")
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", *TIFF_SUFFIXES)
_ORIENTATION_TAG = 0x0112
# Only these: some of Pillow's other readers start programs or have no place in a data set.
# WebP is the only one that Pillow does not know before its module is imported.
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", WebPImagePlugin.WebPImageFile.format)


@dataclass(frozen=True)
class ImageHeader:
    """What a file declares: ``(height, width)`` upright, colour or grey, type of the values."""

    path: Path
    size: tuple[int, int]
    colour: bool
    dtype: np.dtype[Any]
    page: int | None = None

    @property
    def place(self) -> str:
        """File and page, for messages."""
        return place_of(self.path, self.page)


def count_pages(path: Path) -> int:
    """Count of the images that a file holds: the pages of a TIFF, else 1.

    Raises
    ------
    DataError
        If the file cannot be read.
    """
    if path.suffix.lower() not in TIFF_SUFFIXES:
        return 1
    with _reading(str(path)):
        return tiff_pages(path)


def read_header(path: Path, page: int | None = None) -> ImageHeader:
    """Read what an image file declares, without decoding it.

    Parameters
    ----------
    path
        The file.
    page
        Of a TIFF of several pages, counted from 1.

    Raises
    ------
    DataError
        If the file cannot be read, holds several pictures, or declares more than 100 million
        pixels.
    """
    place = place_of(path, page)
    with _reading(place):
        if path.suffix.lower() in TIFF_SUFFIXES:
            size, colour, dtype = tiff_header(path, page)
        else:
            size, colour, dtype = _pillow_header(path)
        if size[0] * size[1] > MAX_PIXELS:
            raise DataError(
                f"{place} declares {size[1]} x {size[0]} pixels, more than the limit of"
                f" {MAX_PIXELS // 10**6} million; cut it into tiles or make it smaller first."
            )
        return ImageHeader(path, size, colour, dtype, page)


def decode(header: ImageHeader) -> NDArray[Any]:
    """Pixels of the file, ``(H, W)`` or ``(3, H, W)`` as the header says.

    Raises
    ------
    DataError
        If the file is damaged or holds values that are not finite.
    """
    path = header.path
    with _reading(header.place):
        if path.suffix.lower() in TIFF_SUFFIXES:
            pixels = decode_tiff(path, header.page)
        elif header.dtype == np.uint16:
            pixels = _decode_png16(path)
        else:
            pixels = _decode_pillow(path, header.colour)
        if pixels.shape != ((*header.size, 3) if header.colour else header.size):
            raise ValueError("its content does not match its header")
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        raise DataError(
            f"{header.place} holds NaN or infinite pixels; replace them by a number, or remove the"
            " image."
        )
    return np.moveaxis(pixels, -1, 0) if header.colour else pixels


def place_of(path: Path, page: int | None) -> str:
    """File and page, for messages."""
    return str(path) if page is None else f"{path}, page {page},"


@contextmanager
def _reading(place: str) -> Iterator[None]:
    """Turn whatever a decoder raises into one sentence, and keep its warnings to ourselves."""
    log = logging.getLogger("tifffile")
    silenced, log.disabled = log.disabled, True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except DataError:
        raise
    except Image.DecompressionBombError:
        raise DataError(
            f"{place} declares more than {MAX_PIXELS // 10**6} million pixels;"
            " cut it into tiles or make it smaller first."
        ) from None
    except Exception as error:  # decoders raise nearly anything on damaged files
        reason = str(error).split("\n")[0]
        if isinstance(error, UnidentifiedImageError):
            reason = "it is damaged or of another kind than its name says"
        elif isinstance(error, OSError) and error.strerror:
            reason = error.strerror
        raise DataError(
            f"{place} cannot be read as an image ({reason}); replace it or remove it."
        ) from error
    finally:
        log.disabled = silenced


def _pillow_header(path: Path) -> tuple[tuple[int, int], bool, np.dtype[Any]]:
    with _open(path) as image:
        # A phone's JPEG ("MPO") carries a depth or brightness map after its picture.
        if getattr(image, "is_animated", False) and image.format != "MPO":
            raise DataError(f"{path} holds several pictures; save each in a file of its own.")
        height, width = image.height, image.width
        if _orientation(image) in (5, 6, 7, 8):
            height, width = width, height
        if image.format == "PNG":
            depth, grey_alpha = _png_type(path)
            if depth == 16:
                grey = image.mode.startswith("I") or grey_alpha
                return (height, width), not grey, np.dtype(np.uint16)
        return (height, width), not _is_grey(image), np.dtype(np.uint8)


def _open(path: Path) -> Image.Image:
    return Image.open(path, formats=_FORMATS)


def _orientation(image: Image.Image) -> int:
    return int(image.getexif().get(_ORIENTATION_TAG, 1))


def _png_type(path: Path) -> tuple[int, bool]:
    """Bits per value of a PNG and whether it is grey with alpha.

    Pillow tells neither of a 16-bit file, and would silently decode 16-bit colour to 8 bits.
    """
    with path.open("rb") as file:
        start = file.read(26)
    return start[24], start[25] == 4


def _is_grey(image: Image.Image) -> bool:
    if image.mode in ("P", "PA"):
        palette = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
        return bool((palette == palette[:, :1]).all())
    return image.mode in ("1", "L", "LA")


def _decode_pillow(path: Path, colour: bool) -> NDArray[Any]:
    with _open(path) as stored:
        image = ImageOps.exif_transpose(stored)
        if image.has_transparency_data:
            rgba = np.asarray(image.convert("RGBA"))
            pixels = blend_with_white(rgba[..., :3], rgba[..., 3])
        elif colour or image.mode == "P":
            pixels = np.asarray(image.convert("RGB"))
        else:
            return np.asarray(image.convert("L"))
        return pixels if colour else pixels[..., 0]


def _decode_png16(path: Path) -> NDArray[Any]:
    import imagecodecs

    pixels: NDArray[Any] = imagecodecs.png_decode(path.read_bytes())
    with _open(path) as image:
        orientation = _orientation(image)
    if pixels.ndim == 3 and pixels.shape[-1] in (2, 4):
        pixels = blend_with_white(pixels[..., :-1], pixels[..., -1])
    return upright(pixels[..., 0] if pixels.shape[2:] == (1,) else pixels, orientation)
