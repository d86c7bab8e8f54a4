"""What the plain routes take and answer, as JSON."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from isthmus.studio.serving.bodies import Strict


class SamplesBody(Strict):
    """Samples in the shape and units of the model's data."""

    samples: list[Any] = Field(min_length=1)


class CodesBody(Strict):
    """Codes, as `encode` answers them."""

    codes: list[Any] = Field(min_length=1)


class CodesAnswer(BaseModel):
    """Codes, one list for each sample."""

    model: str
    codes: list[list[float]]


class SamplesAnswer(BaseModel):
    """Samples, in the shape and units of the model's data."""

    model: str
    samples: list[Any]


class ClassArea(BaseModel):
    """A class in an image; `objects` are counted by models of single objects."""

    class_: str = Field(alias="class")
    label: int
    pixels: int
    share: float
    pieces: int
    objects: int | None = None


class ImageAreas(BaseModel):
    """The classes of one image, the background first."""

    height: int
    width: int
    classes: list[ClassArea]


class SegmentAnswer(BaseModel):
    """The classes of each image."""

    model: str
    images: list[ImageAreas]


class Neighbour(BaseModel):
    """A sample of the index, by its place from 0 and its name."""

    place: int
    name: str
    class_: str | None = Field(alias="class")
    distance: float


class SearchAnswer(BaseModel):
    """The neighbours of each sample, the nearest first."""

    model: str
    neighbours: list[list[Neighbour]]


class VerbCard(BaseModel):
    """What a verb takes and gives, as under ``/v2``."""

    verb: str
    v2_name: str
    input: str
    shape: list[int]
    outputs: list[str]


class ServedCard(BaseModel):
    """A model that is served."""

    name: str
    kind: str
    task: str
    classes: list[str]
    verbs: list[VerbCard]
