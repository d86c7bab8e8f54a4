"""An image that was sent, as a model sees it."""

from __future__ import annotations

import tempfile
from base64 import b64encode
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from isthmus.core.errors import DataError
from isthmus.data import read
from isthmus.recipes.apply import from_brightness
from isthmus.studio.explore.pictures import for_screen, is_plain

Array = NDArray[Any]
# By the first bytes of a file, the ending by which it is read.
_KINDS = {
    b"\x89PNG": ".png",
    b"\xff\xd8\xff": ".jpg",
    b"GIF8": ".gif",
    b"BM": ".bmp",
    b"RIFF": ".webp",
    b"II*\x00": ".tif",
    b"MM\x00*": ".tif",
}


def read_sent(body: bytes, model: Any, *, inverted: bool = False) -> Array:
    """One sample ``(1, ...)`` of an image file, grey or colour and of the size of the model's own.

    Parameters
    ----------
    inverted
        Whether dark becomes light.

    Raises
    ------
    DataError
        If the model takes no plain images, or the file cannot be read as one.
    """
    if not is_plain(model):
        raise DataError("This model's samples are no plain images, so none can be looked for.")
    ending = next((ending for start, ending in _KINDS.items() if body.startswith(start)), None)
    if ending is None:
        raise DataError("What was sent is no PNG, JPEG, TIFF, BMP, GIF or WebP image.")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"image{ending}"
        path.write_bytes(body)
        try:
            shape = model.sample_shape_
            sample = read(path, size=tuple(shape[-2:]), colour=len(shape) == 3).samples
        except DataError as error:
            raise DataError(str(error).replace(str(path), "The image")) from None
    light = _light(np.asarray(sample[:1]))
    return from_brightness(model, 1 - light if inverted else light)


def _light(pixels: Array) -> Array:
    """Pixels from black at 0 to white at 1; those that are no whole numbers from their lowest."""
    if pixels.dtype.kind == "u":
        return pixels / np.float32(np.iinfo(pixels.dtype).max)
    low, high = pixels.min(), pixels.max()
    return np.asarray((pixels - low) / max(high - low, 1e-12))


def as_address(model: Any, sample: Array) -> str:
    """A sample as a ``data:`` address of a PNG."""
    pixels = for_screen(model, sample)[0]
    file = BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(file, "PNG")
    return f"data:image/png;base64,{b64encode(file.getvalue()).decode()}"
