"""Axial slices like those of chest CT: two lungs, and lesions within them."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from isthmus.data.entry import MadeEntry, MadeVolumes
from isthmus.data.made._drawing import Field, Mask, Picture, Size, blurred, fractal, grid, inside
from isthmus.data.pairs import PairReading

ZERO = 1024  # the value of 0 Hounsfield units
_AIR, _FAT, _WATER, _SOFT, _BONE = -1000.0, -90.0, 0.0, 45.0, 450.0
_SIDES = (-1, 1)  # the patient's right is on the image's left
_GROUND_GLASS, _CONSOLIDATION = 3, 4
_SLICES, _DEPTH = 6, 12  # of a patient; of a volume


def draw(
    random: np.random.Generator,
    size: Size,
    case: int,
    place: int,
    *,
    slices: int = _SLICES,
    zero: int = ZERO,
) -> Picture:
    """Slice `place` of a patient, of some from the shoulders to the belly.

    Values are Hounsfield units plus `zero`, in 16 bits. `random` draws the body first, which the
    slices of a patient have in common. Lungs begin and end within the body: the first and last
    slices may have none. Four of five patients have lesions, each in some slices: ground glass, of
    which some holds a core of consolidation. Folds of a blanket, stool and lung-like gas in the
    bowel have the values of lesions, but lie outside the lungs.
    """
    y, x = grid(size)
    depth = place / (slices - 1)
    width, height = random.uniform(0.72, 0.88), random.uniform(0.5, 0.62)
    centre = random.normal(0, 0.04, 2)
    top, bottom = random.uniform(-0.15, 0.15), random.uniform(0.88, 1.12)
    lung_size = random.uniform(0.85, 1.1, 2)
    foci = _foci(random) if random.random() < 0.8 else []
    coarse = random.uniform(0.6, 1.4)
    own = np.random.default_rng((int(random.integers(2**32)), round(1000 * depth)))

    y, x = y - centre[0], x - centre[1]
    y, x = y + 0.015 * fractal(own, size, 2.2), x + 0.015 * fractal(own, size, 2.2)
    body = inside(y, x, (0, 0), (height, width))
    image = np.full(size, _AIR)
    _around(own, image, y, x, height)
    image[body < 1] = _FAT
    image[body < own.uniform(0.86, 0.93)] = _SOFT
    opened = np.sin(np.pi * np.clip((depth - top) / (bottom - top), 0, 1)) ** 0.5
    labels = np.zeros(size, np.int16)
    heart = inside(y, x, (-0.12, 0.1), np.array([0.26, 0.26]) * own.uniform(0.8, 1.1), 0.5)
    for label, (side, large) in enumerate(zip(_SIDES, lung_size, strict=True), 1):
        labels[_lung(y, side * x, (height, width), large * opened, heart)] = label
    _bones(image, y, x, height, body)
    if depth > 0.55:
        _belly(own, image, y, x, size, labels == 0)
    image[inside(y, x, (-0.22, 0.0), (0.05, 0.045)) < 1] = _AIR if depth < 0.45 else _SOFT
    lungs = labels > 0
    vessels = (fractal(own, size, 1.0) > 2.1) & lungs
    tissue = -860 + 40 * coarse * fractal(own, size, 1.2) + 60 * y
    image = np.where(lungs, np.where(vessels, own.uniform(-100, 30), tissue), image)
    image = _with_lesions(own, image, labels, (y, x, depth), foci, lungs)
    image = blurred(image, 0.6) + own.uniform(12, 35) * own.normal(size=size)
    values = np.rint(image).clip(-ZERO, 4095 - ZERO) + zero
    stored: Any = values.astype(np.uint16 if zero else np.int16)
    return Picture(stored, labels, facts={"patient": f"patient{case + 1:03d}"})


def _lung(y: Field, x: Field, body: tuple[float, float], scale: float, heart: Field) -> Mask:
    """One lung, x pointing to the side of the body, without what the heart takes."""
    if scale < 0.25:
        return np.zeros(np.broadcast_shapes(y.shape, x.shape), bool)
    height, width = body
    radii = scale * np.array([0.72 * height, 0.36 * width])
    whole = inside(y, x, (0.02, 0.5 * width), radii, 0.15) < 1
    return whole & (x > 0.07) & (heart > 1)


def _foci(random: np.random.Generator) -> list[tuple[Field, Field, bool]]:
    """Centres (y, x, depth), radii of the same, and whether the core is consolidated."""
    foci = []
    for _ in range(random.integers(1, 6)):
        near = random.uniform([-0.3, 0.25, 0.2], [0.35, 0.6, 0.95])
        near[1] *= random.choice(_SIDES)
        radii = random.uniform([0.06, 0.06, 0.15], [0.24, 0.2, 0.45])
        foci.append((near, radii, bool(random.random() < 0.5)))
    return foci


def _with_lesions(
    own: np.random.Generator,
    image: Field,
    labels: np.ndarray[tuple[int, ...], np.dtype[np.int16]],
    place: tuple[Field, Field, float],
    foci: list[tuple[Field, Field, bool]],
    lungs: Mask,
) -> Field:
    """The image with lesions, which are marked in the labels."""
    y, x, depth = place
    rough = 0.25 * fractal(own, image.shape, 1.5)
    for near, radii, has_core in foci:
        away = abs(depth - near[2]) / radii[2]
        if away >= 1:
            continue
        reach = np.sqrt(1 - away**2)
        distance = inside(y, x, near[:2], reach * radii[:2]) + rough
        haze, core = (distance < 1) & lungs, (distance < 0.55) & lungs & has_core
        dense = own.uniform(-620, -400) + 50 * fractal(own, image.shape, 1.2)
        image = np.where(haze & (image < -300), dense, image)
        image = np.where(core, own.uniform(-40, 50), image)
        labels[haze & (labels < _CONSOLIDATION)] = _GROUND_GLASS
        labels[core] = _CONSOLIDATION
    return image


def _around(own: np.random.Generator, image: Field, y: Field, x: Field, height: float) -> None:
    """The table, and a blanket whose folds are as dense as ground glass."""
    image[np.abs(y - height - 0.12 - 0.08 * (1 - x**2)) < 0.02] = -150
    for _ in range(own.integers(1, 4)):
        middle, wide = own.uniform(-0.7, 0.7), own.uniform(0.15, 0.35)
        fold = inside(
            y, x, (-height - own.uniform(0.03, 0.1), middle), (own.uniform(0.05, 0.12), wide)
        )
        image[fold < 1] = own.uniform(-700, -350)


def _bones(image: Field, y: Field, x: Field, height: float, body: Field) -> None:
    """Spine and ribs."""
    ribs = (np.abs(body - 0.84) < 0.025) & (np.sin(14 * np.arctan2(y, x)) > 0.2)
    image[ribs] = _BONE
    image[inside(y, x, (0.66 * height, 0), (0.14, 0.12)) < 1] = _BONE
    image[inside(y, x, (0.82 * height, 0), (0.04, 0.04)) < 1] = _WATER


def _belly(
    own: np.random.Generator, image: Field, y: Field, x: Field, size: Size, free: Mask
) -> None:
    """Liver, and a bowel with gas and stool of a lesion's values."""
    image[(inside(y, x, (-0.05, -0.32), (0.32, 0.34)) < 1) & free] = 60
    for _ in range(own.integers(1, 4)):
        bowel = inside(
            y, x, (own.uniform(-0.3, 0.1), own.uniform(0.05, 0.5)), own.uniform(0.07, 0.17, 2)
        )
        gas = own.uniform(-950, -550) + 120 * fractal(own, size, 1.5)
        stool = own.uniform(-450, -100) + 120 * fractal(own, size, 1.5)
        image[:] = np.where((bowel < 1) & free, np.where(y < 0, gas, stool), image)


_PAIRS = PairReading(
    values={
        "background": 0,
        "right lung": 1,
        "left lung": 2,
        "ground glass": _GROUND_GLASS,
        "consolidation": _CONSOLIDATION,
    },
    groups="patient",
)
ENTRY = MadeEntry(
    name="made-chest-ct",
    description="made: like axial slices of chest CT, HU + 1024; both lungs and lesions in them",
    sample_shape=(128, 128),
    count=180,
    licence="free",
    pairs=_PAIRS,
    draw=draw,
    series=_SLICES,
)
VOLUMES = MadeVolumes(
    name="made-chest-ct-volumes",
    description="made: the same as volumes in Hounsfield units, one of each patient",
    sample_shape=(_DEPTH, 128, 128),
    count=30,
    licence="free",
    pairs=_PAIRS,
    draw=partial(draw, slices=_DEPTH, zero=0),
    series=_DEPTH,
    spacing=(25.0, 3.5, 3.5),
)
