"""Mammograms with their tissues, of a known share of dense tissue."""

from __future__ import annotations

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

_AIR, _ADIPOSE, _DENSE, _PECTORAL = range(4)
_SKIN = 0.04  # of the breast's depth, where no tissue is dense


def draw(random: np.random.Generator, size: Size) -> Picture:
    """A breast from the side, the chest wall at the left, the pectoral muscle at its upper end.

    Dense tissue lies behind the nipple, 4 to 75 % of the breast, and is as bright as the muscle or,
    at other exposures and depths, as fat is elsewhere. Films carry marks beside the breast.
    """
    y, x = grid(size)
    y, x = y + 0.03 * fractal(random, size, 2.5), x + 0.02 * fractal(random, size, 2.5)
    breast, nipple = _breast(random, y, x)
    high, wide = random.uniform(0.7, 1.3), random.uniform(0.6, 1.2)
    slope = (1 - (y + 1) / high).clip(0) ** random.uniform(0.75, 1.15)
    muscle = breast & (slope > 0) & (x + 1 < wide * slope)
    depth = _depth(breast)
    dense = _dense(random, y, x, nipple, breast & ~muscle, depth)
    labels = np.where(breast, _ADIPOSE, _AIR)
    labels[dense], labels[muscle] = _DENSE, _PECTORAL

    thick = 1 - np.exp(-depth / random.uniform(0.08, 0.2))
    fibres = np.abs(fractal(random, size, 1.1))
    image = random.uniform(0.3, 0.45) * thick * (1 + 0.1 * fractal(random, size, 1.8))
    image = image + 0.09 * thick * ridge(fibres, 0.25)
    glands = blurred(dense, size[0] / 90) * (1 + 0.35 * fractal(random, size, 1.4))
    image = image + random.uniform(0.14, 0.34) * thick * glands.clip(0)
    image = image + random.uniform(0.25, 0.5) * blurred(muscle, size[0] / 120) * (0.9 - 0.2 * y)
    image = image * blurred(breast, 0.7) + random.uniform(0.02, 0.08)
    image = random.uniform(0.85, 1.25) * image.clip(0) ** random.uniform(0.8, 1.3)
    if random.random() < 0.5:  # the mark of side and view
        row, column = (int(share * side) for share, side in zip((0.04, 0.8), size, strict=True))
        image[row : row + max(2, size[0] // 20), column : column + max(2, size[1] // 10)] = 0.9
    grain = random.uniform(0.01, 0.03)
    return Picture(exposed(random, image, grain), labels.astype(np.int16))


def _breast(random: np.random.Generator, y: Field, x: Field) -> tuple[Mask, tuple[float, float]]:
    """All that is no air, and where the nipple is."""
    row, bottom = random.uniform(0.15, 0.4), random.uniform(0.75, 0.97)
    top, bulge = random.uniform(0.5, 0.95), random.uniform(0.5, 0.85)
    profile = top + bulge * ridge(y - row, random.uniform(0.4, 0.55))
    profile = profile * np.sqrt((1 - ((y - row) / (bottom - row)).clip(0) ** 2).clip(0))
    return np.asarray(x + 1 < profile), (row, top + bulge - 1)


def _depth(breast: Mask) -> Field:
    """Distance from the air in heights of the image."""
    from scipy.ndimage import distance_transform_edt

    around = np.pad(breast, ((1, 1), (1, 0)), mode="edge")  # the breast goes on at the chest wall
    return np.asarray(distance_transform_edt(around)[1:-1, 1:] / len(breast))


def _dense(
    random: np.random.Generator,
    y: Field,
    x: Field,
    nipple: tuple[float, float],
    tissue: Mask,
    depth: Field,
) -> Mask:
    """The likeliest places, near the axis behind the nipple, of as much tissue as is drawn."""
    row, column = nipple
    centre = (row + random.normal(0, 0.08), column - random.uniform(0.4, 0.7))
    lobes = 0.35 * fractal(random, tissue.shape, 1.7)
    likely = lobes - inside(y, x, centre, (0.45, 0.8), random.normal(0, 0.2))
    likely = np.where(tissue & (depth > _SKIN), likely, -np.inf)
    count = min(int(random.uniform(0.2, 0.87) ** 2 * tissue.sum()), int(np.isfinite(likely).sum()))
    dense = np.zeros(tissue.shape, bool)
    dense.flat[np.argsort(likely, axis=None)[likely.size - count :]] = True
    return dense


ENTRY = MadeEntry(
    name="made-breasts",
    description="made: like mammograms, with their tissues",
    sample_shape=(160, 80),
    count=60,
    licence="free",
    pairs=PairReading(
        values={"background": 0, "adipose": 85, "fibroglandular": 170, "pectoral muscle": 255}
    ),
    draw=draw,
)
