"""Images of discs that touch, numbered, and segmenters that learn to tell them apart in seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.data import write_images, write_label_map
from isthmus.recipes import Recipe, parse_recipe

Array = NDArray[Any]
SETTINGS: dict[str, Any] = {
    "network": {"kind": "unet", "channels": [8, 16]},
    "code_size": 16,
    "borders": {"kind": "class", "width": 1},
    "epochs": 6,
    "learning_rate": 0.01,
    "random_state": 0,
}
RECIPE = """
title = "Touching discs"
description = "D."
[data]
kinds = "kind"
[model]
kind = "instance_segmenter"
network = { kind = "unet", channels = [8, 16] }
code_size = 16
borders = { kind = "class", width = 1 }
[training]
epochs = 6
learning_rate = 0.01
"""


def touching(
    count: int, *, size: tuple[int, int] = (40, 36), seed: int = 0
) -> tuple[list[Array], list[Array]]:
    """Grey images of 8 bits of pairs of discs side by side, dark at the rim, and instance maps."""
    generator = np.random.default_rng(seed)
    images, maps = [], []
    rows, columns = np.mgrid[: size[0], : size[1]]
    for _ in range(count):
        light, label = np.zeros(size), np.zeros(size, np.int32)
        for top in (0, size[0] // 2):
            row = top + generator.uniform(8, size[0] / 2 - 8)
            column, radius = generator.uniform(9, 12), generator.uniform(5, 7)
            for centre in (column, column + 2 * radius - 1):
                distance = np.hypot(rows - row, columns - centre) / radius
                inside = (distance < 1) & (label == 0)
                label[inside] = label.max() + 1
                light[inside] = 1 - distance[inside] ** 2
        value = 0.15 + 0.25 * (label > 0) + 0.5 * light + 0.03 * generator.normal(size=size)
        images.append((255 * value.clip(0, 1)).astype(np.uint8))
        maps.append(label)
    return images, maps


def write_touching(folder: Path, count: int = 20) -> Path:
    """``images/``, ``masks/``, which number the discs, and ``index.csv`` with kinds and parts."""
    lines = ["file,split,kind"]
    for number, (image, label) in enumerate(zip(*touching(count), strict=True)):
        name = f"t{number:02d}"
        write_images(folder / "images", image[None], [name])
        write_label_map(folder / "masks" / f"{name}.png", label, bits=16)
        part = ("train", "train", "train", "val", "test")[number % 5]
        lines.append(f"{name}.png,{part},{('even', 'odd')[number // 5 % 2]}")
    (folder / "index.csv").write_text("\n".join(lines))
    return folder


def touching_recipe(source: Path, *changes: str) -> Recipe:
    """A recipe for what `write_touching` wrote."""
    return parse_recipe(RECIPE, "touching", [f"data.source='{source}'", *changes])
