"""Backs of eyes with their vessels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isthmus.data.entry import MadeEntry
from isthmus.data.made._drawing import (
    Field,
    Picture,
    Size,
    blurred,
    exposed,
    fractal,
    grid,
    inside,
    tinted,
)
from isthmus.data.pairs import PairReading

_WIDEST, _THINNEST = 8.0, 1.0  # pixels, of an image of 192
_USUAL = 192


def draw(random: np.random.Generator, size: Size) -> Picture:
    """A round orange field under uneven light, the optic disc, and vessels of 1 to 8 pixels.

    Vessels leave the optic disc, wander, branch and grow thinner; thin ones are paler. Spots of
    blood and of fat are there to be mistaken.
    """
    y, x = grid(size)
    disc = (random.normal(0, 0.06), random.choice([-1, 1]) * random.uniform(0.4, 0.6))
    field = np.hypot(y, x) < 0.96
    depth, vessels = _rendered(_tree(random, size, disc), size)
    vessels &= field
    light = 1 + random.uniform(0.1, 0.3) * fractal(random, size, 2.2) - 0.25 * (y**2 + x**2)
    light = light + random.normal(0, 0.2) * x + random.normal(0, 0.2) * y
    light = light.clip(0.35)
    texture = 1 + 0.05 * fractal(random, size, 1.0)
    colour = np.array([0.72, 0.36, 0.16]) * random.uniform(0.75, 1.15) * random.uniform(0.9, 1.1, 3)
    image = tinted(light * texture, colour)
    macula = np.exp(-np.square(inside(y, x, (0.05, -0.3 * disc[1]), (0.2, 0.2))))
    image = image * (1 - 0.35 * macula)
    nerve = 1 / (1 + np.exp((inside(y, x, disc, random.uniform(0.13, 0.18, 2)) - 1) / 0.12))
    image = image + 0.8 * nerve * (tinted(np.ones(size), (0.95, 0.8, 0.5)) - image)
    for colour_of, count in (((0.35, 0.08, 0.06), 5), ((0.9, 0.8, 0.4), 5)):
        spots = _spots(random, y, x, int(random.integers(count)))
        image = image + 0.7 * spots * (tinted(np.ones(size), colour_of) - image)
    contrast = random.uniform(0.35, 0.7)
    image = image * (1 - contrast * tinted(depth, (0.5, 0.85, 0.6)))
    image = blurred(image * blurred(field, 0.7), random.uniform(0.3, 0.7))
    return Picture(exposed(random, image, random.uniform(0.01, 0.035)), vessels.astype(np.int16))


def _tree(
    random: np.random.Generator, size: Size, disc: tuple[float, float]
) -> NDArray[np.float64]:
    """Points ``(N, 3)`` of all vessels: row, column and width in pixels."""
    unit = min(size) / _USUAL
    start = [(1 + place) / 2 * (side - 1) for place, side in zip(disc, size, strict=True)]
    towards = -np.sign(disc[1])  # the wide side of the field
    growing = []
    for up, ahead in ((-1, 0.6), (1, 0.6), (-1, 0.9), (1, 0.9), (-1, -0.7), (1, -0.7)):
        angle = np.arctan2(up, towards * ahead) + random.normal(0, 0.15)
        bend = -up * towards * random.uniform(0.004, 0.01) * (ahead > 0)  # around the macula
        growing.append((*start, angle, random.uniform(3.5, _WIDEST), bend))
    points = []
    while growing:
        row, column, angle, width, bend = growing.pop()
        while width >= _THINNEST and 0 <= row < size[0] and 0 <= column < size[1]:
            points.append((row, column, width))
            angle += random.normal(0, 0.06) - bend
            row, column = row + unit * np.sin(angle), column + unit * np.cos(angle)
            width *= 0.993
            if random.random() < 0.03:
                turn = random.choice([-1, 1]) * random.uniform(0.4, 1.1)
                growing.append((row, column, angle + turn, width * random.uniform(0.45, 0.8), 0.0))
                width *= 0.93
    return np.array(points)


def _rendered(points: NDArray[np.float64], size: Size) -> tuple[Field, NDArray[np.bool_]]:
    """How dark the vessels are, 0 to 1, and where they are; all of a width at once."""
    from scipy.ndimage import distance_transform_edt

    unit = min(size) / _USUAL
    depth, vessels = np.zeros(size), np.zeros(size, bool)
    rows, columns = np.rint(points[:, :2]).astype(int).T.clip(0, np.array(size)[:, None] - 1)
    widths = np.rint(2 * points[:, 2]) / 2
    for width in np.unique(widths):
        centre = np.ones(size, bool)
        of_it = widths == width
        centre[rows[of_it], columns[of_it]] = False
        over = distance_transform_edt(centre) - unit * width / 2  # pixels from the wall
        strength = 0.5 + 0.5 * width / _WIDEST
        depth = np.maximum(depth, strength * np.clip(0.5 - over, 0, 1))
        vessels |= over < 0.25
    return depth, vessels


def _spots(random: np.random.Generator, y: Field, x: Field, count: int) -> Field:
    """Small blobs, 1 at their hearts."""
    spots = np.zeros(np.broadcast_shapes(y.shape, x.shape))
    for _ in range(count):
        centre, radii = random.uniform(-0.6, 0.6, 2), random.uniform(0.015, 0.07, 2)
        spots = np.maximum(spots, 1 / (1 + np.exp((inside(y, x, centre, radii) - 1) / 0.2)))
    return spots


ENTRY = MadeEntry(
    name="made-vessels",
    description="made: like photographs of the retina, vessels of 1 to 8 pixels",
    sample_shape=(3, 192, 192),
    count=40,
    licence="free",
    pairs=PairReading(values={"background": 0, "vessel": 255}),
    draw=draw,
)
