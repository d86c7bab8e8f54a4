"""Chest X-rays with both lungs."""

from __future__ import annotations

from itertools import product

import numpy as np

from isthmus.data.entry import MadeEntry
from isthmus.data.made._drawing import (
    Field,
    Mask,
    Picture,
    Size,
    blurred,
    exposed,
    fractal,
    grid,
    inside,
    ridge,
)
from isthmus.data.pairs import PairReading

_SIDES = (-1, 1)


def draw(random: np.random.Generator, size: Size) -> Picture:
    """What absorbs is bright: tissue, heart, ribs, spine, collar bones; the two lungs are darker.

    Some lungs have opacities, windpipe and stomach hold air too, and exposures differ. The mask has
    both lungs without what lies behind the heart.
    """
    y, x = _posture(random, size)
    heart = inside(y, x, (0.28, 0.14), random.uniform([0.24, 0.2], [0.36, 0.3]), -0.5) < 1
    lungs = np.zeros(size, bool)
    for side in _SIDES:
        lungs |= _lung(random, y, side * x) & ~heart
    body = np.abs(x) < 0.3 + 0.68 / (1 + np.exp(-(y + random.uniform(0.75, 0.9)) / 0.06))
    soft = random.uniform(0.5, 0.68)
    image = soft * blurred(body, 1.5) * (1 - 0.3 * x**2) + 0.03
    air = blurred(lungs, 1.2) * (1 + 0.12 * fractal(random, size, 1.5))
    air = air * (1 - _opacity(random, y, x, size)) - 0.25 * lungs * _vessels(random, y, x, size)
    image = image - random.uniform(0.5, 0.75) * soft * air + 0.08 * blurred(heart, 2)
    image = image + _bones(random, y, x) * blurred(body, 1) - _other_air(random, y, x)
    image = image + 0.05 * fractal(random, size, 2) * body
    image = random.uniform(0.8, 1.25) * image.clip(0) ** random.uniform(0.75, 1.4)
    image = image + random.uniform(0, 0.1)
    if random.random() < 0.5:  # the letter that marks a side
        row, column = (int(share * side) for share, side in zip((0.06, 0.85), size, strict=True))
        image[row : row + max(2, size[0] // 16), column : column + max(2, size[1] // 24)] = 0.95
    grain = random.uniform(0.01, 0.045)
    return Picture(exposed(random, image, grain), lungs.astype(np.int16))


def _posture(random: np.random.Generator, size: Size) -> tuple[Field, Field]:
    """Coordinates of a body that is turned, moved, of its own size, and never quite regular."""
    y, x = grid(size)
    turn, zoom = random.normal(0, 0.05), random.uniform(0.92, 1.2, 2)
    shift = random.normal(0, 0.05, 2)
    rows = np.cos(turn) * y + np.sin(turn) * x - shift[0]
    columns = np.cos(turn) * x - np.sin(turn) * y - shift[1]
    bent = [0.02 * fractal(random, size, 2.2) for _ in range(2)]
    return zoom[0] * rows + bent[0], zoom[1] * columns + bent[1]


def _lung(random: np.random.Generator, y: Field, x: Field) -> Mask:
    """One lung, x pointing to the side of the body."""
    top, bottom = random.uniform(-0.78, -0.66), random.uniform(0.45, 0.7)
    depth = ((y - top) / (bottom - top)).clip(0, 1)
    outer = random.uniform(0.6, 0.74) * np.sqrt(np.sin(np.pi / 2 * (0.05 + depth).clip(0, 1)))
    inner = 0.14 - 0.05 * np.cos(3 * np.pi * depth) + 0.05 * depth
    dome = bottom - 0.12 + random.uniform(0.6, 1.2) * np.square(x - random.uniform(0.3, 0.4))
    return (y > top) & (x > inner) & (x < outer.clip(0.2)) & (y < dome)


def _opacity(random: np.random.Generator, y: Field, x: Field, size: Size) -> Field:
    """How much of the air disease has replaced: in half of the pictures some, in patches."""
    dense = np.zeros(size)
    for _ in range(random.choice(3, p=[0.5, 0.3, 0.2])):
        side, row = random.choice(_SIDES), random.uniform(-0.3, 0.45)
        spot = inside(y, x, (row, side * random.uniform(0.25, 0.55)), random.uniform(0.1, 0.3, 2))
        dense += random.uniform(0.4, 0.8) * np.exp(-(spot**2))
    return np.asarray(np.clip(dense * (1 + 0.4 * fractal(random, size, 1.2)), 0, 0.85))


def _vessels(random: np.random.Generator, y: Field, x: Field, size: Size) -> Field:
    """Streaks that fade with the distance from where vessels enter the lung."""
    near = np.exp(-inside(y, np.abs(x), (0.0, 0.16), (0.4, 0.25)))
    return np.asarray(near * (1 - np.abs(fractal(random, size, 1.2))).clip(0))


def _bones(random: np.random.Generator, y: Field, x: Field) -> Field:
    """Ribs from the back and, paler, from the front; collar bones; spine."""
    bones = 0.1 * ridge(x, 0.09) * (1 + 0.3 * np.sin(40 * y))
    strength, gap = random.uniform(0.05, 0.13), random.uniform(0.15, 0.18)
    first, bend = random.uniform(-0.8, -0.7), random.uniform(0.35, 0.55)
    for side, number in product(_SIDES, range(9)):
        out = side * x
        chest = ((out > 0.05) & (out < 0.8)) * strength
        back = first + gap * number - 0.08 * np.cos(5 * out) + bend * out.clip(0) ** 2
        bones += chest * ridge(y - back, 0.035)
        front = first + 0.35 + gap * number - bend * out.clip(0) ** 1.5
        bones += chest * 0.5 * (out > 0.25) * ridge(y - front, 0.04)
    for side in _SIDES:
        out = side * x
        collar = random.uniform(-0.68, -0.58) - random.uniform(0.1, 0.3) * out
        bones += 0.14 * ((out > 0.08) & (out < 0.75)) * ridge(y - collar, 0.04)
    return bones


def _other_air(random: np.random.Generator, y: Field, x: Field) -> Field:
    """Windpipe and, often, a bubble in the stomach."""
    windpipe = random.uniform(0.05, 0.15) * ridge(x, 0.06) * (y < -0.2)
    centre = (random.uniform(0.82, 0.95), random.uniform(0.3, 0.5))
    bubble = inside(y, x, centre, random.uniform(0.08, 0.2, 2))
    depth = random.uniform(0, 0.3)
    return windpipe + depth / (1 + np.exp((bubble - 1) / 0.1))


ENTRY = MadeEntry(
    name="made-lungs",
    description="made: like chest X-rays, both lungs",
    sample_shape=(96, 96),
    count=60,
    licence="free",
    pairs=PairReading(values={"background": 0, "lung": 255}),
    draw=draw,
)
