"""Phases: several trainings that observers, histories and checkpoints take for one."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from isthmus.core.errors import ModelFileError
from isthmus.networks import Network
from isthmus.training import (
    Checkpoints,
    History,
    MetricsFile,
    Observer,
    Observers,
    Phases,
    Plan,
    State,
    train,
)
from support.trainings import (
    EPOCHS,
    STEPS,
    Array,
    Crash,
    CrashAt,
    Setup,
    same_weights,
    without_time,
)

LENGTHS = [EPOCHS, 1, 2]  # epochs of the phases
TOTAL = sum(LENGTHS)


@dataclass
class Diary(Observer):
    """All that is told."""

    plans: list[Plan] = field(default_factory=list)
    begun: list[State] = field(default_factory=list)
    moments: list[tuple[int, int]] = field(default_factory=list)
    rows: History = field(default_factory=list)
    ends: int = 0

    def started(self, plan: Plan, state: State, steps_per_epoch: int) -> None:
        self.plans.append(plan)
        self.begun.append(replace(state, history=list(state.history)))
        assert steps_per_epoch == STEPS

    def stepped(self, state: State) -> None:
        self.moments.append((state.epoch, state.step))

    def epoch_ended(self, row: dict[str, float]) -> None:
        self.rows.append(row)

    def finished(self) -> None:
        self.ends += 1


def run(setup: Setup, *observers: Observer, folder: Path | None = None) -> tuple[Any, History]:
    """Three phases: two networks, the first of which is trained on in the last phase."""
    checkpoints = None if folder is None else Checkpoints(folder, seconds=0)
    phases = Phases(Observers(observers), checkpoints)
    first, second = setup.build(), setup.build()
    examples = setup.examples(setup.images)
    held_out = None if setup.held_out is None else setup.examples(setup.held_out)
    for network, epochs in zip((first, second, first), LENGTHS, strict=True):
        plan = replace(setup.plan, epochs=epochs)
        phases.train(setup.equation(network), examples, plan, held_out)
    return nn.ModuleList([first, second]), phases.history


def by_hand(setup: Setup) -> tuple[list[Network], list[History]]:
    """The same trainings, one after another."""
    first, second = setup.build(), setup.build()
    histories = [
        train(
            setup.equation(network),
            setup.examples(setup.images),
            replace(setup.plan, epochs=epochs),
        )
        for network, epochs in zip((first, second, first), LENGTHS, strict=True)
    ]
    return [first, second], histories


# -- one training to those who watch ----------------------------------------------------------


def test_each_phase_is_the_training_that_it_would_be_alone(setup: Setup) -> None:
    networks, history = run(setup)
    alone, histories = by_hand(setup)
    assert all(same_weights(one, other) for one, other in zip(networks, alone, strict=True))
    joined = [row for rows in histories for row in rows]
    for ours, own in zip(history, joined, strict=True):
        for name in own.keys() - {"epoch", "seconds"}:
            assert ours[name] == own[name]


def test_rows_count_on(setup: Setup) -> None:
    _, history = run(setup)
    assert [row["epoch"] for row in history] == list(range(1, TOTAL + 1))
    assert [row["phase"] for row in history] == [1, 1, 1, 2, 3, 3]
    assert all(isinstance(row["phase"], float) for row in history)
    seconds = [row["seconds"] for row in history]
    assert all(later > earlier for earlier, later in pairwise(seconds))


def test_observers_hear_of_one_training(setup: Setup) -> None:
    diary = Diary()
    _, history = run(setup, diary)
    assert diary.rows == history
    assert [plan.epochs for plan in diary.plans] == [3, 4, 6]
    assert all(replace(plan, epochs=EPOCHS) == setup.plan for plan in diary.plans)
    assert [state.epoch for state in diary.begun] == [0, 3, 4]
    assert [state.history for state in diary.begun] == [[], history[:3], history[:4]]
    expected = [(epoch, step) for epoch in range(TOTAL) for step in range(1, STEPS + 1)]
    assert diary.moments == expected
    assert diary.ends == 3


def test_validation_of_a_phase(setup: Setup, digits: Array) -> None:
    _, history = run(replace(setup, held_out=digits[-20:]))
    assert all("validation/total" in row for row in history)


# -- resume -----------------------------------------------------------------------------------

CRASHES = {
    "in the first": [CrashAt(step=2)],
    "at the end of the first": [CrashAt(step=EPOCHS * STEPS)],
    "at the beginning of the second": [CrashAt(step=EPOCHS * STEPS + 1)],
    "in the last": [CrashAt(step=5 * STEPS + 2)],
    "while epochs end": [CrashAt(epoch=3), CrashAt(epoch=4), CrashAt(epoch=6)],
    "again and again": [CrashAt(step=n) for n in (3, 3 * STEPS + 2, 4 * STEPS, 6 * STEPS)],
}


@pytest.mark.parametrize("moment", CRASHES)
def test_resume_is_exact(setup: Setup, tmp_path: Path, moment: str) -> None:
    networks, history = run(setup)
    metrics = MetricsFile(tmp_path / "metrics.jsonl")
    for crash in CRASHES[moment]:
        with pytest.raises(Crash):
            run(setup, metrics, crash, folder=tmp_path / "kept")
    diary = Diary()
    again, rows = run(setup, metrics, diary, folder=tmp_path / "kept")
    assert same_weights(again, networks)
    assert without_time(rows) == without_time(history)
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == rows  # no epoch stands in it twice
    assert [plan.epochs for plan in diary.plans] == [3, 4, 6]
    # Once more from the end: nothing is left to do.
    diary = Diary()
    again, rows = run(setup, diary, folder=tmp_path / "kept")
    assert same_weights(again, networks)
    assert without_time(rows) == without_time(history)
    assert diary.moments == []
    assert [state.epoch for state in diary.begun] == [3, 4, 6]


def test_each_phase_has_its_folder(setup: Setup, tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "kept")
    assert not checkpoints.any_saved()
    with pytest.raises(Crash):
        run(setup, CrashAt(step=EPOCHS * STEPS + 2), folder=tmp_path / "kept")
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == ["phase-1", "phase-2"]
    assert checkpoints.any_saved()
    assert checkpoints.saved() == []
    names = [path.name for path in checkpoints.of_phase(1).saved()]
    assert names[-1] == f"{EPOCHS:06d}-000000000"


def test_checkpoints_of_other_settings(setup: Setup, tmp_path: Path) -> None:
    run(setup, folder=tmp_path)
    with pytest.raises(ModelFileError, match=r"phase-1 began with seed 7, .*not with seed 8"):
        run(setup.with_plan(seed=8), folder=tmp_path)
