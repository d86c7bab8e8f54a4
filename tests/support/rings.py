"""Small label maps like hearts: a disc (2) in a ring (1), and a half-disc (3) at its left."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from isthmus.data import write_label_map, write_table

NAMES = ("background", "ring", "disc", "side")
VALUES = {"background": 0, "ring": 60, "disc": 120, "side": 180}


def ring_maps(count: int, *, seed: int = 0, side: int = 32) -> np.ndarray:
    """``(N, H, W)`` int16."""
    random = np.random.default_rng(seed)
    rows, columns = np.indices((side, side))
    maps = np.zeros((count, side, side), np.int16)
    for labels in maps:
        y, x = side / 2 + random.uniform(-1.5, 1.5, 2)
        radius, wall = random.uniform(4, 6), random.uniform(2.5, 3.5)
        away = np.hypot(rows - y, columns - x)
        left = np.hypot(rows - y, columns - x + radius + wall) < radius + 1
        labels[left & (columns < x)] = 3
        labels[away < radius + wall] = 1
        labels[away < radius] = 2
    return maps


def write_rings(folder: Path, count: int = 40, *, side: int = 32) -> Path:
    """As files with `VALUES` and an index of eight patients in two groups."""
    shades = np.array([*VALUES.values()])
    names = [f"{number:02d}" for number in range(count)]
    for name, labels in zip(names, ring_maps(count, side=side), strict=True):
        write_label_map(folder / f"{name}.png", shades[labels])
    patients = np.arange(count) % 8
    columns = {
        "file": np.array(names),
        "patient": np.array([f"p{number}" for number in patients]),
        "kind": np.where(patients % 2, "odd", "even"),
        "split": np.where(patients >= 6, "test", "train"),
    }
    write_table(folder / "index.csv", columns)
    return folder
