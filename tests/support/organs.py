"""Images of a grey organ with a bright lesion, and bright spots outside: learnt in seconds."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus import Cascade
from isthmus.data import write_images, write_label_map

Array = NDArray[Any]
NAMES = ("background", "organ", "lesion")
NETWORK = {"kind": "unet", "channels": [6, 12]}
STAGE = {
    "kind": "segmenter",
    "network": NETWORK,
    "code_size": 12,
    "loss": {"kind": "dice_cross_entropy", "over": "batch"},
    "epochs": 8,
    "patches": 48,
    "learning_rate": 0.01,
}


def organs(count: int, *, size: int = 40, seed: int = 0) -> tuple[list[Array], list[Array]]:
    """Grey images of 8 bits and label maps; every fourth image has no organ."""
    generator = np.random.default_rng(seed)
    images, maps = [], []
    rows, columns = np.mgrid[:size, :size]

    def disc(row: float, column: float, radius: float) -> Array:
        return np.asarray((rows - row) ** 2 + (columns - column) ** 2 < radius**2)

    for number in range(count):
        label = np.zeros((size, size), np.int16)
        value = np.full(label.shape, 0.1)
        for _ in range(2):
            value[disc(*generator.uniform(2, size - 2, 2), 2.5)] = 0.9
        if number % 4:
            row, column = generator.uniform(13, size - 13, 2)
            whole = disc(row, column, generator.uniform(9, 12))
            part = disc(*(np.array([row, column]) + generator.uniform(-4, 4, 2)), 3.5)
            label[whole], value[whole] = 1, 0.5
            label[part], value[part] = 2, 0.9
        noisy = value + 0.05 * generator.normal(size=label.shape)
        images.append((255 * noisy.clip(0, 1)).astype(np.uint8))
        maps.append(label)
    return images, maps


@cache
def fitted() -> Cascade:
    """A cascade that has learnt them."""
    model = Cascade(first={**STAGE, "size": 20}, second=STAGE, random_state=0)
    return model.fit(*organs(24), class_names=NAMES)


def write_organs(folder: Path, count: int = 16, *, seed: int = 0) -> Path:
    """Images and label maps ``p00-0`` and so on, four of each patient."""
    images, maps = organs(count, seed=seed)
    for number, (image, label) in enumerate(zip(images, maps, strict=True)):
        name = f"p{number // 4:02d}-{number % 4}"
        write_images(folder / "images", image[None], [name])
        write_label_map(folder / "masks" / f"{name}.png", label)
    return folder


def organ_volumes(
    count: int, *, depth: int = 7, size: int = 32, seed: int = 0
) -> tuple[list[Array], list[Array]]:
    """Volumes ``(D, H, W)`` of 8 bits with a grey ball, a bright one in it, and some outside."""
    generator = np.random.default_rng(seed)
    volumes, maps = [], []
    z, y, x = np.mgrid[:depth, :size, :size]

    def ball(centre: Array, radius: float) -> Array:
        near = 16 * (z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2
        return np.asarray(near < radius**2)  # slices are four pixels apart

    for _ in range(count):
        label = np.zeros((depth, size, size), np.int16)
        value = np.full(label.shape, 0.1)
        for _ in range(2):
            value[ball(generator.uniform(2, (depth - 2, size - 2, size - 2)), 4)] = 0.9
        middle = np.array([depth / 2, *generator.uniform(12, size - 12, 2)])
        whole, part = ball(middle, 10), ball(middle + generator.uniform(-1, 1, 3) * (0.5, 3, 3), 5)
        label[whole], value[whole] = 1, 0.5
        label[part], value[part] = 2, 0.9
        noisy = value + 0.05 * generator.normal(size=label.shape)
        volumes.append((255 * noisy.clip(0, 1)).astype(np.uint8))
        maps.append(label)
    return volumes, maps
