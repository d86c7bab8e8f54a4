"""Short-axis slices of beating hearts, as cine MRI shows them: patients of five groups."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from isthmus.data.entry import MadeEntry
from isthmus.data.made._drawing import Field, Picture, Size, blurred, exposed, fractal, inside
from isthmus.data.pairs import PairReading, Value

GROUPS = ("NOR", "DCM", "HCM", "MINF", "RV")
PHASES = ("ED", "ES")
SLICES = 8
_FIELD_OF_VIEW = 160.0  # mm
_ANGLES = np.linspace(-np.pi, np.pi, 361)
_LEAST_CAVITY = 2.0  # mm; a smaller one is closed


class _Usual(NamedTuple):
    """Mean and deviation, over the patients of a group, of what sets it apart.

    Inner radius and wall of the left ventricle at its base and depth of the right one, in mm; the
    ejection fraction that both would have without a scar.
    """

    radius: tuple[float, float]
    wall: tuple[float, float]
    fraction: tuple[float, float]
    depth: tuple[float, float]
    right_fraction: tuple[float, float]


_USUAL = {
    "NOR": _Usual((25.5, 1.6), (8.0, 0.8), (0.61, 0.04), (26, 2.5), (0.56, 0.05)),
    "DCM": _Usual((33.0, 2.5), (7.2, 0.8), (0.28, 0.06), (27, 3.0), (0.45, 0.08)),
    "HCM": _Usual((22.5, 1.6), (13.5, 2.0), (0.69, 0.05), (24, 2.5), (0.58, 0.05)),
    "MINF": _Usual((28.5, 2.5), (8.0, 0.8), (0.47, 0.06), (26, 2.5), (0.53, 0.06)),
    "RV": _Usual((24.0, 1.8), (8.0, 0.8), (0.57, 0.05), (43, 3.5), (0.36, 0.07)),
}


class _Outline(NamedTuple):
    """Radii in mm around the middle of the left ventricle, of each of the angles ``(..., 361)``.

    Up to `cavity` lies the left ventricle, up to `wall` its muscle, up to `right` the other one.
    """

    cavity: Field
    wall: Field
    right: Field

    def areas(self) -> Field:
        """mm² of left ventricle, muscle and right ventricle: 1/2 ∫ (outer² - inner²) dθ."""
        rings = np.diff(np.square([np.zeros_like(self.cavity), *self]), axis=0) / 2
        return np.asarray(np.trapezoid(rings, _ANGLES))


@dataclass(frozen=True)
class _Heart:
    """A patient's heart; angles from -π to π, 0 to the right and π/2 to the front of the body."""

    group: str
    wall: Field  # mm at the base, by angle
    outer: Field  # radius of the wall at the base, by angle
    length: float  # mm from the base to the apex
    motion: Field  # share that the radius of the cavity keeps in systole, by angle
    shortening: float  # share that the length keeps
    towards: float  # angle of the right ventricle
    width: float  # half of the angle that it takes
    depth: float  # mm
    squeeze: float  # share that its depth keeps

    @classmethod
    def draw(cls, random: np.random.Generator, group: str) -> _Heart:
        """A patient of a group."""
        radius, wall, fraction, depth, right = (random.normal(*one) for one in _USUAL[group])
        fraction, right = np.clip([fraction, right], 0.08, 0.85)
        scale, towards = random.normal(1, 0.06), np.pi + random.normal(0, 0.25)
        waves = [
            random.normal(0, 0.025) * np.cos(k * _ANGLES + random.uniform(0, 7)) for k in (2, 3)
        ]
        septum = _bump(towards, 0.9)
        thick = wall * (1 + 0.05 * random.normal() * np.cos(_ANGLES))
        scar = np.zeros_like(_ANGLES)
        if group == "HCM":
            thick = thick * (1 + random.uniform(0.05, 0.4) * septum)
        if group == "MINF":
            scar = _bump(random.uniform(-np.pi, np.pi), random.uniform(0.9, 1.4))
            thick = thick * (1 - random.uniform(0.3, 0.5) * scar)
        flat = 0.12 * septum if group == "RV" else 0
        keeps = (1 - fraction) ** 0.42
        return cls(
            group=group,
            wall=scale * thick,
            outer=scale * (radius * (1 + sum(waves) - flat) + thick),
            length=scale * (2.6 * radius + 24) * random.normal(1, 0.04),
            motion=keeps + (1 - keeps) * random.uniform(0.85, 1.05) * scar,
            shortening=(1 - fraction) ** 0.16,
            towards=towards,
            width=random.normal(1.2, 0.07),
            depth=scale * depth,
            squeeze=(1 - right) ** 0.6,
        )

    def slice_distance(self, phase: str) -> float:
        """Mm: a stack spans the heart of its phase from the base to the apex."""
        return self.length * (self.shortening if phase == "ES" else 1) / SLICES

    def outline(self, phase: str, place: NDArray[np.int64]) -> _Outline:
        """Radii ``(..., 361)`` in the slices `place` ``(..., 1)`` of a phase, 0 at the base.

        In systole each part of the wall gets thicker by as much as it gets shorter, so that its
        volume stays.
        """
        low = (place + 0.5) / SLICES
        wall = self.outer * np.sqrt(1 - low**2.5)
        cavity = np.clip(wall - self.wall * (1 - 0.2 * low), 0, None)
        depth = self.depth * np.sqrt(np.clip(1 - (low / 0.85) ** 2, 0, None))
        if phase == "ES":
            muscle = (np.square(wall) - np.square(cavity)) / self.shortening
            cavity = cavity * self.motion
            wall, depth = np.sqrt(np.square(cavity) + muscle), depth * self.squeeze
        cavity = cavity * (cavity.mean(-1, keepdims=True) > _LEAST_CAVITY)
        across = np.cos(np.clip(_away(self.towards) / self.width, -1, 1) * np.pi / 2)
        return _Outline(cavity, wall, wall + depth * np.abs(across) ** 0.6)

    def truth(self) -> dict[str, float]:
        """What a physician would measure, by the outlines and not by pixels.

        Volumes in ml, sums of areas times the slice distance; ejection fractions; mean and greatest
        thickness of the wall in diastole, in mm, over angles and the slices with a cavity.
        """
        outlines = {phase: self.outline(phase, np.arange(SLICES)[:, None]) for phase in PHASES}
        ml = {
            phase: outline.areas().sum(1) * self.slice_distance(phase) / 1000
            for phase, outline in outlines.items()
        }
        found: dict[str, float] = {}
        for name, label in (("lv", 0), ("rv", 2)):
            full, empty = (float(ml[phase][label]) for phase in PHASES)
            found |= {f"{name}_edv_ml": full, f"{name}_esv_ml": empty}
            found[f"{name}_ef"] = (full - empty) / full
        found["myocardium_ml"] = float(ml["ED"][1])
        filled = outlines["ED"].cavity.any(1)
        walls = (outlines["ED"].wall - outlines["ED"].cavity)[filled]
        found |= {"wall_mean_mm": float(np.mean(walls)), "wall_max_mm": float(np.max(walls))}
        return {key: round(value, 4) for key, value in found.items()}


