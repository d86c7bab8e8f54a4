"""Projects: what the runs of one goal are filed under."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from isthmus.core.errors import SettingError
from isthmus.studio.answers import absent
from isthmus.studio.jobs.store import Store

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
Words = Annotated[str, Field(max_length=4000)]


class Project(BaseModel):
    """A project.

    Attributes
    ----------
    runs
        How many are filed under it.
    """

    id: int
    name: str
    description: str
    created: float
    starred: bool
    runs: int


class NewProject(BaseModel):
    """What a project begins with."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    description: Words = ""


class ProjectChange(BaseModel):
    """What is changed of a project."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    description: Words | None = None
    starred: bool | None = None


def list_projects(store: Store) -> list[Project]:
    """Starred ones first, then by name."""
    rows = store.rows(
        "SELECT projects.*, count(runs.name) AS runs FROM projects"
        " LEFT JOIN runs ON runs.project = projects.id AND NOT runs.hidden"
        " GROUP BY projects.id ORDER BY starred DESC, projects.name COLLATE NOCASE"
    )
    return [Project(**row) for row in rows]


def add_project(store: Store, asked: NewProject) -> int:
    """Make a project; its number."""
    with _names_once(asked.name):
        return store.change(
            "INSERT INTO projects (name, description, created) VALUES (?, ?, ?)",
            asked.name,
            asked.description,
            time.time(),
        )


def change_project(store: Store, number: int, asked: ProjectChange) -> None:
    """Change what is given of a project; 404 if there is none."""
    with _names_once(asked.name or ""):
        changed = store.change(
            "UPDATE projects SET name = coalesce(?, name), starred = coalesce(?, starred),"
            " description = coalesce(?, description) WHERE id = ?",
            asked.name,
            asked.starred,
            asked.description,
            number,
        )
    if not changed:
        raise absent("There is no such project; another page may have removed it.")


def remove_project(store: Store, number: int) -> None:
    """Remove a project; its runs stay, under none."""
    if not store.change("DELETE FROM projects WHERE id = ?", number):
        raise absent("There is no such project; another page may have removed it.")


@contextmanager
def _names_once(name: str) -> Iterator[None]:
    """Say that a name is taken."""
    try:
        yield
    except sqlite3.IntegrityError:
        raise SettingError(f"There is a project '{name}' already.") from None
