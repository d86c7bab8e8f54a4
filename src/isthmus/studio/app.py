"""The studio's application: its pages, and what they ask for under ``/api``."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, FastAPI
from fastapi.responses import FileResponse

from isthmus.studio import segmenting
from isthmus.studio.answers import STATIC, new_app
from isthmus.studio.explore import routes as explore
from isthmus.studio.guard import Access
from isthmus.studio.jobs import routes as runs
from isthmus.studio.workspace import ModelCard, Workspace

# What each page asks for.
ROUTES: list[Callable[[Workspace], APIRouter]] = [
    explore.routes,
    segmenting.routes,
    runs.routes,
]


def create_studio(workspace: Workspace, access: Access) -> FastAPI:
    """The studio of a workspace."""
    app = new_app("Isthmus studio", access)

    @app.get("/", include_in_schema=False)
    def page() -> FileResponse:
        return FileResponse(STATIC / "index.html")

    @app.get("/api/models")
    def models() -> list[ModelCard]:
        """Trained models, the newest first."""
        return workspace.cards()

    for routes in ROUTES:
        app.include_router(routes(workspace), prefix="/api")
    return app
