from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path

import pytest

from isthmus.core.errors import StorageError
from isthmus.studio.jobs.projects import NewProject, ProjectChange, add_project, change_project
from isthmus.studio.jobs.store import FILE, Store


def test_what_is_kept_is_there_for_the_next_server(tmp_path: Path) -> None:
    store = Store(tmp_path / FILE)
    number = add_project(store, NewProject(name="Hearts"))
    change_project(store, number, ProjectChange(starred=True))
    store.set("at_once", 3)
    again = Store(tmp_path / FILE)
    assert again.setting("at_once", 1) == 3
    assert again.row("SELECT name, description, starred FROM projects") == {
        "name": "Hearts",
        "description": "",
        "starred": 1,
    }


def test_looking_writes_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / FILE)
    assert store.rows("SELECT * FROM runs") == []
    assert list(tmp_path.iterdir()) == []


def test_changes_that_fail_together_leave_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / FILE)

    def fail_half_way() -> None:
        with store.changing() as changing:
            changing.execute("INSERT INTO runs (name) VALUES ('a')")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()
    assert store.rows("SELECT * FROM runs") == []


@pytest.mark.parametrize("content", [b"no database at all", b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_damaged_file_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(StorageError, match=r"studio\.sqlite.*move it away"):
        Store(tmp_path / FILE)
    assert (tmp_path / FILE).read_bytes() == content


def test_a_file_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / FILE)
    connection.execute("PRAGMA user_version = 7")
    connection.close()
    with pytest.raises(StorageError, match="newer"):
        Store(tmp_path / FILE)


def test_a_full_disk_is_said_in_a_sentence(tmp_path: Path) -> None:
    store = Store(tmp_path / FILE)
    store.set("a", 1)

    def fill() -> None:
        with store.changing() as changing:
            changing.execute("PRAGMA max_page_count = 1")
            changing.execute("INSERT INTO settings VALUES ('b', ?)", ("x" * 10**6,))

    with pytest.raises(StorageError, match=r"full.*free some space"):
        fill()
    assert store.setting("a", 0) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(StorageError):
        Store(tmp_path / FILE).set("a", 1)
