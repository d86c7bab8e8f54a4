"""Fluorescent cells that touch."""

from __future__ import annotations

import numpy as np

from isthmus.data.entry import MadeEntry
from isthmus.data.made._drawing import (
    Picture,
    Size,
    blurred,
    exposed,
    fractal,
    grid,
    inside,
    numbered,
)
from isthmus.data.pairs import PairReading


def draw(random: np.random.Generator, size: Size) -> Picture:
    """Cells in clusters, each of a brightness of its own, in a haze, through a blurring lens.

    Cells out of focus and bright dust belong to the background. `objects` numbers the cells; where
    two would overlap, a pixel goes to the one that it is nearer to the heart of.
    """
    y, x = grid(size)
    bend_y, bend_x = (0.02 * fractal(random, size, 1.8) for _ in range(2))
    nearest, objects, light = np.ones(size), np.zeros(size, np.int16), np.zeros(size)
    radius = random.uniform(0.09, 0.15)
    hearts = random.uniform(-0.9, 0.9, (random.integers(3, 8), 2))
    for number in range(1, random.integers(14, 40)):
        centre = random.choice(hearts) + random.normal(0, 0.22, 2)
        radii = radius * random.uniform(0.7, 1.25, 2)
        turn = random.uniform(0, np.pi)
        distance = inside(y + bend_y, x + bend_x, centre, radii, turn)
        its = distance < nearest
        nearest[its], objects[its] = distance[its], number
        light[its] = random.uniform(0.18, 1.0)
    texture = 1 + 0.2 * fractal(random, size, 1.0)
    image = light * texture * np.sqrt((1.2 - nearest).clip(0)) * (objects > 0)
    for _ in range(random.integers(2, 6)):
        centre = random.uniform(-1, 1, 2)
        radii = 1.3 * radius * random.uniform(0.8, 1.6, 2)
        image += random.uniform(0.1, 0.5) * np.exp(-(inside(y, x, centre, radii) ** 2))
    for _ in range(random.integers(0, 8)):
        centre, radii = random.uniform(-1, 1, 2), random.uniform(0.01, 0.04, 2)
        image += random.uniform(0.3, 1.2) * (inside(y, x, centre, radii) < 1)
    haze = random.uniform(0.05, 0.3) * (1 + 0.3 * fractal(random, size, 2.2)).clip(0)
    haze = haze * (1 + random.normal(0, 0.5) * x + random.normal(0, 0.5) * y).clip(0.1)
    image = blurred(image, random.uniform(0.6, 1.3)) + haze
    photons = random.uniform(40, 200)
    image = random.poisson(photons * image) / photons * random.uniform(0.5, 1.0)
    labels = (objects > 0).astype(np.int16)
    return Picture(exposed(random, image, 0.01), labels, numbered(objects))


ENTRY = MadeEntry(
    name="made-cells",
    description="made: like fluorescence microscopy, cells that touch",
    sample_shape=(128, 128),
    count=60,
    licence="free",
    pairs=PairReading(values={"background": 0, "cell": 255}),
    draw=draw,
)
