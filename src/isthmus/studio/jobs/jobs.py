"""Jobs: submitted, begun in their order a few at once, stopped, resumed, removed."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from isthmus.core.errors import SettingError, StorageError
from isthmus.recipes.runner import has_recipe, read_recipe
from isthmus.studio.jobs.processes import Process
from isthmus.studio.jobs.store import FILE, Row, Store, blank_run
from isthmus.studio.workspace import Workspace

HIDDEN = ".studio"  # folder in the workspace for what is not a run
_NAME = re.compile(r"\w[\w .+-]{0,62}\w|\w", re.ASCII)
_GRACE = 60.0  # seconds that a training has to save its state
_INTERRUPTED = 130
_LOOK_EVERY = 0.5  # seconds


class Jobs:
    """The jobs of a workspace's folder.

    A training is a process of its own (see `Process`); what it came to is read from what it left
    behind, so a server that begins later knows as much as the one that began the training.

    Parameters
    ----------
    workspace
        One with a folder.
    grace
        Seconds from being asked to stop to being ended.

    Raises
    ------
    StorageError
        If ``studio.sqlite`` cannot be used.
    """

    def __init__(self, workspace: Workspace, folder: Path, *, grace: float = _GRACE) -> None:
        self.workspace = workspace
        self.folder = folder.resolve()
        self.store = Store(self.folder / FILE)
        self._grace = grace
        self._looking = threading.Lock()
        self._ended = threading.Event()

    # -- what there is ----------------------------------------------------------------------

    def row(self, name: str) -> Row:
        """What is kept of a run, job or not; 404 if there is no run of the name."""
        self.look()
        found = self.store.row("SELECT * FROM runs WHERE name = ?", name)
        if found is None or (found["state"] is None and not found["hidden"]):
            self.workspace.path(name)  # 404 where its folder is gone
        return found or blank_run(name)

    def path(self, name: str) -> Path:
        """Folder of a run, which a job has before it is there; 404 for another name."""
        found = self.workspace.runs().get(name)
        if found is None and self.row(name)["recipe"] is not None:
            return self.folder / name
        return found or self.workspace.path(name)

    def process(self, name: str) -> Process:
        """The process of a job."""
        return Process(self.folder / HIDDEN / "jobs" / name)

    @property
    def at_once(self) -> int:
        """How many train at the same time; others wait."""
        return int(self.store.setting("at_once", 1))

    # -- what is asked for ------------------------------------------------------------------

    def submit(
        self,
        recipe: str,
        *,
        name: str,
        template: str,
        settings: Sequence[str] = (),
        project: int | None = None,
        tags: Sequence[str] = (),
    ) -> str:
        """Put a checked recipe into the queue; the name of its run, with a number if taken.

        Raises
        ------
        SettingError
            If the name cannot be one of a folder.
        """
        refuse_name(name)
        with _in_projects(), self.store.changing() as changing:
            taken = {row["name"] for row in changing.execute("SELECT name FROM runs")}
            taken |= self.workspace.runs().keys()
            free, number = name, 1
            while free in taken or (self.folder / free).exists():
                number += 1
                free = f"{name}-{number}"
            changing.execute(
                "INSERT INTO runs (name, project, tags, own, template, recipe, settings, state,"
                " asked) VALUES (?, ?, ?, 1, ?, ?, ?, 'queued', ?)",
                (
                    free,
                    project,
                    json.dumps(list(tags)),
                    template,
                    recipe,
                    json.dumps(list(settings)),
                    time.time(),
                ),
            )
        self.look()
        return free

    def stop(self, name: str) -> None:
        """Take a waiting job out of the queue; ask a running one to save its state and end."""
        state = self.row(name)["state"]
        if state == "queued":
            self.store.change(
                "UPDATE runs SET state = 'stopped', ended = ? WHERE name = ? AND state = 'queued'",
                time.time(),
                name,
            )
        elif state == "running":
            self.store.change(
                "UPDATE runs SET stop_asked = ? WHERE name = ? AND stop_asked IS NULL",
                time.time(),
                name,
            )
            self.process(name).interrupt()
        else:
            raise SettingError(f"'{name}' does not run.")

    def resume(self, name: str) -> None:
        """Put a job that was stopped or crashed, or an unfinished run, into the queue."""
        row, path = self.row(name), self.path(name)
        if row["state"] in ("queued", "running"):
            raise SettingError(f"'{name}' goes on already.")
        if row["state"] == "done":
            raise SettingError(f"'{name}' is finished; train it again with changes.")
        if self.folder not in path.resolve().parents:
            raise SettingError(f"'{name}' is not in the folder of the studio; resume it there.")
        if row["recipe"] is None:
            row["recipe"] = read_recipe(path).to_toml()
        self.store.change(
            "INSERT INTO runs (name, recipe, state, asked) VALUES (?, ?, 'queued', ?)"
            " ON CONFLICT DO UPDATE SET recipe = excluded.recipe, state = 'queued',"
            " asked = excluded.asked, ended = NULL, stop_asked = NULL, code = NULL",
            name,
            row["recipe"],
            time.time(),
        )
        self.look()

    def remove(self, name: str) -> bool:
        """Take a run out of the list; its files are removed if the studio made them, and if so."""
        row = self.row(name)
        if row["state"] == "running":
            raise SettingError(f"'{name}' is running; stop it first.")
        if not row["own"]:
            self.file(name, hidden=1)
            return False
        if not self.store.change(
            "DELETE FROM runs WHERE name = ? AND state IS NOT 'running'", name
        ):
            raise SettingError(f"'{name}' has just begun; stop it first.")
        for path in (self.folder / name, self.process(name).folder):
            aside = self.folder / HIDDEN / f"removed-{time.time_ns()}"
            try:
                aside.parent.mkdir(exist_ok=True)
                path.rename(aside)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise StorageError(f"Cannot remove {path}: {error.strerror}.") from error
            shutil.rmtree(aside, ignore_errors=True)
        return True

    def file(self, name: str, **columns: Any) -> None:
        """Keep under which project and tags a run is filed, or that it is hidden."""
        self.row(name)
        names = ", ".join(columns)
        marks = ", ".join("?" * len(columns))
        updates = ", ".join(f"{column} = excluded.{column}" for column in columns)
        with _in_projects():
            self.store.change(
                f"INSERT INTO runs (name, {names}) VALUES (?, {marks})"  # noqa: S608  # our columns
                f" ON CONFLICT DO UPDATE SET {updates}",
                name,
                *columns.values(),
            )

    # -- what happens by itself -------------------------------------------------------------

    def watch(self) -> None:
        """Look again and again, until `leave`."""
        while not self._ended.wait(_LOOK_EVERY):
            try:
                self.look()
            except StorageError:
                continue  # who asks next is told

    def leave(self) -> None:
        """End `watch`; trainings go on."""
        self._ended.set()

    def look(self) -> None:
        """Note which jobs have ended, and begin those whose turn it is."""
        with self._looking:
            live = self.store.rows(
                "SELECT * FROM runs WHERE state IN ('queued', 'running') ORDER BY asked, rowid"
            )
            running = [row for row in live if row["state"] == "running"]
            left = [row for row in running if not self._settled(row)]
            waiting = [row for row in live if row["state"] == "queued"]
            if waiting:
                for row in waiting[: max(0, self.at_once - len(left))]:
                    self._begin(row)

    def _settled(self, row: Row) -> bool:
        """Whether a running job has ended, which is then noted."""
        process, asked = self.process(row["name"]), row["stop_asked"]
        if process.runs():
            if asked is not None and time.time() - asked > self._grace:
                process.interrupt(at_once=True)
            return False
        code = process.code()
        stopped = asked is not None or code == _INTERRUPTED
        state = "done" if code == 0 else "stopped" if stopped else "crashed"
        self.store.change(
            "UPDATE runs SET state = ?, ended = ?, code = ?"
            " WHERE name = ? AND state = 'running' AND begun = ?",  # not one resumed meanwhile
            state,
            time.time(),
            code,
            row["name"],
            row["begun"],
        )
        return True

    def _begin(self, row: Row) -> None:
        """Begin a job, unless another server does or it was stopped meanwhile."""
        process = self.process(row["name"])
        lock = process.hold()
        if lock is None:
            return
        claimed = self.store.change(
            "UPDATE runs SET state = 'running', begun = ?, code = NULL"
            " WHERE name = ? AND state = 'queued'",
            time.time(),
            row["name"],
        )
        if not claimed:
            os.close(lock)
            return
        try:
            process.start(lock, row["recipe"], self.folder / row["name"])
        except StorageError as error:
            self.store.change(
                "UPDATE runs SET state = 'crashed', ended = ? WHERE name = ?",
                time.time(),
                row["name"],
            )
            with suppress(OSError):  # the disk may be full
                process.note(f"Error: {error}")
            return
        asked = self.store.row("SELECT stop_asked FROM runs WHERE name = ?", row["name"])
        if asked and asked["stop_asked"] is not None:  # before there was a process to be told
            process.interrupt()


@contextmanager
def _in_projects() -> Iterator[None]:
    """Say that a project is gone."""
    try:
        yield
    except sqlite3.IntegrityError:
        raise SettingError("There is no such project; another page may have removed it.") from None


def refuse_name(name: str) -> None:
    """Refuse what is no plain name of a folder.

    Raises
    ------
    SettingError
        If it is none.
    """
    if not _NAME.fullmatch(name):
        raise SettingError(
            f"'{name}' cannot be a name: give up to 64 letters, digits, spaces, dots, dashes, and"
            " begin and end it with a letter or digit."
        )


def has_state(path: Path) -> bool:
    """Whether a run folder holds something to go on from."""
    return has_recipe(path) and any((path / "checkpoint").rglob("state.sha256"))
