"""Whatever is asked for in whatever order: the queue keeps its promises."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.exceptions import HTTPException

from isthmus.core.errors import SettingError
from isthmus.studio.jobs import jobs as module
from isthmus.studio.jobs.jobs import Jobs
from isthmus.studio.workspace import Workspace

NAMES = ("a", "a-2", "a-3", "a-4")
STEPS = st.one_of(
    st.just(("submit", "a", 0)),
    st.tuples(st.sampled_from(["stop", "resume", "remove"]), st.sampled_from(NAMES), st.just(0)),
    st.tuples(st.just("ends"), st.sampled_from(NAMES), st.sampled_from([0, 1, -9, 130])),
    st.tuples(st.just("at_once"), st.just(""), st.integers(1, 3)),
    st.just(("restart", "", 0)),
)


class Pretended:
    """A process that is only said to run."""

    codes: dict[str, int | None]

    def __init__(self, folder: Path) -> None:
        self.name, self.folder = folder.name, folder

    def hold(self) -> int | None:
        return None if self.runs() else os.open(os.devnull, os.O_RDONLY)

    def start(self, lock: int, recipe: str, run: Path) -> None:
        os.close(lock)
        self.codes[self.name] = None

    def runs(self) -> bool:
        return self.codes.get(self.name, 0) is None

    def code(self) -> int | None:
        return self.codes.get(self.name)

    def interrupt(self) -> None:
        self.codes[self.name] = 130


@settings(max_examples=20, deadline=None)
@given(st.lists(STEPS, max_size=12))
def test_the_queue_keeps_its_promises(steps: list[tuple[str, str, int]]) -> None:
    Pretended.codes = {}
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "Process", Pretended)
        jobs = Jobs(Workspace(Path(folder)), Path(folder))
        for step in steps:
            jobs = taken(jobs, *step)
            promises(jobs)


def taken(jobs: Jobs, what: str, name: str, number: int) -> Jobs:
    """The jobs after a step; one that makes no sense is refused in words."""
    if what == "restart":
        return Jobs(jobs.workspace, jobs.folder)
    if what == "at_once":
        jobs.store.set("at_once", number)
    elif what == "ends":
        if Pretended(Path(name)).runs():
            Pretended.codes[name] = number
    elif what == "submit":
        jobs.submit("recipe", name=name, template="t")
    else:
        with suppress(SettingError, HTTPException):
            getattr(jobs, what)(name)
    jobs.look()
    return jobs


def promises(jobs: Jobs) -> None:
    rows: list[dict[str, Any]] = jobs.store.rows("SELECT * FROM runs ORDER BY asked, rowid")
    running = [row for row in rows if row["state"] == "running"]
    queued = [row for row in rows if row["state"] == "queued"]
    alive = {name for name, code in Pretended.codes.items() if code is None}
    assert {row["name"] for row in running} == alive
    if queued:
        assert len(running) >= jobs.at_once
        # Who came first is served first.
        assert max((row["asked"] for row in running), default=0) <= queued[0]["asked"]
    for row in rows:
        if row["state"] == "done":
            assert row["code"] == 0
        if row["state"] == "crashed":
            assert row["code"] not in (0, 130)
        assert (row["ended"] is None) == (row["state"] in ("queued", "running"))
