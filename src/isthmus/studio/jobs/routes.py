"""What the page of runs asks for."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Header, Query, Request
from fastapi.responses import FileResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from isthmus.studio.answers import absent
from isthmus.studio.jobs.cards import Cards, RunCard, RunDetail
from isthmus.studio.jobs.comparing import Comparison, compare
from isthmus.studio.jobs.datasets import DataCard, DataSets
from isthmus.studio.jobs.following import Place, Row, news, parse_rows
from isthmus.studio.jobs.jobs import HIDDEN, Jobs
from isthmus.studio.jobs.projects import (
    NewProject,
    Project,
    ProjectChange,
    add_project,
    change_project,
    list_projects,
    remove_project,
)
from isthmus.studio.jobs.wishes import Checked, Form, Tags, Template, Wish, Wishes, templates
from isthmus.studio.workspace import Workspace

_LOOK_EVERY = 0.4  # seconds between looks at a run that is followed
_LIVE = ("queued", "running", "stopping", "elsewhere")
# A report may hold anything: it may show its own pictures, and no more.
_REPORT_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-ancestors 'self';"
    " base-uri 'none'; form-action 'none'; sandbox"
)


class Runs(BaseModel):
    """All that the list of runs shows.

    Attributes
    ----------
    folder
        Where they are; ``None`` where only single runs are explored, and no job can be begun.
    at_once
        How many jobs train at the same time.
    """

    folder: str | None
    at_once: int = 1
    runs: list[RunCard] = []
    projects: list[Project] = []


class Named(BaseModel):
    """The name of what was made."""

    name: str


class Removed(BaseModel):
    """Whether files were removed, too."""

    files: bool


class Numbered(BaseModel):
    """The number of what was made."""

    id: int


class Filing(BaseModel):
    """Under what a run is filed; what is not given stays."""

    model_config = ConfigDict(extra="forbid")

    project: int | None = None
    tags: Tags | None = None


class Settings(BaseModel):
    """Settings of the studio."""

    model_config = ConfigDict(extra="forbid")

    at_once: Annotated[int, Field(ge=1, le=16)]


async def _body(request: Request) -> bytes:
    return await request.body()


def routes(workspace: Workspace) -> APIRouter:
    """Runs, jobs, projects and data sets of a workspace.

    Raises
    ------
    StorageError
        If what the studio keeps is damaged.
    """
    if workspace.folder is None:
        return _without_folder()
    jobs = Jobs(workspace, workspace.folder)
    data = DataSets(jobs.store, jobs.folder / HIDDEN / "data")

    @asynccontextmanager
    async def watching(_: FastAPI) -> AsyncIterator[None]:
        threading.Thread(target=jobs.watch, daemon=True).start()
        await run_in_threadpool(data.measure_new)
        yield
        jobs.leave()

    router = APIRouter(lifespan=watching, tags=["runs"])
    _add_runs(router, jobs, Wishes(workspace, data))
    _add_following(router, jobs)
    _add_projects(router, jobs)
    _add_data(router, data)
    return router


def _without_folder() -> APIRouter:
    router = APIRouter(tags=["runs"])

    @router.get("/runs")
    def runs() -> Runs:
        """There is no folder, so there is none."""
        return Runs(folder=None)

    return router


def _add_runs(router: APIRouter, jobs: Jobs, wishes: Wishes) -> None:
    cards = Cards(jobs)

    @router.get("/runs")
    def runs() -> Runs:
        """All runs, and what is filed where."""
        return Runs(
            folder=str(jobs.folder),
            at_once=jobs.at_once,
            runs=cards.listed(),
            projects=list_projects(jobs.store),
        )

    @router.get("/templates")
    def all_templates() -> list[Template]:
        """Recipes to begin with."""
        return templates()

    @router.get("/form")
    def form(template: str | None = None, run: str | None = None) -> Form:
        """What can be changed of the recipe of a template, or of a run."""
        return wishes.form(template, run)

    @router.post("/runs/check")
    def check(wish: Wish) -> Checked:
        """Whether a run can be begun, without beginning it."""
        return wishes.check(wish)

    @router.post("/runs")
    def submit(wish: Wish) -> Named:
        """Put a run into the queue."""
        recipe = wishes.recipe(wish)
        template = wish.template or wish.run or ""
        name = jobs.submit(
            recipe.to_toml(),
            name=wish.name or template,
            template=template,
            settings=wish.settings,
            project=wish.project,
            tags=wish.tags,
        )
        return Named(name=name)

    @router.get("/runs/{name}")
    def run(name: str) -> RunDetail:
        """All that is known of a run."""
        return cards.detail(name)

    @router.post("/runs/{name}/stop")
    def stop(name: str) -> RunCard:
        """Ask a run to save its state and end."""
        jobs.stop(name)
        return cards.detail(name)

    @router.post("/runs/{name}/resume")
    def resume(name: str) -> RunCard:
        """Go on with a run."""
        jobs.resume(name)
        return cards.detail(name)

    @router.post("/runs/{name}/file")
    def file(name: str, filing: Filing) -> RunCard:
        """File a run under a project and tags."""
        given: dict[str, Any] = {}
        if "project" in filing.model_fields_set:
            given["project"] = filing.project
        if filing.tags is not None:
            given["tags"] = json.dumps(list(dict.fromkeys(filing.tags)))
        if given:
            jobs.file(name, **given)
        return cards.detail(name)

    @router.delete("/runs/{name}")
    def remove(name: str) -> Removed:
        """Take a run out of the list, with its files if it is a job of the studio."""
        return Removed(files=jobs.remove(name))

    @router.get("/compare")
    def comparison(run: Annotated[list[str], Query()]) -> Comparison:
        """Several runs side by side."""
        return compare(jobs, run)

    @router.post("/settings")
    def settings(asked: Settings) -> Settings:
        """How many jobs train at the same time."""
        jobs.store.set("at_once", asked.at_once)
        jobs.look()
        return asked


def _add_following(router: APIRouter, jobs: Jobs) -> None:
    cards = Cards(jobs)

    @router.get("/runs/{name}/metrics")
    def metrics(name: str) -> list[Row]:
        """One row for each epoch."""
        try:
            return parse_rows((jobs.path(name) / "metrics.jsonl").read_bytes())
        except OSError:
            return []

    @router.get("/runs/{name}/report")
    def report(name: str) -> FileResponse:
        """The report of a run, as a page that can do nothing."""
        path = jobs.path(name) / "report.html"
        if not path.is_file():
            raise absent(f"The run '{name}' has no report yet.")
        headers = {"Content-Security-Policy": _REPORT_POLICY, "Cache-Control": "no-cache"}
        return FileResponse(path, media_type="text/html", headers=headers)

    @router.get("/runs/{name}/events")
    async def events(name: str, last_event_id: Annotated[str, Header()] = "") -> StreamingResponse:
        """Server-sent events: new rows, new lines of the log, and the card when it changes.

        A reader that comes back gives the id of the last one, and misses nothing. The event
        ``end`` says that nothing more will come.
        """
        card = await run_in_threadpool(cards.detail, name)
        log = jobs.process(name).log

        async def following() -> AsyncIterator[str]:
            place, told, now = Place.parse(last_event_id), None, card
            while True:
                # The state before the files: what ended meanwhile has written all by now.
                found = await run_in_threadpool(news, jobs.path(name), log, place)
                if found:
                    place = found.place
                    content = {"rows": found.rows, "log": found.log, "again": found.again}
                    yield _event("news", content, place)
                shown = now.model_dump()
                if shown != told:
                    told = shown
                    yield _event("card", shown, place)
                if now.state not in _LIVE:
                    yield _event("end", {}, place)
                    return
                await asyncio.sleep(_LOOK_EVERY)
                now = await run_in_threadpool(cards.detail, name)

        return StreamingResponse(
            following(), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
        )


def _event(kind: str, content: Any, place: Place) -> str:
    text = json.dumps(content, ensure_ascii=False, allow_nan=False)
    return f"id: {place}\nevent: {kind}\ndata: {text}\n\n"


def _add_projects(router: APIRouter, jobs: Jobs) -> None:
    store = jobs.store

    @router.post("/projects")
    def new(asked: NewProject) -> Numbered:
        """Make a project."""
        return Numbered(id=add_project(store, asked))

    @router.post("/projects/{number}")
    def change(number: int, asked: ProjectChange) -> Numbered:
        """Rename, describe or star a project."""
        change_project(store, number, asked)
        return Numbered(id=number)

    @router.delete("/projects/{number}")
    def remove(number: int) -> Numbered:
        """Remove a project; its runs stay."""
        remove_project(store, number)
        return Numbered(id=number)


def _add_data(router: APIRouter, data: DataSets) -> None:
    @router.get("/datasets")
    def datasets() -> list[DataCard]:
        """Data sets, own ones first."""
        return data.cards()

    @router.post("/datasets/{name}")
    def keep(name: str, content: Annotated[bytes, Depends(_body)]) -> Named:
        """Keep a table (.csv) or images (.zip); the body is the file."""
        data.keep(name, content)
        return Named(name=name)

    @router.post("/datasets/{name}/measure")
    def measure(name: str) -> Named:
        """Read a set once to tell its version and size."""
        data.measure(name)
        return Named(name=name)

    @router.delete("/datasets/{name}")
    def forget(name: str) -> Named:
        """Take a set out of the list; files are removed of what was sent only."""
        data.forget(name)
        return Named(name=name)
