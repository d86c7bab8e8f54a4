"""Images of bright discs with their label maps: segmentation that is learnt in seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.data import write_images

Array = NDArray[Any]


def discs(
    count: int,
    *,
    size: tuple[int, int] = (24, 20),
    channels: int = 1,
    classes: int = 2,
    noise: float = 0.15,
    seed: int = 0,
) -> tuple[list[Array], list[Array]]:
    """Grey or colour images of 8 bits, every other one a little larger, and their label maps.

    Class c is a disc of brightness c / (K - 1) of the range on noise.
    """
    generator = np.random.default_rng(seed)
    images, maps = [], []
    for number in range(count):
        height, width = (side + 3 * (number % 2) for side in size)
        rows, columns = np.mgrid[:height, :width]
        label = np.zeros((height, width), np.int16)
        for one in range(1, classes):
            row, column = generator.uniform(4, height - 4), generator.uniform(4, width - 4)
            inside = (rows - row) ** 2 + (columns - column) ** 2 < generator.uniform(3, 5) ** 2
            label[inside] = one
        shape = (channels, height, width) if channels > 1 else (height, width)
        value = 0.2 + 0.6 * label / (classes - 1) + noise * generator.normal(size=shape)
        images.append((255 * value.clip(0, 1)).astype(np.uint8))
        maps.append(label)
    return images, maps


def dice(predicted: list[Array], reference: list[Array]) -> float:
    """Mean Dice of what is not background."""
    scores = [
        2 * ((p > 0) & (r > 0)).sum() / ((p > 0).sum() + (r > 0).sum())
        for p, r in zip(predicted, reference, strict=True)
    ]
    return float(np.mean(scores))


RECIPE = """
title = "Discs"
description = "D."
[data]
values = { background = 0, disc = 255 }
[model]
kind = "segmenter"
network = { kind = "unet", channels = [8, 16] }
code_size = 16
augmentations = ["flip"]
[training]
epochs = 2
learning_rate = 0.01
"""
"""What learns discs of `write_discs` in no time."""


def write_discs(folder: Path, count: int = 24, **settings: Any) -> Path:
    """``images/`` and ``masks/`` of discs; class c of K has the value 255 c / (K - 1)."""
    images, maps = discs(count, **settings)
    step = 255 // (settings.get("classes", 2) - 1)
    for number, (image, label) in enumerate(zip(images, maps, strict=True)):
        write_images(folder / "images", image[None], [f"d{number:02d}"])
        write_images(folder / "masks", (step * label[None]).astype(np.uint8), [f"d{number:02d}"])
    return folder