def draw(random: np.random.Generator, size: Size, case: int, place: int) -> Picture:
    """Slice `place` of a patient: first those at the end of diastole, then of systole.

    Blood is bright and the muscle dark; papillary muscles lie in the cavity and count to it.
    Patients take turns in the five groups, so that each part of the set has all of them.
    """
    heart = _Heart.draw(random, GROUPS[(case + case // len(GROUPS)) % len(GROUPS)])
    middle = random.normal([0, 0.3 * heart.depth], 4)  # down and right, in mm
    body = random.uniform(0, 1, 6)
    own = random.spawn(1 + place)[place]
    phase, number = PHASES[place // SLICES], place % SLICES
    pixel = _FIELD_OF_VIEW / min(size)
    down, right = (
        (np.arange(side) - (side - 1) / 2) * pixel - centre - shift
        for side, centre, shift in zip(size, middle, own.normal(0, 0.8, 2), strict=True)
    )
    y, x = down[:, None], right[None]
    radius, angle = np.hypot(y, x), np.arctan2(-y, x)
    at = partial(np.interp, angle, _ANGLES)
    outline = heart.outline(phase, np.array([number]))
    labels = np.zeros(size, np.int16)
    for label, edge in ((1, outline.right), (2, outline.wall), (3, outline.cavity)):
        labels[radius < at(edge)] = label
    facts = {
        "patient": f"patient{case + 1:03d}",
        "group": heart.group,
        "phase": phase,
        "slice": number + 1,
        "pixel_mm": round(pixel, 4),
        "slice_mm": round(heart.slice_distance(phase), 4),
        **heart.truth(),
    }
    image = _shown(own, body, labels, y, x, float(outline.cavity.mean()), pixel)
    return Picture(image, labels, facts=facts)


def _shown(
    random: np.random.Generator,
    body: Field,
    labels: NDArray[np.int16],
    y: Field,
    x: Field,
    cavity: float,
    pixel: float,
) -> NDArray[np.uint8]:
    """The image of a label map: lungs, liver, fat and chest wall around it, and a coil's shading.

    `body` holds six numbers from 0 to 1 that all slices of a patient share; `cavity` is the radius
    of the left ventricle in mm.
    """
    size = labels.shape
    chest = inside(y, x, (0, -10), (72 + 12 * body[0], 88))
    tissue = 0.45 * (chest > 0.86) + 0.09 * (chest <= 0.86)
    liver = inside(y, x, (62, -45), (34, 42), 0.3) < 1
    tissue = np.where(liver & (chest < 0.95), 0.3 + 0.1 * body[1], tissue)
    tissue = np.where(inside(y, x, (-45, -28), (18, 16)) < 1, 0.6 * body[2], tissue)  # vessels
    heart = labels > 0
    fat = blurred(heart, 2.5 / pixel) * ~heart  # around the heart
    tissue = np.maximum(tissue, (0.5 + 0.3 * body[3]) * (fat > 0.12))
    blood, muscle = 0.62 + 0.25 * body[4], 0.2 + 0.12 * body[5]
    shades = np.array([0, blood * 0.95, muscle, blood])
    image = np.where(heart, shades[labels], tissue)
    if cavity > 8:
        for turn in random.normal((0.4, 2.6), 0.2):
            centre = 0.62 * cavity * np.array([np.sin(turn), np.cos(turn)])
            spot = inside(y, x, centre, random.uniform(0.09, 0.17, 2) * cavity) < 1
            image = np.where(spot & (labels == 3), muscle + 0.1, image)
    image = blurred(image, 0.7) + 0.04 * fractal(random, size, 1.3) * (chest < 1.05)
    shading = 1.15 - 0.35 * (y + x) / _FIELD_OF_VIEW
    return exposed(random, image * shading, 0.02)


def _away(angle: float) -> Field:
    """How far each of the angles is from one, -π to π."""
    return np.asarray((_ANGLES - angle + np.pi) % (2 * np.pi) - np.pi)


def _bump(angle: float, width: float) -> Field:
    """1 near an angle, 0 away from it."""
    return np.asarray(1 / (1 + (np.abs(_away(angle)) / width) ** 8))


# As the ACDC challenge numbers them.
VALUES: dict[str, Value] = {
    "background": 0,
    "right ventricle": 1,
    "myocardium": 2,
    "left ventricle": 3,
}
ENTRY = MadeEntry(
    name="made-hearts",
    description="made: like cine MRI of hearts of five groups, in slices; parts by patient",
    sample_shape=(96, 96),
    count=1600,
    licence="free",
    pairs=PairReading(values=VALUES, groups="patient"),
    draw=draw,
    series=len(PHASES) * SLICES,
)
