"""Discs as files, and segmenters that learn them in a second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from isthmus.data import write_images, write_label_map
from isthmus.recipes import Recipe, parse_recipe
from support.discs import discs

RECIPE = """
title = "Discs"
description = "D."
[data]
values = { background = 0, disc = 1 }
[model]
kind = "segmenter"
network = { kind = "unet", channels = [8] }
code_size = 16
[training]
epochs = 4
batch_size = 8
learning_rate = 1e-2
"""


def write_discs(folder: Path, count: int = 24, **settings: Any) -> Path:
    """Images and label maps ``p00-0`` and so on, two of each patient."""
    names = [f"p{number // 2:02d}-{number % 2}" for number in range(count)]
    for name, image, label in zip(names, *discs(count, **settings), strict=True):
        write_images(folder / "images", image[None], [name])
        write_label_map(folder / "masks" / f"{name}.png", label)
    return folder


def disc_recipe(source: Path, *changes: str) -> Recipe:
    """A recipe for what `write_discs` wrote."""
    return parse_recipe(RECIPE, "discs", [f"data.source='{source}'", *changes])
