"""The command line as its users start it: in processes of their own."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from isthmus.core.files import sha256

COMMAND = [sys.executable, "-m", "isthmus"]


@pytest.fixture
def environment() -> dict[str, str]:
    """One thread, no colours."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}


def run(
    folder: Path,
    environment: dict[str, str],
    *words: str,
    before: Callable[[], None] | None = None,
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        preexec_fn=before,
    )


def test_the_demo(tmp_path: Path, environment: dict[str, str]) -> None:
    result = run(tmp_path, environment, "demo")
    assert result.returncode == 0, result.stderr
    assert not result.stderr
    assert "Report: runs/digits-2d/report.html" in result.stdout
    assert "isthmus train images --data FOLDER" in result.stdout
    assert (tmp_path / "runs/digits-2d/report.html").stat().st_size > 10_000
    table = json.loads((tmp_path / "runs/digits-2d/evaluation.json").read_text())["table"]
    error = {method: columns["squared_error"] for method, columns in table.items()}
    assert error["model"]["high"] < 0.8 * error["PCA"]["low"]


def test_ctrl_c_says_how_to_go_on(tmp_path: Path, environment: dict[str, str]) -> None:
    words = ["train", "digits-2d", "--set", "training.epochs=30"]
    log = tmp_path / "runs/digits-2d/metrics.jsonl"
    with subprocess.Popen(
        [*COMMAND, *words],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        while process.poll() is None and not (log.exists() and log.stat().st_size):
            time.sleep(0.002)
        process.send_signal(signal.SIGINT)
        error = process.communicate(timeout=60)[1]
    assert process.returncode == 130, error
    assert error.startswith("Stopped after ")
    assert error.endswith("go on with: isthmus train runs/digits-2d --resume\n")
    assert error.count("\n") == 1
    assert not (tmp_path / "runs/digits-2d/model").exists()
    again = run(tmp_path, environment, "train", "runs/digits-2d", "--resume")
    assert again.returncode == 0, again.stderr
    assert len(log.read_text().splitlines()) == 30
    whole = run(tmp_path, environment, *words, "--out", "whole")
    assert whole.returncode == 0, whole.stderr
    weights = "model/model.safetensors"
    assert sha256(tmp_path / "runs/digits-2d" / weights) == sha256(tmp_path / "whole" / weights)


def test_a_disk_that_fills_up(tmp_path: Path, environment: dict[str, str]) -> None:
    def small_disk() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # so that writing fails with EFBIG
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    words = ["train", "digits-2d", "--set", "training.epochs=1"]
    result = run(tmp_path, environment, *words, before=small_disk)
    assert result.returncode == 1
    assert result.stderr.startswith("Error: Cannot write ")
    assert result.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_reader_that_has_seen_enough(tmp_path: Path, environment: dict[str, str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        process = subprocess.run(
            [*COMMAND, "recipes", "ls"],
            cwd=tmp_path,
            env=environment,
            stdout=pipe,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert process.returncode == 1
    assert not process.stderr
