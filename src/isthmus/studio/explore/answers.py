"""What is answered about a code space: typed facts, and blocks of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from fastapi import Response
from numpy.typing import NDArray
from pydantic import BaseModel

from isthmus.core.errors import DataError

Array = NDArray[Any]
_GREATEST = 1e6
_MOST_VALUES = 2**25  # of decoded samples in one answer


class Numbers(Response):
    """Little-endian numbers, row by row: float32 or uint8, with ``X-Type`` and ``X-Shape``."""

    media_type = "application/octet-stream"

    @classmethod
    def of(cls, array: Array, **more: str) -> Numbers:
        """An array; `more` are further headers."""
        kind = np.dtype("u1") if array.dtype == np.uint8 else np.dtype("<f4")
        headers = {"X-Type": kind.name, "X-Shape": ",".join(map(str, array.shape)), **more}
        return cls(np.ascontiguousarray(array, kind).tobytes(), headers=headers)


class Feature(BaseModel):
    """A column of a table, and between what values nearly all of it lies."""

    name: str
    low: float
    high: float


class Shown(BaseModel):
    """The samples that are shown.

    Attributes
    ----------
    sizes
        Of each part of the data.
    fingerprint
        The same for the same samples.
    threshold
        Strangeness above which a sample is an outlier.
    """

    name: str
    count: int
    sizes: dict[str, int]
    class_names: list[str]
    labelled: bool
    fingerprint: str
    threshold: float
    features: list[Feature]


class Space(BaseModel):
    """A code space, and how far its codes are.

    Attributes
    ----------
    order
        Units, the one that varies most first.
    picture
        Whether samples are images; else they are rows of a table.
    searchable
        Whether they are plain images, so that one can be sent and looked for.
    told
        Classes one of which a conditional decoder must be told.
    mute
        Why codes alone cannot be decoded.
    trouble
        Why there are no codes of samples.
    """

    name: str
    title: str
    kind: str
    variational: bool
    units: int
    mean: list[float]
    std: list[float]
    order: list[int]
    picture: bool
    searchable: bool
    sample_shape: list[int]
    told: list[str]
    umap: bool
    doing: str
    done: float
    mute: str | None
    trouble: str | None
    shown: Shown | None


class Near(BaseModel):
    """A sample near a code, and how many typical distances it is away."""

    place: int
    distance: float


class Sample(BaseModel):
    """A sample of those shown."""

    place: int
    name: str
    label: str | None
    error: float
    strangeness: float
    code: list[float]
    near: list[Near]


class Found(BaseModel):
    """What is nearest to an image that was sent; `seen` is that image as the model sees it."""

    code: list[float]
    error: float | None
    near: list[Near]
    seen: str


def codes_in(body: bytes, model: Any) -> NDArray[np.float32]:
    """Codes ``(N, m)`` sent as float32.

    Raises
    ------
    DataError
        If they are not such codes, or more than can be decoded at once.
    """
    units = len(model.code_mean_)
    if not body or len(body) % (4 * units):
        raise DataError(f"Codes of this model are {units} float32 numbers each.")
    codes = np.frombuffer(body, "<f4").reshape(-1, units)
    if not (np.abs(codes) < _GREATEST).all():  # so that NaN is refused too
        raise DataError(f"Codes must be finite and below {_GREATEST:g}.")
    most = max(1, _MOST_VALUES // int(np.prod(model.sample_shape_)))
    if len(codes) > most:
        raise DataError(f"{len(codes)} codes are too many at once; send at most {most}.")
    return codes


def places_in(body: bytes, count: int, most: int) -> NDArray[np.int64]:
    """Places of samples sent as int32.

    Raises
    ------
    DataError
        If they are not such places, or more than `most`.
    """
    if not body or len(body) % 4 or len(body) > 4 * most:
        raise DataError(f"Send 1 to {most} places of samples, as int32.")
    places = np.frombuffer(body, "<i4").astype(np.int64)
    if places.min() < 0 or places.max() >= count:
        raise DataError(f"There are samples 0 to {count - 1} only.")
    return places
