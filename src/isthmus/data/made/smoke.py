"""Smoke before hills and sky."""

from __future__ import annotations

import numpy as np

from isthmus.data.entry import MadeEntry
from isthmus.data.made._drawing import Field, Picture, Size, blurred, exposed, fractal, grid, tinted
from isthmus.data.pairs import PairReading

_SEEN = 0.15  # opacity from which on a pixel is smoke


def draw(random: np.random.Generator, size: Size) -> Picture:
    """A landscape J with plumes of opacity a and colour A: I = (1 - a) J + a A; smoke is a > 0.15.

    Some plumes are thin, some small; one picture in eight has none.
    """
    image, horizon = _landscape(random, size)
    opacity = np.zeros(size)
    for _ in range(random.choice(3, p=[1 / 8, 5 / 8, 2 / 8])):
        plume = _plume(random, size, horizon)
        grey = random.uniform(0.5, 0.95) + 0.06 * fractal(random, size, 1.5)
        colour = tinted(grey, random.normal(1, 0.02, 3))
        image = (1 - plume) * image + plume * colour
        opacity = 1 - (1 - opacity) * (1 - plume)
    labels = (opacity > _SEEN).astype(np.int16)
    return Picture(exposed(random, image, random.uniform(0.005, 0.025)), labels)


def _landscape(random: np.random.Generator, size: Size) -> tuple[Field, Field]:
    """Sky with clouds, above hills; and the row of the horizon in each column, -1 to 1."""
    y, _ = grid(size)
    zenith = np.array([0.35, 0.52, 0.75]) * random.uniform(0.6, 1.1) + random.normal(0, 0.05, 3)
    low = np.array([0.75, 0.78, 0.8]) * random.uniform(0.8, 1.15)
    height = (1 + y) / 2 * np.ones(size)
    sky = tinted(1 - height, zenith) + tinted(height, low)
    clouds = random.uniform(0, 0.6) * fractal(random, size, 1.7).clip(0, 2) / 2
    sky = sky + clouds * (0.92 - sky)
    wave = fractal(random, (1, 4 * size[1]), 1.2)[:, : size[1]]
    horizon = random.uniform(-0.1, 0.6) + 0.12 * wave
    ground = np.where(random.random() < 0.6, [0.27, 0.34, 0.2], [0.48, 0.42, 0.33])
    ground = ground * random.uniform(0.6, 1.3) + random.normal(0, 0.03, 3)
    rough = 1 + 0.15 * fractal(random, size, 0.9) + 0.2 * fractal(random, size, 2)
    patches = random.uniform(0.1, 0.5) * (fractal(random, size, 1.5) > 1)  # bare rock
    land = tinted(rough, ground)
    land = land + patches * (random.uniform(0.5, 0.8) - land)
    edge = blurred(y > horizon, 0.7)
    return (1 - edge) * sky + edge * land, horizon


def _plume(random: np.random.Generator, size: Size, horizon: Field) -> Field:
    """Opacity that leaves a place near the horizon, rises, widens, thins and drifts."""
    y, x = grid(size)
    column = random.integers(size[1] // 10, size[1] - size[1] // 10)
    bottom = min(horizon[0, column] + random.uniform(-0.02, 0.4), 0.95)
    left = 2 * column / size[1] - 1
    scale = random.choice([0.3, 0.6, 1.0, 1.6])
    rise = (bottom - y) / scale  # 0 at the fire
    up = rise.clip(0)
    sway = 0.08 * scale * fractal(random, (4 * size[0], 1), 1.5)[: size[0]]
    axis = left + scale * random.normal(0, 0.45) * up**1.4 + sway * up
    width = scale * (random.uniform(0.03, 0.08) + random.uniform(0.12, 0.35) * up)
    billows = 0.45 * width * fractal(random, size, 1.6)
    across = np.square((x - axis + billows) / width)
    strength = random.uniform(0.4, 1.6)
    thinning = np.exp(-up / random.uniform(0.5, 1.5))
    density = strength * np.exp(-across) * thinning * (1 + 0.4 * fractal(random, size, 1.5))
    density = density * (1 / (1 + np.exp(-rise / 0.03)))
    return blurred(1 - np.exp(-2 * density.clip(0)), 0.8)


ENTRY = MadeEntry(
    name="made-smoke",
    description="made: smoke before hills and sky",
    sample_shape=(3, 96, 96),
    count=100,
    licence="free",
    pairs=PairReading(values={"background": 0, "smoke": 255}),
    draw=draw,
)
