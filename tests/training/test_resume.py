"""Exact resume, from checkpoints whole and damaged, after crashes and signals."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from isthmus.core.errors import (
    ModelFileError,
    TrainingStopped,
)
from isthmus.networks import Network
from isthmus.training import (
    OPTIMIZERS,
    Checkpoints,
    History,
    State,
)
from support.trainings import (
    CONVOLUTIONAL,
    DENSE,
    EPOCHS,
    STEPS,
    Array,
    Crash,
    CrashAt,
    Setup,
    damage,
    same_weights,
    without_time,
)

# -- exact resume -----------------------------------------------------------------------------


def resumed(setup: Setup, folder: Path, crashes: list[CrashAt]) -> tuple[Network, History]:
    for crash in crashes:
        with pytest.raises(Crash):
            setup.run(observer=crash, checkpoints=Checkpoints(folder, seconds=0))
    return setup.run(checkpoints=Checkpoints(folder, seconds=0))


CRASHES = {
    "within an epoch, twice": [CrashAt(step=2), CrashAt(step=4)],
    "at the first step": [CrashAt(step=1)],
    "at the last step of an epoch": [CrashAt(step=STEPS), CrashAt(step=STEPS + 1)],
    "while an epoch ends": [CrashAt(epoch=1), CrashAt(epoch=2), CrashAt(epoch=3)],
    "at the very last step": [CrashAt(step=EPOCHS * STEPS)],
}


def sparse(activation: Any, *penalties: dict[str, Any]) -> dict[str, Any]:
    weighted = tuple({"weight": 0.1, **penalty} for penalty in penalties)
    return {"network": {**DENSE, "code_activation": activation}, "penalties": weighted}


CASES: dict[str, dict[str, Any]] = {
    "augmented": {"augmentations": ("affine",)},
    "convolutional": {"network": CONVOLUTIONAL},
    "dropout": {"dropout": 0.3, "penalties": ({"kind": "l1", "weight": 0.1},)},
    "mean activation": sparse("sigmoid", {"kind": "kl_sparsity", "mean_over": "training_set"}),
    "projections": sparse("tanh", {"kind": "contractive", "method": "projections"}),
    "top_k": sparse({"kind": "top_k", "active": 1, "dead_after": 2}, {"kind": "revival"}),
    "batch_top_k": sparse({"kind": "batch_top_k", "active": 2}, {"kind": "contractive"}),
    "same class": {"target": "same_class"},
}


@pytest.mark.parametrize("moment", CRASHES)
@pytest.mark.parametrize("case", CASES)
def test_resume_is_exact(
    digits: Array, setup: Setup, tmp_path: Path, case: str, moment: str
) -> None:
    setup = replace(setup, held_out=digits[-33:], **CASES[case])
    network, history = setup.run()
    again, rows = resumed(setup, tmp_path, CRASHES[moment])
    assert same_weights(network, again)
    assert without_time(rows) == without_time(history)
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert len(Checkpoints(tmp_path).saved()) == 2
    # What was done is done: once more from the end changes nothing.
    same, rows = setup.run(checkpoints=Checkpoints(tmp_path))
    assert same_weights(network, same)
    assert without_time(rows) == without_time(history)


OPTIMIZER_CASES = [
    *({"kind": kind} for kind in OPTIMIZERS),
    {"kind": "sgd", "momentum": 0.9},
    {"kind": "muon", "matrices": "all", "weight_decay": 0.1},
]


@pytest.mark.parametrize("network", [DENSE, CONVOLUTIONAL], ids=["dense", "convolutional"])
@pytest.mark.parametrize("optimizer", OPTIMIZER_CASES, ids=str)
def test_resume_is_exact_with_each_optimizer(
    setup: Setup, tmp_path: Path, optimizer: dict[str, Any], network: Any
) -> None:
    setup = replace(setup, network=network).with_plan(optimizer=optimizer, learning_rate=1e-3)
    network, _ = setup.run()
    again, _ = resumed(setup, tmp_path, [CrashAt(step=3), CrashAt(step=8)])
    assert same_weights(network, again)
    assert not same_weights(network, setup.build())


def test_resume_is_exact_with_early_stopping(digits: Array, setup: Setup, tmp_path: Path) -> None:
    setup = replace(setup, held_out=digits[-40:]).with_plan(
        epochs=30, patience=2, learning_rate=0.05, schedule={"kind": "constant"}
    )
    network, history = setup.run()
    losses = [row["validation/total"] for row in history]
    best = int(np.argmin(losses))
    assert len(losses) == best + 3 < 30
    crashes = [CrashAt(step=STEPS * best + 2), CrashAt(epoch=best + 1), CrashAt(epoch=best + 2)]
    again, rows = resumed(setup, tmp_path, crashes)
    assert same_weights(network, again)
    assert without_time(rows) == without_time(history)
    fewer, _ = setup.with_plan(epochs=best + 1, schedule={"kind": "constant"}).run()
    assert same_weights(network, fewer)


@pytest.mark.parametrize("how", ["flipped", "truncated", "empty", "gone"])
def test_a_damaged_checkpoint_falls_back(setup: Setup, tmp_path: Path, how: str) -> None:
    network, history = setup.run()
    with pytest.raises(Crash):
        setup.run(observer=CrashAt(step=8), checkpoints=Checkpoints(tmp_path, seconds=0))
    older, newest = Checkpoints(tmp_path).saved()
    assert (older.name, newest.name) == ("000001-000000001", "000001-000000002")
    damage(newest, how)
    again, rows = setup.run(checkpoints=Checkpoints(tmp_path, seconds=0))
    assert same_weights(network, again)
    assert without_time(rows) == without_time(history)


def test_all_checkpoints_damaged(setup: Setup, tmp_path: Path) -> None:
    setup.run(checkpoints=Checkpoints(tmp_path, seconds=0))
    for checkpoint, how in zip(Checkpoints(tmp_path).saved(), ["flipped", "gone"], strict=True):
        damage(checkpoint, how)
    with pytest.raises(ModelFileError, match=r"are damaged; remove that folder to start again\.$"):
        setup.run(checkpoints=Checkpoints(tmp_path))


def test_foreign_checkpoints(setup: Setup, tmp_path: Path) -> None:
    setup.run(checkpoints=Checkpoints(tmp_path))
    foreign = [
        (replace(setup, code_size=6), "does not belong to this network and optimiser"),
        (replace(setup, network=CONVOLUTIONAL), "does not belong to this network and optimiser"),
        (setup.with_plan(optimizer={"kind": "sgd"}), "it began with Adam, not SGD"),
        (setup.with_plan(seed=8), "began with seed 7, .*, not with seed 8"),
        (setup.with_plan(batch_size=8), "batches of 16 .*, not with .* batches of 8"),
        (replace(setup, images=setup.images[1:]), "and 70 samples, not with .* and 69 samples"),
    ]
    for other, words in foreign:
        with pytest.raises(ModelFileError, match=words) as caught:
            other.run(checkpoints=Checkpoints(tmp_path))
        assert "train into another folder" in str(caught.value)
    _, rows = setup.with_plan(epochs=5).run(checkpoints=Checkpoints(tmp_path))
    assert len(rows) == 5


def test_an_existing_checkpoint_is_not_put_at_risk(setup: Setup, tmp_path: Path) -> None:
    setup.run(checkpoints=Checkpoints(tmp_path))
    (only,) = Checkpoints(tmp_path).saved()
    before = only.stat().st_ino
    setup.run(checkpoints=Checkpoints(tmp_path))
    assert only.stat().st_ino == before


# -- interruptions within this process --------------------------------------------------------


class SignalAt(CrashAt):
    """Sends a signal to this process instead of raising."""

    number = signal.SIGINT

    def stepped(self, state: State) -> None:
        if state.epoch * STEPS + state.step == self.step:
            os.kill(os.getpid(), self.number)

    def epoch_ended(self, row: dict[str, float]) -> None:
        if row["epoch"] == self.epoch:
            os.kill(os.getpid(), self.number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", [{"step": 3}, {"step": STEPS}, {"epoch": 1}, {"epoch": EPOCHS}])
def test_a_signal_saves_and_stops(
    setup: Setup, tmp_path: Path, number: signal.Signals, moment: dict[str, int]
) -> None:
    network, history = setup.run()
    before = signal.getsignal(number)
    observer = SignalAt(**moment)
    observer.number = number
    with pytest.raises(TrainingStopped, match="the state is saved"):
        setup.run(observer=observer, checkpoints=Checkpoints(tmp_path))
    assert signal.getsignal(number) is before
    assert len(Checkpoints(tmp_path).saved()) == 1
    again, rows = setup.run(checkpoints=Checkpoints(tmp_path))
    assert same_weights(network, again)
    assert without_time(rows) == without_time(history)


@pytest.fixture
def _python_hears_ctrl_c() -> Iterator[None]:
    """Python's own handler, which is not there where a shell began this process with `&`."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_python_hears_ctrl_c")
def test_without_checkpoints_ctrl_c_is_not_caught(setup: Setup) -> None:
    with pytest.raises(KeyboardInterrupt):
        setup.run(observer=SignalAt(step=3))


def test_training_in_a_thread(setup: Setup, tmp_path: Path) -> None:
    """Only the main thread may handle signals; others train all the same."""
    results: list[Any] = []
    work = threading.Thread(
        target=lambda: results.append(setup.run(checkpoints=Checkpoints(tmp_path)))
    )
    work.start()
    work.join()
    assert same_weights(results[0][0], setup.run()[0])
