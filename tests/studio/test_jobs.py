"""Jobs as real processes; most train nothing, so that they are quick."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from isthmus.core.errors import SettingError
from isthmus.recipes import find_recipe, parse_recipe
from isthmus.studio.jobs import processes
from isthmus.studio.jobs.cards import Cards
from isthmus.studio.jobs.jobs import HIDDEN, Jobs
from isthmus.studio.workspace import Workspace

RECIPE = parse_recipe(find_recipe("digits-2d")[1], "digits-2d", ["training.epochs=2"]).to_toml()
MANY = RECIPE.replace("epochs = 2", "epochs = 100000")
# What stands in for a training: it waits until a file lets it end, or Ctrl-C.
WAITING = """
import pathlib, signal, sys, time
def stop(*_): print("saved"); sys.exit(130)
signal.signal(signal.SIGINT, stop)
print("begun", flush=True)
gate = pathlib.Path(sys.argv[1]).parent / "gate"
while not gate.exists(): time.sleep(.01)
print("last words", flush=True)
sys.exit(int(gate.read_text()))
"""


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    made = Jobs(Workspace(tmp_path), tmp_path)
    yield made
    for row in made.store.rows("SELECT name FROM runs"):
        made.process(row["name"]).interrupt(at_once=True)
    until(lambda: not any(made.process(r["name"]).runs() for r in made.store.rows(ALL)))


ALL = "SELECT name FROM runs"


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs wait at a gate instead of training."""
    monkeypatch.setattr(processes, "command", lambda recipe, run: waiting(recipe))


def waiting(recipe: Path, code: str = WAITING) -> list[str]:
    return [sys.executable, "-S", "-c", code, str(recipe)]


def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited for too long"
        time.sleep(0.01)


def state(jobs: Jobs, name: str) -> str:
    return str(jobs.row(name)["state"])


def said(jobs: Jobs, name: str, line: str) -> Callable[[], bool]:
    return lambda: line in jobs.process(name).last_lines(9)


def end(jobs: Jobs, name: str, code: int) -> None:
    (jobs.process(name).folder / "gate").write_text(str(code))


@pytest.mark.usefixtures("pretend")
def test_jobs_wait_for_their_turn(jobs: Jobs) -> None:
    names = [jobs.submit(RECIPE, name="a", template="digits-2d") for _ in range(3)]
    assert names == ["a", "a-2", "a-3"]
    assert [state(jobs, name) for name in names] == ["running", "queued", "queued"]
    assert [(card.name, card.place) for card in Cards(jobs).listed()] == [
        ("a", None),
        ("a-2", 1),
        ("a-3", 2),
    ]
    jobs.stop("a-2")
    assert state(jobs, "a-2") == "stopped"
    end(jobs, "a", 0)
    until(lambda: state(jobs, "a") == "done")
    assert state(jobs, "a-3") == "running"
    jobs.store.set("at_once", 2)
    jobs.resume("a-2")
    assert state(jobs, "a-2") == "running"


@pytest.mark.usefixtures("pretend")
def test_a_crash_says_so_with_its_last_lines(jobs: Jobs) -> None:
    jobs.submit(RECIPE, name="a", template="digits-2d")
    end(jobs, "a", 3)
    until(lambda: state(jobs, "a") == "crashed")
    found = Cards(jobs).detail("a")
    assert found.code == 3
    assert found.trouble == ["begun", "last words"]
    assert "resume" in found.can


@pytest.mark.usefixtures("pretend")
def test_who_is_killed_from_outside_has_crashed(jobs: Jobs) -> None:
    jobs.submit(RECIPE, name="a", template="digits-2d")
    until(said(jobs, "a", "begun"))
    jobs.process("a").interrupt(at_once=True)
    until(lambda: state(jobs, "a") == "crashed")
    assert jobs.row("a")["code"] is None


