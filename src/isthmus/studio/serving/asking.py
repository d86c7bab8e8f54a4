"""A request of a plain route: what it brings, what the model makes of it, how that is answered."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from fastapi import Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from isthmus.data.image_bytes import decode_bytes, image_suffix
from isthmus.models import Ensemble
from isthmus.recipes.one_image import sample_of
from isthmus.recipes.pages import HeldPage
from isthmus.recipes.segmented import read_as_trained
from isthmus.studio.answers import Png
from isthmus.studio.serving.bodies import aside, body_of, chosen, in_time, read_json
from isthmus.studio.serving.forms import CodesBody, SamplesBody
from isthmus.studio.serving.metrics import note_model
from isthmus.studio.serving.served import Served, refuse_infinite
from isthmus.studio.serving.tensors import Array, Outputs, array_of
from isthmus.studio.serving.verbs import Verb, restoring

JSON, PNG = "application/json", "image/png"


@dataclass(frozen=True)
class Asked:
    """A request that is computed.

    Attributes
    ----------
    picture
        Whether it brought one.
    samples, outputs
        What the model was given, and what it made of it.
    form
        Type of the answer.
    """

    served: Served
    picture: bool
    samples: Array
    outputs: Outputs
    form: str

    async def answer(
        self, told: Callable[[], dict[str, Any]], drawn: Callable[[], bytes] | None = None
    ) -> Response:
        """The answer as JSON or PNG."""
        size = sum(array.size for array in self.outputs.values())
        if self.form == PNG and drawn is not None:
            return Png(await aside(size, drawn))
        return await aside(size, lambda: JSONResponse({"model": self.served.name, **told()}))


async def ask(
    request: Request, served: Served, verb: Verb, label: str | None = None, *, drawn: bool
) -> Asked:
    """Read a request and let the model compute.

    Parameters
    ----------
    drawn
        Whether the answer can be a picture; it is one by default where the body is.
    """
    note_model(request.scope, served.name)
    limits = served.limits
    verb.check_class(label)
    with served.queue.place():
        content = await body_of(request, limits.seconds)
        picture = image_suffix(content) is not None
        forms = (PNG, JSON) if picture else (JSON, PNG)
        form = chosen(request.headers.get("accept", ""), forms if drawn else (JSON,))
        async with in_time(limits.seconds):
            size = math.inf if picture else len(content)
            read = _read_picture if picture else _read_json
            own, samples = await aside(size, read, served, verb, content)
            outputs = await served.queue.ask(own, samples, label)
        refuse_infinite(outputs)
        return Asked(served, picture, samples, outputs, form)


def _read_json(served: Served, verb: Verb, content: bytes) -> tuple[Verb, Array]:
    if content[:16].lstrip()[:1] != b"{":
        raise HTTPException(
            415, 'The body is no PNG, JPEG or TIFF, and no JSON such as {"samples": [...]}.'
        )
    if verb.input.name == "codes":
        given = read_json(content, CodesBody).codes
    else:
        given = read_json(content, SamplesBody).samples
    return verb, served.checked(verb, array_of(given, verb.input.name))


def _read_picture(served: Served, verb: Verb, content: bytes) -> tuple[Verb, Array]:
    """One image as the verb takes it; to denoise, it stays as it is."""
    if verb.input.name == "codes":
        raise HTTPException(415, 'Codes come as JSON: {"codes": [...]}.')
    model = served.model
    image = decode_bytes(content, most_pixels=served.limits.pixels)
    if verb.name == "denoise":
        return restoring(model), image[None]
    if verb.name == "segment":
        image = read_as_trained(Ensemble([model]), HeldPage("", Path("The image"), image))
        served.check_pixels((1, *image.shape))
        return verb, image[None]
    return verb, np.asarray(sample_of(model, image))[None]
