"""Images of every type, and models with initial weights that restore them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import torch
from numpy.typing import NDArray
from PIL import Image as PillowImage

from isthmus import Autoencoder
from isthmus.data import write_images
from isthmus.data.image_files import decode, read_header

Array = NDArray[Any]
UNET = {"kind": "unet", "channels": (2,), "convolutions": 1}
WHITE = {"uint8": 255, "uint16": 65535, "float32": 1, "float64": 1}


def pixels(dtype: str, *shape: int, seed: int = 0) -> Array:
    """Random values over the whole range of a type."""
    values = np.random.default_rng(seed).random(shape)
    return (values if dtype[0] == "f" else np.rint(values * WHITE[dtype])).astype(dtype)


def fitted(samples: Array, network: Any = UNET, **settings: Any) -> Any:
    """A model with initial weights."""
    settings = {"code_size": 3, "epochs": 0, "random_state": 0, **settings}
    return Autoencoder(network=network, **settings).fit(samples)


def adding(amount: float, samples: Array, **settings: Any) -> Any:
    """A model that adds a number to its scaled input, and does nothing else."""
    model = fitted(samples, {**UNET, "residual": True}, **settings)
    with torch.no_grad():
        model.network_.last.weight.zero_()
        model.network_.last.bias.fill_(amount)
    return model


def save(path: Path, image: Array) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    colour = image.ndim == 3
    if path.suffix.lower().startswith(".tif"):
        kind = "rgb" if colour else "minisblack"
        tifffile.imwrite(path, np.moveaxis(image, 0, -1) if colour else image, photometric=kind)
    elif image.dtype == np.uint16:
        write_images(path.parent, image[None], [path.name])
    else:
        PillowImage.fromarray(np.moveaxis(image, 0, -1) if colour else image).save(path)


ALBUM = {
    "a.png": pixels("uint8", 9, 7),
    "b.PNG": pixels("uint8", 3, 5, 6),
    "deep/er/c.png": pixels("uint16", 8, 8),
    "deep/d.png": pixels("uint16", 3, 1, 12),
    "deep/e.tif": pixels("float32", 6, 30),
    "f.TIFF": pixels("uint16", 3, 4, 4),
    "g.tiff": pixels("uint8", 1, 1),
    "h.bmp": pixels("uint8", 3, 3, 4),
    "i.v2.webp": np.full((3, 20, 20), 77, np.uint8),
    "j.tif": pixels("float32", 3, 6, 5),
}
RENAMED = {"h.bmp": "h.png", "i.v2.webp": "i.v2.png"}


def load_image(path: Path) -> Array:
    return decode(read_header(path))


def files(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
