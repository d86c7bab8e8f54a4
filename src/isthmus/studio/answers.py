"""How a server answers: what was refused as one sentence, documentation from this machine."""

from __future__ import annotations

import logging
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from isthmus import __version__
from isthmus.core.errors import DataError, IsthmusError, SettingError, StorageError, TrainingError
from isthmus.studio.guard import Access, BodyTooLong, Guard

STATIC = Path(str(files("isthmus.studio") / "static"))
_FAILED = "The server failed to answer; its log tells why."


class Refusal(BaseModel):
    """What every answer that is not 2xx holds."""

    error: Annotated[str, Field(description="One sentence: what is wrong, and what to do.")]


REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": Refusal, "description": "The body cannot be read."},
    404: {"model": Refusal, "description": "There is no such thing."},
    413: {"model": Refusal, "description": "The body is too long."},
    422: {"model": Refusal, "description": "What was sent cannot be used."},
}


class Png(Response):
    """A PNG picture; also names its type in the documentation."""

    media_type = "image/png"


def new_app(title: str, access: Access, **settings: Any) -> FastAPI:
    """A FastAPI application as all of ours are.

    Guarded by `Access`; errors of Isthmus are answered as `Refusal`, 422 for bad settings and data,
    500 for what is our fault; ``/static`` holds the package's own files and ``/docs`` the
    documentation, without any other host.
    """
    app = FastAPI(
        title=title,
        version=__version__,
        docs_url=None,
        redoc_url=None,
        responses=REFUSALS,
        **settings,
    )
    app.add_middleware(Guard, access=access)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.add_exception_handler(IsthmusError, _refuse)
    app.add_exception_handler(BodyTooLong, _refuse_body)
    app.add_exception_handler(RequestValidationError, _refuse_request)
    app.add_exception_handler(HTTPException, _refuse_route)
    app.add_exception_handler(Exception, _fail)

    @app.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        page = get_swagger_ui_html(
            openapi_url="openapi.json",
            title=title,
            swagger_js_url="static/vendor/swagger-ui.js",
            swagger_css_url="static/vendor/swagger-ui.css",
            swagger_favicon_url="static/icon.svg",
            swagger_ui_parameters={"validatorUrl": None},  # which is a page elsewhere
        )
        # The page starts by a script of its own, which the others may not.
        policy = "default-src 'self'; img-src 'self' data:; script-src 'self' 'unsafe-inline';"
        page.headers["Content-Security-Policy"] = policy + " style-src 'self' 'unsafe-inline'"
        return page

    return app


def refusal(status: int, sentence: str) -> JSONResponse:
    """An answer that refuses; what UTF-8 cannot hold of a name that was sent becomes ``?``."""
    plain = sentence.encode("utf-8", "replace").decode("utf-8")
    return JSONResponse(Refusal(error=plain).model_dump(), status)


def absent(what: str) -> HTTPException:
    """The error for something that is not there, 404."""
    return HTTPException(404, what)


async def _refuse(_: Request, error: Exception) -> JSONResponse:
    theirs = isinstance(error, SettingError | DataError | TrainingError)
    if not theirs:
        logging.getLogger(__name__).error("%s", error)
    disk = isinstance(error, StorageError)
    return refusal(422 if theirs else 507 if disk else 500, str(error))


async def _refuse_body(_: Request, error: Exception) -> JSONResponse:
    return refusal(413, str(error))


async def _refuse_request(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101  # by its registration
    parts = [
        f"{'.'.join(map(str, one['loc'][1:])) or one['loc'][0]}: {one['msg']}"
        for one in error.errors()
    ]
    return refusal(422, f"The request cannot be used: {'; '.join(parts)}.")


async def _refuse_route(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101  # by its registration
    answer = refusal(error.status_code, str(error.detail))
    answer.headers.update(error.headers or {})
    return answer


async def _fail(_: Request, error: Exception) -> JSONResponse:
    logging.getLogger(__name__).error("%s", error, exc_info=error)
    return refusal(500, _FAILED)
