"""Persons and cats."""

from __future__ import annotations

from typing import Any

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
    numbered,
    tinted,
)
from isthmus.data.pairs import PairReading

_PERSON, _CAT = 1, 2
_SKIN = ((0.93, 0.76, 0.64), (0.76, 0.56, 0.42), (0.45, 0.3, 0.22))
_FUR = ((0.15, 0.14, 0.14), (0.5, 0.48, 0.46), (0.8, 0.5, 0.22), (0.88, 0.85, 0.8))
_Part = tuple[Mask, Field]  # of a figure, and its paint (3, H, W)


def draw(random: np.random.Generator, size: Size) -> Picture:
    """One to three persons and as many cats in simple shapes, who hide parts of each other.

    Skin and striped fur have their colours, but balls and boxes may have them too. `objects`
    numbers who is there.
    """
    y, x = grid(size)
    floor = random.uniform(-0.2, 0.4)
    image = np.where(y < floor, _any_colour(random), _any_colour(random))
    image = image * (1 + 0.1 * fractal(random, size, 1.0)) + 0.05 * fractal(random, size, 2)
    labels, objects = (np.zeros(size, np.int16) for _ in range(2))
    whats = [0] * 3 + [_PERSON] * random.integers(1, 4) + [_CAT] * random.integers(1, 4)
    feet = np.sort(random.uniform(floor + 0.1, 0.98, len(whats)))  # who is nearer comes later
    for what, foot in zip(random.permutation(whats), feet, strict=True):
        unit = 0.5 + 0.6 * (foot - floor)
        side, place = random.choice([-1, 1]), random.uniform(-0.85, 0.85)
        up, out = (foot - y) / unit, side * (x - place) / unit  # from the feet, in heights
        parts = (_thing, _person, _cat)[what](random, up, out)
        texture = 1 + 0.1 * fractal(random, size, 1.0)
        for part, paint in parts:
            image = np.where(part, texture * paint, image)
        whole = np.any([part for part, _ in parts], axis=0)
        labels[whole] = what
        objects[whole] = what and objects.max() + 1
    light = random.uniform(0.7, 1.1) * (1 + random.normal(0, 0.15) * x)
    image = blurred(image * light, 0.5)
    return Picture(exposed(random, image, random.uniform(0.01, 0.04)), labels, numbered(objects))


def _colour(red_green_blue: Any) -> Field:
    return tinted(np.ones((1, 1)), red_green_blue)


def _any_colour(random: np.random.Generator) -> Field:
    """A colour that is rarely strong."""
    return _colour((random.uniform(0.1, 0.9) + random.normal(0, 0.12, 3)).clip(0.05, 0.95))


def _person(random: np.random.Generator, up: Field, out: Field) -> list[_Part]:
    """Trousers, coat, arms and head; one unit high."""
    wide = random.uniform(0.8, 1.2)
    out = out / wide
    legs = (up > 0) & (up < 0.45) & (np.abs(np.abs(out) - 0.08) < 0.055)
    coat = inside(up, out, (0.6, 0.0), (0.24, 0.16)) < 1
    lift = random.uniform(-1.2, 1.2)
    arm = (np.abs(up - 0.68 - lift * (np.abs(out) - 0.1)) < 0.05) & (
        np.abs(np.abs(out) - 0.2) < 0.1
    )
    head = inside(up, out, (0.94, 0.0), (0.12, 0.1)) < 1
    return [
        (legs, 0.5 * _any_colour(random)),
        (coat | arm, _any_colour(random)),
        (head, _colour(random.choice(_SKIN))),
    ]


def _cat(random: np.random.Generator, up: Field, out: Field) -> list[_Part]:
    """Striped legs, body, tail, head and ears, and eyes; half a unit high, and longer than high."""
    legs = (up > 0) & (up < 0.2) & (np.abs(np.abs(out) - 0.17) < 0.045)
    body = inside(up, out, (0.26, 0.0), (0.13, 0.28)) < 1
    swing = random.uniform(0.5, 2.0)
    tail = (np.abs(out + 0.26 + swing * (up - 0.3) ** 2) < 0.035) & (up > 0.25) & (up < 0.62)
    head = inside(up, out, (0.42, 0.28), (0.12, 0.12)) < 1
    beside = np.abs(np.abs(out - 0.28) - 0.07)
    ears = (up > 0.48) & (up < 0.62) & (beside < 0.5 * (0.62 - up).clip(0))
    fur = tinted(1 + random.uniform(0.1, 0.35) * np.sin(45 * out), random.choice(_FUR))
    eyes = inside(up, np.abs(out - 0.28), (0.44, 0.045), (0.025, 0.02)) < 1
    return [(legs | body | tail | head | ears, fur), (eyes, _colour((0.7, 0.9, 0.2)))]


def _thing(random: np.random.Generator, up: Field, out: Field) -> list[_Part]:
    """A ball, or a box."""
    high, wide = random.uniform(0.1, 0.4, 2)
    ball = inside(up, out, (high, 0.0), (high, high)) < 1
    box = (np.abs(up - high) < high) & (np.abs(out) < wide)
    return [(ball if random.random() < 0.5 else box, _any_colour(random))]


ENTRY = MadeEntry(
    name="made-scenes",
    description="made: persons and cats in simple shapes, three classes",
    sample_shape=(3, 128, 128),
    count=80,
    licence="free",
    pairs=PairReading(values={"background": 0, "person": 127, "cat": 255}),
    draw=draw,
)
