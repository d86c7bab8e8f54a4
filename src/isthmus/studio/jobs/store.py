"""What the studio keeps: projects, runs and their jobs, data sets, in one SQLite file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from isthmus.core.errors import StorageError

FILE = "studio.sqlite"
_VERSION = 1
_WAITING = 10.0  # seconds for another writer to end
_SCHEMA = """
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS projects (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE COLLATE NOCASE,
    description TEXT NOT NULL DEFAULT '',
    created REAL NOT NULL,
    starred INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE IF NOT EXISTS runs (
    name TEXT PRIMARY KEY,
    project INTEGER REFERENCES projects ON DELETE SET NULL,
    tags TEXT NOT NULL DEFAULT '[]',
    hidden INTEGER NOT NULL DEFAULT 0,
    own INTEGER NOT NULL DEFAULT 0,
    template TEXT,
    recipe TEXT,
    settings TEXT NOT NULL DEFAULT '[]',
    state TEXT CHECK (state IN ('queued', 'running', 'done', 'stopped', 'crashed')),
    asked REAL,
    begun REAL,
    ended REAL,
    stop_asked REAL,
    code INTEGER
) STRICT;
CREATE TABLE IF NOT EXISTS datasets (
    name TEXT PRIMARY KEY,
    path TEXT NOT NULL,
    origin TEXT NOT NULL,
    kind TEXT,
    version TEXT,
    bytes INTEGER,
    samples INTEGER,
    added REAL NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
PRAGMA user_version = 1;
COMMIT;
"""
_RUN = ("project", "template", "recipe", "state", "asked", "begun", "ended", "stop_asked", "code")
Row = dict[str, Any]


def blank_run(name: str) -> Row:
    """The row of a run of which nothing is kept."""
    empty = dict.fromkeys(_RUN)
    return {**empty, "name": name, "tags": "[]", "settings": "[]", "hidden": 0, "own": 0}


class Store:
    """Rows of the tables, as dictionaries; each change is on the disk when its call returns.

    Columns of `runs`: `own` is set where the studio made the run's folder, so that it may remove
    it; `recipe` is the whole TOML of a job, `state` ``NULL`` for what was never a job.

    Parameters
    ----------
    path
        The SQLite file; it is made by the first change.

    Raises
    ------
    StorageError
        If the file is damaged, of a newer version, or cannot be written. Nothing is replaced.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.rows("SELECT name FROM runs LIMIT 1")

    def rows(self, query: str, *values: Any) -> list[Row]:
        """What a query finds."""
        with self._open(self._path if self._path.exists() else None) as connection:
            return [dict(row) for row in connection.execute(query, values)]

    def row(self, query: str, *values: Any) -> Row | None:
        """The first of what a query finds."""
        return next(iter(self.rows(query, *values)), None)

    def change(self, statement: str, *values: Any) -> int:
        """Change rows; how many, or the number of the new one.

        Raises
        ------
        sqlite3.IntegrityError
            If a name is there already, or what a row belongs to is not.
        """
        with self.changing() as connection:
            done = connection.execute(statement, values)
            inserts = statement.lstrip().upper().startswith("INSERT")
            return int(done.lastrowid or 0) if inserts else done.rowcount

    @contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        """Several changes that are all made or none; other writers wait."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"Cannot write {self._path}: {error.strerror}.") from error
        with self._open(self._path) as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def setting(self, key: str, default: Any) -> Any:
        """A setting of the studio."""
        found = self.row("SELECT value FROM settings WHERE key = ?", key)
        return default if found is None else json.loads(found["value"])

    def set(self, key: str, value: Any) -> None:
        """Keep a setting."""
        self.change(
            "INSERT INTO settings VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
            key,
            json.dumps(value),
        )

    @contextmanager
    def _open(self, path: Path | None) -> Iterator[sqlite3.Connection]:
        """A connection, with the tables made; without a path to an empty store."""
        connection = None
        try:
            connection = sqlite3.connect(
                path or ":memory:", timeout=_WAITING, isolation_level=None, check_same_thread=False
            )
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA foreign_keys = ON")
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version > _VERSION:
                raise StorageError(
                    f"{path} was written by a newer Isthmus; use that one, or move the file away."
                )
            if version < _VERSION:
                if path is not None:
                    connection.execute("PRAGMA journal_mode = WAL")
                connection.executescript(_SCHEMA)
            yield connection
        except sqlite3.IntegrityError:
            raise  # what was asked for, not the file
        except sqlite3.Error as error:
            raise _explained(error, self._path) from error
        finally:
            if connection is not None:
                connection.close()


def _explained(error: sqlite3.Error, path: Path) -> StorageError:
    words = str(error)
    if isinstance(error, sqlite3.OperationalError):
        advice = "free some space, or see who may write there"
        if "locked" in words:
            advice = "another program holds it; end that, and try again"
        return StorageError(f"Cannot use {path} ({words}): {advice}.")
    return StorageError(
        f"{path} is damaged ({words}). Nothing was changed: put a copy of it back, or move it away"
        " to begin a new list; the runs themselves are in their folders."
    )
