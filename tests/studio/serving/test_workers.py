"""`isthmus serve` as people start it: processes behind one address."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from typer.testing import CliRunner

from isthmus.cli import app


@pytest.fixture(scope="module")
def started(runs: Path) -> Iterator[Any]:
    words = ["serve", str(runs / "digits-2d"), "--port", "0", "--workers", "2"]
    process = subprocess.Popen(
        [sys.executable, "-m", "isthmus", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        yield process
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def children(pid: int) -> set[int]:
    """Its workers: processes that Python spawned, but for the one that tracks resources."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return {
        int(one) for one in listed if b"spawn_main" in Path(f"/proc/{one}/cmdline").read_bytes()
    }


def until(true: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks for processes in /proc")
def test_workers_count_together_and_are_replaced_and_end(started: Any) -> None:
    url = re.search(r"http://\S+(?=/docs)", started.stdout.readline())[0]
    until(lambda: len(children(started.pid)) == 2)
    sample = {"samples": [[[0] * 8] * 8]}
    answers = [httpx2.post(f"{url}/encode", json=sample).json() for _ in range(20)]
    assert all(answer == answers[0] for answer in answers)
    counted = re.search(r'isthmus_requests_total\{.*"/encode".*\} (\S+)', metrics(url))
    assert counted is not None
    assert float(counted[1]) == 20  # whichever worker tells

    before = children(started.pid)
    os.kill(min(before), signal.SIGKILL)
    # One that dies while it is asked how it is may be missed until that question times out (120 s).
    until(lambda: len(children(started.pid) - before) == 1, seconds=150)
    assert httpx2.post(f"{url}/encode", json=sample, timeout=60).json() == answers[0]

    workers = children(started.pid)
    os.killpg(started.pid, signal.SIGINT)  # as Ctrl-C does
    assert started.wait(30) == 0
    until(lambda: not any(Path(f"/proc/{one}").exists() for one in workers))
    assert "Traceback" not in started.stderr.read()


def metrics(url: str) -> str:
    return str(httpx2.get(f"{url}/metrics").text)


def test_what_cannot_be_served_is_said_at_once(runs: Path, tmp_path: Path) -> None:
    for words, said in (
        ([str(tmp_path)], "model"),
        ([str(runs / "digits-2d"), "--index", str(tmp_path)], "not an index"),
        ([str(runs / "digits-2d"), "--host", "203.0.113.1"], "Cannot listen"),
    ):
        result = CliRunner().invoke(app, ["serve", *words, "--port", "0"])
        assert result.exit_code == 1
        assert result.stderr.startswith("Error: ")
        assert said in result.stderr
