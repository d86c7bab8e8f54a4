"""One page of a TIFF file: grey or colour, whole numbers or floating point."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError
from isthmus.data.pixels import blend_with_white, upright

if TYPE_CHECKING:
    from tifffile import TiffPage

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _YCBCR = 0, 1, 2, 3, 6
_JPEG = (6, 7)
_NO_ALPHA, _PREMULTIPLIED, _STRAIGHT = (), (1,), (2,)
_ORIENTATION_TAG = 274


def tiff_pages(path: Path) -> int:
    """Count of pages."""
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        return len(tiff.pages)


def tiff_header(
    path: Path, number: int | None = None
) -> tuple[tuple[int, int], bool, np.dtype[Any]]:
    """Return upright (height, width), whether there is colour, and the type after decoding.

    The page is that of a number, counted from 1; without one the file must have a single page.
    """
    with _page(path, number) as page:
        size = (page.imagelength, page.imagewidth)
        if _orientation(page) > 4:
            size = (page.imagewidth, page.imagelength)
        return size, _channels(page) == 3, _type_of(page)


def decode_tiff(path: Path, number: int | None = None) -> NDArray[Any]:
    """Pixels ``(H, W)`` or ``(H, W, 3)`` of a page, chosen as for `tiff_header`."""
    with _page(path, number) as page:
        pixels: NDArray[Any] = page.asarray()
        if page.axes == "SYX":
            pixels = np.moveaxis(pixels, 0, -1)
        if page.photometric == _PALETTE and page.colormap is not None:
            pixels = (np.moveaxis(page.colormap, 0, -1) >> 8).astype(np.uint8)[pixels]
            if _channels(page) == 1:
                pixels = pixels[..., 0]
        if pixels.dtype == np.bool_:
            pixels = pixels.astype(np.uint8) * np.uint8(255)
        pixels = pixels.astype(_type_of(page), copy=False)
        if page.photometric == _WHITE_IS_ZERO and pixels.dtype.kind == "u":
            pixels = np.iinfo(pixels.dtype).max - pixels
        if page.extrasamples:
            pixels = blend_with_white(
                pixels[..., :-1],
                pixels[..., -1],
                premultiplied=tuple(page.extrasamples) == _PREMULTIPLIED,
            )
            pixels = pixels[..., 0] if _channels(page) == 1 else pixels
        return upright(pixels, _orientation(page))


@contextmanager
def _page(path: Path, number: int | None) -> Iterator[TiffPage]:
    """Open a page of a file, refusing what has no plain reading as one image."""
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages[(number or 1) - 1]
        if not isinstance(page, tifffile.TiffPage):
            raise ValueError("its page has no header")
        # ImageJ writes stacks as one page that is followed by more pixels.
        if number is None and (len(tiff.pages) > 1 or tiff.series[0].size != page.size):
            raise DataError(
                f"{path} holds a stack of several pages; save each page in a file of its own."
            )
        _refuse_odd(path, page)
        yield page


def _refuse_odd(path: Path, page: TiffPage) -> None:
    readable = (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE)
    jpeg = page.photometric == _YCBCR and page.compression in _JPEG
    if page.photometric not in readable and not jpeg:
        name = getattr(page.photometric, "name", page.photometric)
        raise DataError(f"{path} has the colour space {name}; save it as grey or RGB.")
    alpha = tuple(page.extrasamples)
    plain = page.samplesperpixel - len(alpha) == (3 if page.photometric in (_RGB, _YCBCR) else 1)
    if (
        page.axes not in ("YX", "YXS", "SYX")
        or not plain
        or alpha not in (_NO_ALPHA, _PREMULTIPLIED, _STRAIGHT)
        or (alpha and _type_of(page).kind == "f")
    ):
        raise DataError(
            f"{path} has {page.samplesperpixel} channels ({page.dtype}, axes {page.axes});"
            " save it as grey or RGB."
        )


def _channels(page: TiffPage) -> int:
    if page.photometric == _PALETTE and page.colormap is not None:
        return 1 if (page.colormap == page.colormap[:1]).all() else 3
    return 3 if page.photometric in (_RGB, _YCBCR) else 1


def _type_of(page: TiffPage) -> np.dtype[Any]:
    if page.dtype is None or page.dtype.kind not in "biuf":
        raise ValueError(f"its values have the type {page.dtype}")
    if page.dtype == np.bool_ or page.photometric == _PALETTE:
        return np.dtype(np.uint8)
    kept = page.dtype in (np.dtype(np.uint8), np.dtype(np.uint16))
    return page.dtype.newbyteorder("=") if kept else np.dtype(np.float32)


def _orientation(page: TiffPage) -> int:
    return int(page.tags.valueof(_ORIENTATION_TAG, default=1))
