"""The server's application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse

from isthmus.core.errors import SettingError
from isthmus.studio.answers import new_app, refusal
from isthmus.studio.guard import Access
from isthmus.studio.serving import plain, v2
from isthmus.studio.serving.batching import Full
from isthmus.studio.serving.limits import Limits
from isthmus.studio.serving.metrics import Counting, Metrics
from isthmus.studio.serving.served import serve

_TEXT = "text/plain; version=0.0.4; charset=utf-8"
_ABOUT = """
Trained models of Isthmus. Clients of the Open Inference Protocol v2 (KServe, Triton) find each
model's verbs under `/v2` as models of their own, named `RUN.VERB`. The plain routes take a picture
as it is, or JSON, and answer with a picture or JSON, as the header `Accept` says.
"""


def create_server(
    models: Mapping[str, Any],
    access: Access,
    limits: Limits | None = None,
    indexes: Sequence[Path] = (),
) -> FastAPI:
    """A server of loaded models, by the names that they shall have.

    Parameters
    ----------
    indexes
        Folders of `isthmus index`, of codes of these models.

    Raises
    ------
    SettingError
        If there is no model, one cannot be served, or an index is of none of them.
    DataError, ModelFileError
        If an index is damaged, or its source has changed.
    """
    if not models:
        raise SettingError("There is no model to serve; give a run.")
    metrics = Metrics()
    served = serve(models, indexes, limits or Limits(), metrics)

    @asynccontextmanager
    async def alive(_: FastAPI) -> AsyncIterator[None]:
        yield
        for one in served.values():
            one.queue.close()

    app = new_app("Isthmus server", access, description=_ABOUT, lifespan=alive)
    app.add_middleware(Counting, metrics=metrics)
    app.add_exception_handler(Full, _refuse_full)

    @app.get("/", include_in_schema=False)
    def home() -> RedirectResponse:
        return RedirectResponse("docs")

    @app.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    def counts() -> Response:
        """Requests, errors, latency and sizes of batches, for Prometheus."""
        return Response(metrics.text(), media_type=_TEXT)

    app.include_router(v2.routes(served))
    app.include_router(plain.routes(served))
    return app


async def _refuse_full(_: Request, error: Exception) -> Response:
    assert isinstance(error, Full)  # noqa: S101  # by its registration
    answer = refusal(503, str(error))
    answer.headers.update(error.headers)
    return answer
