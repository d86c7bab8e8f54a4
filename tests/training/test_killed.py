"""Exact resume of processes that were killed, at any moment and while saving."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from support.trainings import (
    without_time,
)

# -- killed processes -------------------------------------------------------------------------

SCRIPT = """
# Forks a child for each line "FOLDER SLOW" of its input, so that torch is imported only once.
import os, sys, time
from pathlib import Path
import torch
from sklearn.datasets import load_digits
from isthmus import Autoencoder
from isthmus.core import files
from isthmus.core.errors import TrainingStopped
from isthmus.training import Checkpoints, Observer, tensors

torch.set_num_threads(1)


def say(*words):
    print(*words, flush=True)


def slow_down(module, name, halve):
    before, calls = getattr(module, name), 0

    def slow(*values):
        nonlocal calls
        calls += 1
        if calls < 6:  # before the files of the second save are on the disk
            return before(*values)
        if halve:  # what a kill in the middle of writing leaves
            before(*values)
            os.truncate(values[1], values[1].stat().st_size // 2)
        say("saving")
        time.sleep(60)

    setattr(module, name, slow)


class Tell(Observer):
    def stepped(self, state):
        say("step")
        time.sleep(0.002)


def child(folder, slow):
    if slow == "write":
        slow_down(tensors, "save_file", halve=True)
    if slow == "sync":
        slow_down(files, "_sync", halve=False)
    model = Autoencoder(
        network={"kind": "dense", "hidden_sizes": [16]},
        corruption="gaussian",
        augmentations=["affine"],
        code_size=4, epochs=3, batch_size=16, patience=3, random_state=0,
    )
    checkpoints = None if slow == "whole" else Checkpoints(folder, seconds=0)
    try:
        model.fit(load_digits().images[:160] / 16, observer=Tell(), checkpoints=checkpoints)
        model.save(folder / "model")
    except TrainingStopped as error:
        say("stopped:", error)


for line in sys.stdin:
    pid = os.fork()
    if not pid:
        child(Path(line.split()[0]), line.split()[1])
        os._exit(0)
    say("began", pid)
    say("ended", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


class Nursery:
    """A process that begins trainings in processes of their own, one at a time."""

    def __init__(self, folder: Path) -> None:
        script = folder / "script.py"
        script.write_text(SCRIPT)
        self.errors = folder / "errors.txt"
        with self.errors.open("w") as errors:
            self.parent = subprocess.Popen(
                [sys.executable, "-W", "error", script],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        self.child = 0

    def begin(self, folder: Path, slow: str = "no") -> None:
        assert self.parent.stdin is not None
        self.parent.stdin.write(f"{folder} {slow}\n")
        self.parent.stdin.flush()

    def wait_for(self, word: str, times: int = 1) -> str:
        assert self.parent.stdout is not None
        for line in self.parent.stdout:
            if line.startswith("began"):
                self.child = int(line.split()[1])
            times -= line.startswith(word)
            if times == 0:
                return line.strip()
        pytest.fail(self.errors.read_text())

    def kill(self, number: int = signal.SIGKILL) -> None:
        os.kill(self.child, number)

    def finish(self, folder: Path, slow: str = "no") -> None:
        self.begin(folder, slow)
        assert self.wait_for("ended") == "ended 0", self.errors.read_text()


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    nursery = Nursery(tmp_path_factory.mktemp("nursery"))
    yield nursery
    nursery.parent.communicate()


@pytest.fixture(scope="module")
def whole(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model of a process that nobody killed."""
    folder = tmp_path_factory.mktemp("whole")
    nursery.finish(folder, "whole")
    return folder / "model"


def assert_same_model(one: Path, other: Path) -> None:
    first, second = (load_file(folder / "model.safetensors") for folder in (one, other))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    histories = [
        without_time(json.loads((folder / "model.json").read_text())["history"])
        for folder in (one, other)
    ]
    assert histories[0] == histories[1]


def test_killed_at_random_moments(nursery: Nursery, whole: Path, tmp_path: Path) -> None:
    moments = random.Random(0)
    for steps in (3, 2, 1, 9):  # the first three within one epoch of nine steps
        nursery.begin(tmp_path)
        nursery.wait_for("step", steps)
        time.sleep(moments.uniform(0, 0.02))
        nursery.kill()
        assert nursery.wait_for("ended") == "ended -9"
    nursery.finish(tmp_path)
    assert_same_model(tmp_path / "model", whole)


@pytest.mark.parametrize("place", ["write", "sync"])
def test_killed_while_saving(nursery: Nursery, whole: Path, tmp_path: Path, place: str) -> None:
    nursery.begin(tmp_path, place)
    nursery.wait_for("saving")
    nursery.kill()
    assert nursery.wait_for("ended") == "ended -9"
    assert any(path.name.startswith(".") for path in tmp_path.iterdir())  # what the kill left
    nursery.finish(tmp_path)
    assert not any(path.name.startswith(".") for path in tmp_path.iterdir())
    assert_same_model(tmp_path / "model", whole)


def test_interrupted_by_ctrl_c(nursery: Nursery, whole: Path, tmp_path: Path) -> None:
    nursery.begin(tmp_path)
    nursery.wait_for("step", 4)
    nursery.kill(signal.SIGINT)
    assert nursery.wait_for("stopped").startswith("stopped: Stopped after 0 epochs and ")
    assert nursery.wait_for("ended") == "ended 0"
    nursery.finish(tmp_path)
    assert_same_model(tmp_path / "model", whole)
