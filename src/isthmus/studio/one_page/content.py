"""What a page of one model holds: facts, codes, small pictures, and a lattice of decoded ones."""

from __future__ import annotations

import math
import zlib
from base64 import b64encode
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel

import isthmus
from isthmus.core.errors import ModelFileError
from isthmus.latent.planes import Plane, principal_plane, unit_plane
from isthmus.metrics import Estimate, measure_of
from isthmus.recipes.evaluation import Evaluation
from isthmus.recipes.inputs import class_names, given_class
from isthmus.studio.explore.answers import Space
from isthmus.studio.explore.codes import Codes
from isthmus.studio.explore.pictures import for_screen, is_picture
from isthmus.studio.one_page.modules import address

Array = NDArray[Any]
_PIXELS = 2**22  # of small pictures, or of the lattice, about
_NUMBERS = 2**19  # of the lattice of a table, and of codes
_MOST_NODES = 96**2
_LINE = 256  # nodes of the lattice of codes of one unit
_SIDE = 64  # pixels of a small picture at most
_BEYOND = 0.12  # of its extent by which the lattice goes beyond the points
_FAR = 0.001  # share of the points to either side that do not count for its extent
_NARROWEST = 4  # of the lattice's sides the greater by the smaller at most
_AT_ONCE = 256  # samples that are decoded at once


class Block(BaseModel):
    """Samples: images as one PNG, row by row, or the rows of a table as packed float32.

    Attributes
    ----------
    shape
        ``[N, H, W, 1 or 3]`` or ``[N, D]``.
    columns
        Images of a row of the PNG.
    """

    shape: list[int]
    columns: int = 0
    content: str


class Lattice(BaseModel):
    """Decoded pictures at (left + i step, bottom + j step), row j by row j.

    Attributes
    ----------
    rows
        1 for codes of one unit, whose pictures do not depend on v.
    of
        For each class that the decoder is told; else one.
    """

    left: float
    bottom: float
    step: float
    columns: int
    rows: int
    of: list[Block]


class Told(BaseModel):
    """What a page is told. `numbers` are float32 arrays: see `pack`."""

    isthmus: str
    space: Space
    scores: list[dict[str, Any]]
    measures: list[str]
    part: str
    names: list[str] | None
    typical: float
    numbers: dict[str, str]
    samples: Block
    rebuilt: Block
    lattice: Lattice


class _Grid(NamedTuple):
    left: float
    bottom: float
    step: float
    columns: int
    rows: int

    def places(self) -> NDArray[np.float32]:
        """(u, v) of each node."""
        u = self.left + self.step * np.arange(self.columns)
        v = self.bottom + self.step * np.arange(self.rows)
        return np.stack(np.meshgrid(u, v), -1).reshape(-1, 2).astype(np.float32)


def pack(numbers: Array) -> str:
    """Little-endian float32, by zlib, in base64."""
    return b64encode(zlib.compress(np.ascontiguousarray(numbers, "<f4").tobytes(), 9)).decode()


