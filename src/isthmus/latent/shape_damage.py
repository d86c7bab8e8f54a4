"""Label maps damaged on purpose, to measure whether the damage is found and mended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.latent.shape_rules import ShapeRules

Labels = NDArray[Any]
Damage = Callable[[np.random.Generator, Labels, ShapeRules], Labels | None]


def hole(random: np.random.Generator, labels: Labels, rules: ShapeRules) -> Labels | None:
    """A disc of background within a structure, half as wide as there is room."""
    depth, label = _deepest(random, labels, least=3)
    if label is None:
        return None
    centre = np.unravel_index(depth.argmax(), depth.shape)
    return np.where(_disc(labels, centre, max(1.5, 0.5 * depth.max())), 0, labels)


def broken_ring(random: np.random.Generator, labels: Labels, rules: ShapeRules) -> Labels | None:
    """A gap of 40° in a structure that should enclose another."""
    rings = [pair for pair in np.argwhere(rules.ring) if (labels == pair[0]).any()]
    if not rings:
        return None
    inner, outer = rings[random.integers(len(rings))]
    wedge = _wedge(labels == inner, random.uniform(-np.pi, np.pi), np.deg2rad(20))
    return np.where(wedge & (labels == outer), 0, labels)


def island(random: np.random.Generator, labels: Labels, rules: ShapeRules) -> Labels | None:
    """A disc of a structure in the background, away from all others."""
    from scipy.ndimage import distance_transform_edt

    structures = np.unique(labels[labels > 0])
    side = min(labels.shape)
    free = np.argwhere(distance_transform_edt(np.pad(labels == 0, 1))[1:-1, 1:-1] > 0.08 * side)
    if not len(structures) or not len(free):
        return None
    centre = free[random.integers(len(free))]
    return np.where(_disc(labels, centre, 0.04 * side), random.choice(structures), labels)


def wrong_neighbours(
    random: np.random.Generator, labels: Labels, rules: ShapeRules
) -> Labels | None:
    """A bridge between two structures that should not touch, as wide as a twentieth of the map."""
    from scipy.ndimage import distance_transform_edt

    pairs = [
        (a, b)
        for a, b in np.argwhere(rules.apart)
        if a and b and (labels == a).any() and (labels == b).any()
    ]
    if not pairs:
        return None
    a, b = pairs[random.integers(len(pairs))]
    distance, nearest = distance_transform_edt(labels != b, return_indices=True)
    start = np.unravel_index(np.where(labels == a, distance, np.inf).argmin(), labels.shape)
    end = nearest[:, *start]
    damaged = labels.copy()
    for share in np.linspace(0, 1, 30):
        centre = (1 - share) * np.array(start) + share * end
        damaged[_disc(labels, centre, 0.025 * min(labels.shape)) & (labels != b)] = a
    return damaged


def missing(random: np.random.Generator, labels: Labels, rules: ShapeRules) -> Labels | None:
    """One structure all background."""
    structures = np.unique(labels[labels > 0])
    if len(structures) < 1:
        return None
    return np.where(labels == random.choice(structures), 0, labels)


DAMAGES: dict[str, Damage] = {
    "hole": hole,
    "broken ring": broken_ring,
    "island": island,
    "neighbours": wrong_neighbours,
    "missing": missing,
}
"""By the kind of `Finding` that each should lead to; None where a map has no place for it."""


def _deepest(
    random: np.random.Generator, labels: Labels, least: float
) -> tuple[NDArray[np.float64], int | None]:
    """Depth of the pixels in one of the structures that is deep enough."""
    from scipy.ndimage import distance_transform_edt

    for label in random.permutation(np.unique(labels[labels > 0])):
        depth = distance_transform_edt(labels == label)
        if depth.max() >= least:
            return depth, int(label)
    return np.zeros(labels.shape), None


def _disc(labels: Labels, centre: Any, radius: float) -> NDArray[np.bool_]:
    rows, columns = np.indices(labels.shape)
    return np.asarray(np.hypot(rows - centre[0], columns - centre[1]) <= radius)


def _wedge(mask: NDArray[np.bool_], angle: float, half: float) -> NDArray[np.bool_]:
    """Pixels that lie in one direction from the middle of a mask."""
    middle = np.argwhere(mask).mean(0)
    rows, columns = np.indices(mask.shape)
    away = np.arctan2(rows - middle[0], columns - middle[1]) - angle
    return np.asarray(np.abs((away + np.pi) % (2 * np.pi) - np.pi) <= half)
