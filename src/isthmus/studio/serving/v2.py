"""The Open Inference Protocol v2 over HTTP, with its extension for binary tensors.

Of each run, each verb is a model: ``digits-2d.encode``. The protocol is that of KServe and Triton,
https://github.com/kserve/open-inference-protocol.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Header, Path, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from isthmus import __version__
from isthmus.core.errors import DataError
from isthmus.studio.answers import absent
from isthmus.studio.serving.bodies import (
    BUSY,
    Strict,
    aside,
    body_of,
    described,
    in_time,
    read_json,
)
from isthmus.studio.serving.metrics import note_model
from isthmus.studio.serving.served import Served, refuse_infinite
from isthmus.studio.serving.tensors import DATATYPES, Array, Outputs, Tensor, read_binary, read_data
from isthmus.studio.serving.verbs import Verb

VERSION = "1"
_LENGTH = "Inference-Header-Content-Length"
_BINARY = "application/octet-stream"
_EXTENSIONS = ["binary_tensor_data", "model_repository"]

Datatype = Literal[
    "BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16",
    "FP32", "FP64",
]  # fmt: skip
Parameters = dict[str, bool | int | float | str]
Length = Annotated[int, Field(ge=0)]
Version = Annotated[Literal["1"], Path()]
Offset = Annotated[
    int | None, Header(alias=_LENGTH, ge=0, description="Bytes of JSON before binary tensors.")
]


class Live(BaseModel):
    """The server answers."""

    live: bool


class Ready(BaseModel):
    """All models are loaded."""

    ready: bool


class ModelReady(BaseModel):
    """A model is loaded."""

    name: str
    ready: bool


class About(BaseModel):
    """The server."""

    name: str
    version: str
    extensions: list[str]


class TensorCard(BaseModel):
    """A tensor; -1 stands for any length."""

    name: str
    datatype: Datatype
    shape: list[int]


class ModelCard(BaseModel):
    """What a model takes and gives."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorCard]
    outputs: list[TensorCard]


class Known(BaseModel):
    """A model of the repository."""

    name: str
    version: str
    state: str
    reason: str


class InferInput(Strict):
    """A tensor: its data here, or in bytes after the JSON if `binary_data_size` says so."""

    name: str
    shape: list[Length]
    datatype: Datatype
    parameters: Parameters | None = None
    data: list[Any] | None = None


class InferWanted(Strict):
    """A tensor that is wanted, in bytes if `binary_data` is true."""

    name: str
    parameters: Parameters | None = None


class InferRequest(Strict):
    """What is asked of a model; without `outputs` all are answered."""

    id: str | None = None
    parameters: Parameters | None = None
    inputs: list[InferInput] = Field(min_length=1, max_length=1)
    outputs: list[InferWanted] | None = None


class InferOutput(BaseModel):
    """A tensor of the answer."""

    name: str
    shape: list[int]
    datatype: Datatype
    parameters: Parameters | None = None
    data: list[float] | None = None


class InferAnswer(BaseModel):
    """The answer."""

    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[InferOutput]


_INFER_ANSWERS: dict[int | str, dict[str, Any]] = {
    **BUSY,
    200: {
        "model": InferAnswer,
        "description": f"JSON; or, with the header {_LENGTH}, that many bytes of JSON and then the"
        " tensors' bytes.",
        "content": {_BINARY: {"schema": {"type": "string", "format": "binary"}}},
    },
}


def routes(served: Mapping[str, Served]) -> APIRouter:
    """All routes below ``/v2``."""
    router = APIRouter(prefix="/v2", tags=["Open Inference Protocol v2"])
    models = {
        f"{one.name}.{verb}": (one, one.verbs[verb])
        for one in served.values()
        for verb in one.verbs
    }
    first = next(iter(models))
    of_model: Any = Path(json_schema_extra={"enum": list(models)}, examples=[first])
    asking: dict[str, Any] = {
        "responses": _INFER_ANSWERS,
        "openapi_extra": _infer_body(models[first][1].input),
    }

    def find(name: str) -> tuple[Served, Verb]:
        if name not in models:
            raise absent(f"There is no model '{name}' here; there are {', '.join(models)}.")
        return models[name]

    def card(name: str) -> ModelCard:
        _, verb = find(name)
        return ModelCard(
            name=name,
            versions=[VERSION],
            platform="isthmus",
            inputs=[_card(verb.input)],
            outputs=[_card(one) for one in verb.outputs],
        )

    @router.get("")
    def about() -> About:
        """Name and version of the server, and its extensions."""
        return About(name="isthmus", version=__version__, extensions=_EXTENSIONS)

    @router.get("/health/live")
    def live() -> Live:
        """Whether the server answers."""
        return Live(live=True)

    @router.get("/health/ready")
    def ready() -> Ready:
        """Whether all models are loaded."""
        return Ready(ready=True)

    @router.post("/repository/index")
    def repository() -> list[Known]:
        """All models."""
        return [Known(name=name, version=VERSION, state="READY", reason="") for name in models]

    @router.get("/models/{name}")
    def metadata(name: str = of_model) -> ModelCard:
        """What a model takes and gives."""
        return card(name)

    @router.get("/models/{name}/versions/{version}")
    def version_metadata(version: Version, name: str = of_model) -> ModelCard:
        """What a model takes and gives."""
        return card(name)

    @router.get("/models/{name}/ready")
    def model_ready(name: str = of_model) -> ModelReady:
        """Whether a model is loaded."""
        find(name)
        return ModelReady(name=name, ready=True)

    @router.get("/models/{name}/versions/{version}/ready")
    def version_ready(version: Version, name: str = of_model) -> ModelReady:
        """Whether a model is loaded."""
        find(name)
        return ModelReady(name=name, ready=True)

    @router.post("/models/{name}/infer", **asking)
    async def infer(request: Request, offset: Offset = None, name: str = of_model) -> Response:
        """Ask a model."""
        return await _infer(request, name, *find(name), offset)

    @router.post("/models/{name}/versions/{version}/infer", **asking)
    async def version_infer(
        request: Request, version: Version, offset: Offset = None, name: str = of_model
    ) -> Response:
        """Ask a model."""
        return await _infer(request, name, *find(name), offset)

    return router