def most_samples(model: Any, wanted: int) -> int:
    """So many samples whose codes, or rows of a table, are no burden."""
    rows = 1 if is_picture(model) else model.sample_shape_[0]
    return max(1, min(wanted, 2 * _NUMBERS // max(rows, len(model.code_mean_))))


def told(space: Space, codes: Codes, run: Path) -> Told:
    """All that a page tells of some samples of a run."""
    model, data = codes.model, codes.dataset
    plane = _plane(codes)
    side = min(_SIDE, math.isqrt(_PIXELS // len(data)))
    labels = np.full(len(data), -1) if data.labels is None else data.labels
    facts = np.column_stack([labels, codes.errors, codes.density, codes.strangeness])
    measures, scores, part = _scores(run)
    return Told(
        isthmus=isthmus.__version__,
        space=space,
        scores=scores,
        measures=measures,
        part=part,
        names=None if data.names is None else list(map(str, data.names)),
        typical=codes.typical,
        numbers={
            "codes": pack(codes.codes),
            "facts": pack(facts),
            "plane": pack(np.concatenate([plane.origin, plane.axes.ravel()])),
        },
        samples=_shown(model, data.samples.__getitem__, len(data), side),
        rebuilt=_shown(model, codes.rebuilt, len(data), side),
        lattice=_lattice(model, plane, codes.codes),
    )


def _plane(codes: Codes) -> Plane:
    """That of the page Explore: codes of up to two units as they are."""
    units = codes.codes.shape[1]
    if units > 2:
        return principal_plane(codes.codes)
    return unit_plane(codes.codes.mean(0), 0, units - 1)


def _lattice(model: Any, plane: Plane, codes: Array) -> Lattice:
    classes = class_names(model) if model.conditional else [None]
    one = for_screen(model, given_class(model, classes[0]).inverse_transform(codes[:1]), _SIDE)
    budget = _PIXELS // math.prod(one.shape[1:3]) if one.ndim == 4 else _NUMBERS // one.size
    grid = _grid(
        plane.place(codes), min(_MOST_NODES, max(16, budget // len(classes))), codes.shape[1]
    )
    nodes = plane.codes(grid.places())

    def decoded(told: Any) -> Block:
        return _shown(
            model, lambda places: told.inverse_transform(nodes[places]), len(nodes), _SIDE
        )

    of = [decoded(given_class(model, name)) for name in classes]
    return Lattice(**grid._asdict(), of=of)


def _shown(model: Any, ask: Callable[[Array], Array], count: int, side: int) -> Block:
    """Samples by their places, asked for some at a time: whole they may be large."""
    starts = range(0, count, _AT_ONCE)
    some = (np.arange(start, min(start + _AT_ONCE, count)) for start in starts)
    return block(np.concatenate([for_screen(model, ask(places), side) for places in some]))


def _grid(places: Array, most: int, units: int) -> _Grid:
    """At most so many nodes around nearly all places."""
    low, high = np.quantile(places, (_FAR, 1 - _FAR), axis=0).astype(np.float64)
    extent = np.maximum(high - low, 1e-6)
    low, extent = low - _BEYOND * extent, (1 + 2 * _BEYOND) * extent
    if units == 1:
        columns = min(most, _LINE)
        return _Grid(low[0], 0.0, extent[0] / (columns - 1), columns, 1)
    middle = low + extent / 2
    extent = np.maximum(extent, extent.max() / _NARROWEST)
    step = math.sqrt(extent.prod() / most)
    counts = np.maximum(2, np.floor(extent / step)).astype(int)
    step = float((extent / (counts - 1)).max())
    left, bottom = middle - step * (counts - 1) / 2
    return _Grid(float(left), float(bottom), step, int(counts[0]), int(counts[1]))


def block(samples: Array) -> Block:
    """Images uint8 ``(N, H, W, C)`` as one PNG, or rows ``(N, D)`` packed."""
    if samples.ndim == 2:
        return Block(shape=list(samples.shape), content=pack(samples))
    count, height, width, channels = samples.shape
    columns = math.ceil(math.sqrt(count * height / width))
    rows = math.ceil(count / columns)
    sheet = np.zeros((rows * columns, height, width, channels), np.uint8)
    sheet[:count] = samples
    sheet = sheet.reshape(rows, columns, height, width, channels).swapaxes(1, 2)
    sheet = sheet.reshape(rows * height, columns * width, channels)
    file = BytesIO()
    Image.fromarray(sheet[..., 0] if channels == 1 else sheet).save(file, "PNG", optimize=True)
    content = address(file.getvalue(), "image/png")
    return Block(shape=list(samples.shape), columns=columns, content=content)


def _scores(run: Path) -> tuple[list[str], list[dict[str, Any]], str]:
    """Titles of the measures, what each method scored, and the part that they are of."""
    try:
        evaluation = Evaluation.load(run)
    except ModelFileError:  # a run may not have been evaluated
        return [], [], ""
    kinds = evaluation.metrics
    rows = [
        {"method": method, "scores": [_estimate(scores, kind) for kind in kinds]}
        for method, scores in evaluation.table().items()
    ]
    return [measure_of(kind).title for kind in kinds], rows, evaluation.part


def _estimate(scores: Mapping[str, Estimate], kind: str) -> list[float] | None:
    """Mean, and the ends of the interval where there is one."""
    if kind not in scores:
        return None
    found = scores[kind]
    return [found.mean, found.low, found.high] if found.has_interval else [found.mean]