@pytest.mark.usefixtures("pretend")
def test_stop_asks_first(jobs: Jobs) -> None:
    jobs.submit(RECIPE, name="a", template="digits-2d")
    until(said(jobs, "a", "begun"))
    jobs.stop("a")
    until(lambda: state(jobs, "a") == "stopped")
    assert jobs.row("a")["code"] == 130
    assert "saved" in jobs.process("a").last_lines(1)
    with pytest.raises(SettingError, match="does not run"):
        jobs.stop("a")


def test_who_does_not_listen_is_ended(
    tmp_path: Path, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    deaf = WAITING.replace('print("saved"); sys.exit(130)', "pass")
    monkeypatch.setattr(processes, "command", lambda recipe, run: waiting(recipe, deaf))
    hasty = Jobs(Workspace(tmp_path), tmp_path, grace=0.2)
    hasty.submit(RECIPE, name="a", template="digits-2d")
    until(said(hasty, "a", "begun"))
    hasty.stop("a")
    assert Cards(hasty).detail("a").state == "stopping"
    until(lambda: state(hasty, "a") == "stopped")


@pytest.mark.usefixtures("pretend")
def test_another_number_in_the_file_hits_nobody(jobs: Jobs) -> None:
    process = jobs.process("a")
    process.folder.mkdir(parents=True)
    (process.folder / "alive").write_text(str(os.getpgid(0)))  # ours: a number that was reused
    assert not process.runs()
    process.interrupt()  # would end this test


@pytest.mark.usefixtures("pretend")
def test_two_servers_begin_a_job_once(tmp_path: Path, jobs: Jobs) -> None:
    other = Jobs(Workspace(tmp_path), tmp_path)
    jobs.submit(RECIPE, name="a", template="digits-2d")
    other.look()
    other.look()
    until(said(jobs, "a", "begun"))
    assert jobs.process("a").last_lines(9) == ["begun"]
    assert state(other, "a") == "running"


@pytest.mark.usefixtures("pretend")
def test_files_are_removed_of_own_jobs_only(tmp_path: Path, jobs: Jobs) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "recipe.toml").write_text(RECIPE)
    assert jobs.submit(RECIPE, name="own", template="digits-2d") == "own-2"
    (tmp_path / "own-2").mkdir()
    with pytest.raises(SettingError, match="stop it first"):
        jobs.remove("own-2")
    end(jobs, "own-2", 0)
    until(lambda: state(jobs, "own-2") == "done")
    assert jobs.remove("own-2")
    assert not jobs.remove("own")
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == {HIDDEN, "own"}
    assert not list((tmp_path / HIDDEN / "jobs").iterdir())
    assert Cards(jobs).listed() == []


@pytest.mark.parametrize("name", ["../a", "a/b", ".a", "", "a" * 65, "a\n", "-a", "a\0"])
def test_a_name_is_no_path(jobs: Jobs, name: str) -> None:
    with pytest.raises(SettingError, match="cannot be a name"):
        jobs.submit(RECIPE, name=name, template="digits-2d")


def test_a_training_outlives_its_server_and_goes_on(tmp_path: Path, jobs: Jobs) -> None:
    """A real one: begun, found by another server, stopped, resumed."""
    rows = tmp_path / "a" / "metrics.jsonl"

    def epochs() -> list[int]:
        text = rows.read_text() if rows.exists() else ""
        return [json.loads(line)["epoch"] for line in text.splitlines() if line.endswith("}")]

    jobs.submit(MANY, name="a", template="digits-2d")
    until(epochs)
    later = Jobs(Workspace(tmp_path), tmp_path)
    children = processes.Process._children[:]
    processes.Process._children.clear()  # as a server that has begun none
    assert state(later, "a") == "running"
    later.stop("a")
    until(lambda: state(later, "a") == "stopped")
    before = epochs()
    assert (tmp_path / "a" / "checkpoint").is_dir()
    assert "go on with" in later.process("a").last_lines(1)[0]
    later.resume("a")
    until(lambda: len(epochs()) > len(before) + 1)
    assert epochs() == list(range(1, len(epochs()) + 1))
    processes.Process._children.extend(children)