def _infer_body(tensor: Tensor) -> dict[str, Any]:
    """The body of a request, for the documentation."""
    values, example = tensor.example(), None
    if values is not None:
        one = {"name": tensor.name, "shape": list(values.shape), "datatype": tensor.datatype}
        example = {"inputs": [{**one, "data": values.ravel().tolist()}]}
    content = {
        "application/json": described(InferRequest, example),
        _BINARY: {"schema": {"type": "string", "format": "binary"}},
    }
    return {"requestBody": {"required": True, "content": content}}


def _card(tensor: Tensor) -> TensorCard:
    return TensorCard(name=tensor.name, datatype=tensor.datatype, shape=list(tensor.shape))


async def _infer(
    request: Request, name: str, served: Served, verb: Verb, offset: int | None
) -> Response:
    note_model(request.scope, served.name)
    limits = served.limits
    with served.queue.place():
        content = await body_of(request, limits.seconds)
        async with in_time(limits.seconds):
            asked, samples = await aside(len(content), _read, content, offset, served, verb)
            label = (asked.parameters or {}).get("class")
            verb.check_class(None if label is None else str(label))
            outputs = await served.queue.ask(verb, samples, None if label is None else str(label))
            size = sum(array.size for array in outputs.values())
            return await aside(size, _answer, name, verb, asked, outputs)


def _read(
    content: bytes, offset: int | None, served: Served, verb: Verb
) -> tuple[InferRequest, Array]:
    """The request, and the tensor that it gives."""
    end = len(content) if offset is None else offset
    if end > len(content):
        raise HTTPException(400, f"{_LENGTH} is {end}, but the body has {len(content)} bytes.")
    asked = read_json(content[:end], InferRequest)
    (given,) = asked.inputs
    if given.name != verb.input.name:
        raise DataError(f"There is no input '{given.name}'; this model's is '{verb.input.name}'.")
    known = [one.name for one in verb.outputs]
    for wanted in asked.outputs or ():
        if wanted.name not in known:
            raise DataError(f"There is no output '{wanted.name}'; there are {', '.join(known)}.")
    size = (given.parameters or {}).get("binary_data_size")
    if (size is None) == (given.data is None) or (size is not None and size != len(content) - end):
        raise DataError(
            f"'{given.name}' must bring its data either as 'data', or as bytes after the JSON, as"
            f" many as its parameter binary_data_size and the header {_LENGTH} say."
        )
    if size is None:
        array = read_data(given.data, given.datatype, given.shape, given.name)
    else:
        array = read_binary(content[end:], given.datatype, given.shape, given.name)
    return asked, served.checked(verb, array)


def _answer(name: str, verb: Verb, asked: InferRequest, outputs: Outputs) -> Response:
    refuse_infinite(outputs)
    everything = (asked.parameters or {}).get("binary_data_output") is True
    wanted = asked.outputs or [InferWanted(name=one.name) for one in verb.outputs]
    tensors = {one.name: one for one in verb.outputs}
    told, parts = [], []
    for one in wanted:
        kind = tensors[one.name].datatype
        array = np.ascontiguousarray(outputs[one.name], DATATYPES[kind])
        row = {"name": one.name, "datatype": kind, "shape": list(array.shape)}
        if (one.parameters or {}).get("binary_data", everything) is True:
            parts.append(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes())
            told.append({**row, "parameters": {"binary_data_size": len(parts[-1])}})
        else:
            told.append({**row, "data": array.ravel().tolist()})
    answer: dict[str, Any] = {"model_name": name, "model_version": VERSION, "outputs": told}
    if asked.id is not None:
        answer["id"] = asked.id
    if not parts:
        return JSONResponse(answer)
    head = json.dumps(answer).encode()
    return Response(b"".join([head, *parts]), media_type=_BINARY, headers={_LENGTH: str(len(head))})
