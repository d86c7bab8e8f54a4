"""What comes in a body and how it is answered: JSON that is strict, pictures, in good time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from isthmus.studio.answers import Refusal

_SMALL = 2**15  # bytes, or values, that are handled at once, without a thread
_Content = TypeVar("_Content", bound="Strict")
_Result = TypeVar("_Result")

BUSY: dict[int | str, dict[str, Any]] = {
    406: {"model": Refusal, "description": "No form of answer that is accepted can be given."},
    408: {"model": Refusal, "description": "The body did not come in time."},
    415: {"model": Refusal, "description": "The body is neither JSON nor a picture."},
    503: {"model": Refusal, "description": "Too many requests wait; ask again."},
    504: {"model": Refusal, "description": "The answer was not ready in time."},
}
"""Refusals of routes that compute."""


class Strict(BaseModel):
    """A body whose types are what they are, without other keys."""

    model_config = ConfigDict(extra="forbid", strict=True)


async def body_of(request: Request, seconds: float) -> bytes:
    """The body, which must come in time and as it is."""
    if request.headers.get("content-encoding", "identity") not in ("", "identity"):
        raise HTTPException(415, "The body is compressed; send it as it is.")
    try:
        async with asyncio.timeout(seconds):
            return await request.body()
    except TimeoutError:
        raise HTTPException(408, f"The body did not come within {seconds:g} s.") from None


@asynccontextmanager
async def in_time(seconds: float) -> AsyncIterator[None]:
    """Answers 504 if what is done within takes longer."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise HTTPException(
            504, f"The answer was not ready within {seconds:g} s; send less at once, or later."
        ) from None


async def aside(size: float, function: Callable[..., _Result], *values: Any) -> _Result:
    """The function's result; of more than a little by a thread, while others are answered."""
    if size <= _SMALL:
        return function(*values)
    return await run_in_threadpool(function, *values)


def read_json(content: bytes, kind: type[_Content]) -> _Content:
    """A body of JSON, without NaN and infinity; 400 if it is none, 422 if it is another."""
    try:
        found = json.loads(content, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        reason = f" ({error})" if isinstance(error, json.JSONDecodeError) else ""
        raise HTTPException(400, f"The body is no JSON that can be read{reason}.") from None
    try:
        return kind.model_validate(found)
    except ValidationError as error:
        rows = error.errors(include_url=False, include_context=False, include_input=False)
        raise RequestValidationError(
            [{**row, "loc": ("body", *row["loc"])} for row in rows]
        ) from None


def _refuse_constant(name: str) -> Any:
    raise HTTPException(400, f"The body holds {name}, which is no JSON; send finite numbers.")


def chosen(accept: str, offered: Sequence[str]) -> str:
    """Which of the offered types the header ``Accept`` prefers, the first of equals; else 406."""
    ranges = []
    for part in accept.split(",") if accept.strip() else ["*/*"]:
        kind, *parameters = (one.strip().lower() for one in part.split(";"))
        weight = next((one[2:] for one in parameters if one.startswith("q=")), "1")
        try:
            ranges.append((kind, float(weight)))
        except ValueError:
            ranges.append((kind, 0.0))

    def quality(kind: str) -> float:
        """Of the range that names it most closely."""
        for wanted in (kind, f"{kind.partition('/')[0]}/*", "*/*"):
            for name, weight in ranges:
                if name == wanted:
                    return weight
        return 0.0

    best = max(offered, key=quality)
    if quality(best) <= 0:
        raise HTTPException(406, f"This can be answered as {' or '.join(offered)} alone.")
    return best


def described(kind: type[BaseModel], example: Any = None) -> dict[str, Any]:
    """A body of JSON in the documentation."""
    return {"schema": _schema_of(kind), **({} if example is None else {"example": example})}


def _schema_of(kind: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of a body, with everything that it refers to in its place."""
    schema = kind.model_json_schema()
    parts = schema.pop("$defs", {})

    def whole(value: Any) -> Any:
        if isinstance(value, dict):
            if "$ref" in value:
                return whole(parts[value["$ref"].rpartition("/")[2]])
            return {key: whole(one) for key, one in value.items()}
        return [whole(one) for one in value] if isinstance(value, list) else value

    found: dict[str, Any] = whole(schema)
    return found
