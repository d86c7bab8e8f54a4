"""The plain routes: a picture as it is or JSON in, a picture or JSON out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel

from isthmus.data import overlay as laid_over
from isthmus.models import Ensemble
from isthmus.recipes.segmented import area_rows
from isthmus.studio.serving.asking import JSON, PNG, Asked, ask
from isthmus.studio.serving.bodies import BUSY, described
from isthmus.studio.serving.forms import (
    CodesAnswer,
    CodesBody,
    SamplesAnswer,
    SamplesBody,
    SearchAnswer,
    SegmentAnswer,
    ServedCard,
    VerbCard,
)
from isthmus.studio.serving.pictures import (
    encode_png,
    has_pictures,
    labels_png,
    picture_png,
    samples_png,
)
from isthmus.studio.serving.served import MOST_NEIGHBOURS, Searched, Served, named
from isthmus.studio.serving.tensors import Array, Tensor

_RAW = {"schema": {"type": "string", "format": "binary"}}
_PICTURES = {kind: _RAW for kind in (PNG, "image/jpeg", "image/tiff")}

Label = Annotated[
    str | None,
    Query(alias="class", description="Class that the decoder of a conditional model is told."),
]
Overlay = Annotated[bool, Query(description="As PNG: the classes in colour over the image.")]
Count = Annotated[int, Query(ge=1, le=MOST_NEIGHBOURS, description="Neighbours of each sample.")]
_Route = Callable[..., Any]


def routes(served: Mapping[str, Served]) -> APIRouter:
    """A route for each verb that a model has, and one that lists the models."""
    router = APIRouter(tags=["Plain routes"])
    able = {
        verb: [name for name, one in served.items() if verb in one.verbs]
        for verb in ("encode", "decode", "reconstruct", "denoise", "segment", "search")
    }
    which = {verb: _which(names) for verb, names in able.items()}

    def post(
        verb: str, answer: type[BaseModel], *, drawn: bool = True
    ) -> Callable[[_Route], _Route]:
        """The route of a verb, if a model has it."""
        if not able[verb]:
            return lambda route: route
        tensor = served[able[verb][0]].verbs[verb].input
        return router.post(f"/{verb}", **_described(tensor, answer, drawn))

    async def samples(request: Request, model: str, verb: str, label: str | None) -> Response:
        one = named(served, model, verb)
        asked = await ask(request, one, one.verbs[verb], label, drawn=has_pictures(one.model))
        return await asked.answer(
            lambda: {"samples": asked.outputs["samples"].tolist()}, lambda: _drawn(asked, verb)
        )

    @router.get("/models")
    def models() -> list[ServedCard]:
        """The models, and what each can do."""
        return [_card(one) for one in served.values()]

    @post("encode", CodesAnswer, drawn=False)
    async def encode(request: Request, model: str = which["encode"]) -> Response:
        """Codes of samples."""
        one = named(served, model, "encode")
        asked = await ask(request, one, one.verbs["encode"], drawn=False)
        return await asked.answer(lambda: {"codes": asked.outputs["codes"].tolist()})

    @post("decode", SamplesAnswer)
    async def decode(
        request: Request, label: Label = None, model: str = which["decode"]
    ) -> Response:
        """Samples of codes."""
        return await samples(request, model, "decode", label)

    @post("reconstruct", SamplesAnswer)
    async def reconstruct(
        request: Request, label: Label = None, model: str = which["reconstruct"]
    ) -> Response:
        """Samples as the model rebuilds them."""
        return await samples(request, model, "reconstruct", label)

    @post("denoise", SamplesAnswer)
    async def denoise(request: Request, model: str = which["denoise"]) -> Response:
        """Samples without their noise; a picture keeps its own size, type and colour."""
        return await samples(request, model, "denoise", None)

    @post("segment", SegmentAnswer)
    async def segment(
        request: Request, overlay: Overlay = False, model: str = which["segment"]
    ) -> Response:
        """Label maps as a picture, or as JSON how much of the images each class takes."""
        one = named(served, model, "segment")
        asked = await ask(request, one, one.verbs["segment"], drawn=True)
        return await asked.answer(lambda: _areas(asked), lambda: _maps(asked, overlay))

    @post("search", SearchAnswer)
    async def search(request: Request, k: Count = 10, model: str = which["search"]) -> Response:
        """The samples of the index that are nearest; as a picture side by side."""
        one = named(served, model, "search")
        asked = await ask(request, one, one.verbs["search"], drawn=has_pictures(one.model))
        return await asked.answer(lambda: _neighbours(asked, k), lambda: _found(asked, k))

    return router


# -- what is said of them -------------------------------------------------------------------------


def _which(names: list[str]) -> Any:
    """The parameter that names a model; it may be left out where there is one alone."""
    default: Any = names[0] if len(names) == 1 else ...
    return Query(
        default,
        json_schema_extra={"enum": names},
        description="Name of the model.",
        examples=names[:1],
    )


def _described(tensor: Tensor, answer: type[BaseModel], drawn: bool) -> dict[str, Any]:
    """Body and answers of a route, for the documentation."""
    values = tensor.example()
    example = None if values is None else {tensor.name: values.tolist()}
    codes = tensor.name == "codes"
    body = {JSON: described(CodesBody if codes else SamplesBody, example)}
    given = {"model": answer, **({"content": {PNG: _RAW}} if drawn else {})}
    return {
        "responses": {**BUSY, 200: given},
        "openapi_extra": {
            "requestBody": {"required": True, "content": body | ({} if codes else _PICTURES)}
        },
    }


def _card(one: Served) -> ServedCard:
    model = one.model
    verbs = [
        VerbCard(
            verb=name,
            v2_name=f"{one.name}.{name}",
            input=verb.input.name,
            shape=list(verb.input.shape),
            outputs=[output.name for output in verb.outputs],
        )
        for name, verb in one.verbs.items()
    ]
    return ServedCard(
        name=one.name,
        kind=model.kind,
        task=model.task,
        classes=model.data_.get("class_names") or [],
        verbs=verbs,
    )


# -- what is answered -----------------------------------------------------------------------------


def _drawn(asked: Asked, verb: str) -> bytes:
    samples = asked.outputs["samples"]
    if asked.picture and verb == "denoise":
        return picture_png(samples[0])
    return samples_png(asked.served.model, samples)


def _maps(asked: Asked, overlay: bool) -> bytes:
    """Label maps, or the numbers of single objects, side by side."""
    instances = "objects" in asked.outputs
    maps = asked.outputs["objects" if instances else "labels"]
    if not overlay:
        return labels_png(np.concatenate(list(maps), axis=-1))
    fill = {"fill": 0.0} if instances else {}
    drawn = [
        laid_over(image, labels, **fill) for image, labels in zip(asked.samples, maps, strict=True)
    ]
    return encode_png(np.concatenate(drawn, axis=-1))


def _areas(asked: Asked) -> dict[str, Any]:
    names = Ensemble([asked.served.model]).class_names
    maps, objects = asked.outputs["labels"], asked.outputs.get("objects")
    return {
        "images": [
            {
                "height": labels.shape[0],
                "width": labels.shape[1],
                "classes": _classes(labels, names, None if objects is None else objects[place]),
            }
            for place, labels in enumerate(maps)
        ]
    }


def _classes(labels: Array, names: list[str], objects: Array | None) -> list[dict[str, Any]]:
    rows = area_rows(labels, names)
    if objects is None:
        return rows
    for row in rows:
        inside = labels == row["label"]
        row["objects"] = len(np.unique(objects[inside & (objects > 0)]))
    return rows


def _neighbours(asked: Asked, k: int) -> dict[str, Any]:
    searched: Searched = _index(asked)
    places, distances = (asked.outputs[name][:, :k] for name in ("places", "distances"))
    return {"neighbours": [searched.told(*row) for row in zip(places, distances, strict=True)]}


def _found(asked: Asked, k: int) -> bytes:
    """The neighbours of the first sample, the nearest first."""
    source = _index(asked).source.samples
    return samples_png(asked.served.model, source[asked.outputs["places"][0, :k]])


def _index(asked: Asked) -> Searched:
    searched = asked.served.searched
    assert searched is not None  # noqa: S101  # or there were no such verb
    return searched
