"""Observers: what they write can be read, and no epoch stands in it twice."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from tensorboardX.proto.event_pb2 import Event, SessionLog

from isthmus.training import (
    ConsoleProgress,
    MetricsFile,
    Observer,
    Observers,
    Plan,
    State,
    TensorBoardEvents,
)

PLAN = Plan(
    epochs=3,
    batch_size=4,
    learning_rate=0.1,
    optimizer={"kind": "adam"},
    schedule={"kind": "constant"},
)


def row(epoch: int) -> dict[str, float]:
    return {
        "epoch": epoch,
        "seconds": 0.5 * epoch,
        "learning_rate": 0.1,
        "train/total": 2.0 / epoch,
        "validation/total": 3.0 / epoch,
    }


def tell(observer: Observer, epochs: range, state: State, end: bool = True) -> None:
    """What the loop tells of some epochs of two steps each; without `end`, as if killed."""
    observer.started(PLAN, state, 2)
    for epoch in epochs:
        for step in (1, 2):
            observer.stepped(State(epoch=epoch - 1, step=step))
        observer.epoch_ended(row(epoch))
    if end:
        observer.finished()


def begun(epochs: int) -> State:
    return State(epoch=epochs, history=[row(epoch + 1) for epoch in range(epochs)])


# -- metrics.jsonl ----------------------------------------------------------------------------


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_metrics_file(tmp_path: Path) -> None:
    path = tmp_path / "run" / "metrics.jsonl"
    tell(MetricsFile(path), range(1, 4), State())
    assert lines(path) == [row(1), row(2), row(3)]


@pytest.mark.parametrize("in_checkpoint", [0, 1, 2])
def test_metrics_file_after_a_kill(tmp_path: Path, in_checkpoint: int) -> None:
    """Two epochs were written, of which the checkpoint knows fewer."""
    path = tmp_path / "metrics.jsonl"
    tell(MetricsFile(path), range(1, 3), State(), end=False)
    with path.open("a") as file:
        file.write('{"epoch": 3, "seco')  # killed while writing
    tell(MetricsFile(path), range(in_checkpoint + 1, 4), begun(in_checkpoint))
    assert lines(path) == [row(1), row(2), row(3)]


# -- TensorBoard ------------------------------------------------------------------------------


def records(path: Path) -> Iterator[bytes]:
    """Contents of a TFRecord file: length (8 bytes), its CRC (4), content, its CRC (4)."""
    content = path.read_bytes()
    while content:
        (length,) = struct.unpack("<Q", content[:8])
        yield content[12 : 12 + length]
        content = content[16 + length :]


def curves(folder: Path) -> dict[str, dict[int, float]]:
    """Each curve as TensorBoard shows it: a session's start purges what comes after its step."""
    points: dict[str, dict[int, float]] = {}
    for path in sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime_ns):
        for record in records(path):
            event = Event.FromString(record)
            if event.session_log.status == SessionLog.START:
                for curve in points.values():
                    for step in [step for step in curve if step >= event.step]:
                        del curve[step]
            for value in event.summary.value:
                curve = points.setdefault(value.tag, {})
                assert event.step not in curve
                curve[event.step] = value.simple_value
    return points


def expected(epochs: int) -> dict[str, Any]:
    names = [name for name in row(1) if name != "epoch"]
    rows = {epoch: row(epoch) for epoch in range(1, epochs + 1)}
    return {name: {epoch: pytest.approx(r[name]) for epoch, r in rows.items()} for name in names}


def test_tensorboard_events(tmp_path: Path) -> None:
    tell(TensorBoardEvents(tmp_path), range(1, 4), State())
    assert curves(tmp_path) == expected(3)


def test_tensorboard_events_of_repeated_epochs_are_purged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(TensorBoardEvents(tmp_path), range(1, 4), State())
    # The next file's name has the time in whole seconds.
    (first,) = tmp_path.iterdir()
    first.rename(tmp_path / "events.out.tfevents.1.before")
    tell(TensorBoardEvents(tmp_path), range(2, 4), begun(1))
    assert len(list(tmp_path.iterdir())) == 2
    assert curves(tmp_path) == expected(3)


# -- console and several ----------------------------------------------------------------------


def test_console_progress() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100, color_system=None)
    tell(ConsoleProgress(console), range(1, 4), State())
    shown = screen.getvalue()
    assert "3 epochs" in shown
    assert "100 %" in shown
    assert "loss 0.6667, validation 1" in shown


def test_what_is_told_stands_above_the_bar_as_it_is() -> None:
    screen = io.StringIO()
    observer = Observers([ConsoleProgress(Console(file=screen, width=20)), Observer()])
    observer.told(text := "channels = [8, 16]: why it is so, at length\nand more")
    assert screen.getvalue() == f"{text}\n"


def test_console_progress_goes_on_where_it_stopped() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100, color_system=None)
    progress = ConsoleProgress(console)
    progress.started(PLAN, State(epoch=1, step=1), 2)
    progress.finished()
    assert " 50 %" in screen.getvalue()


def test_console_progress_into_a_file_is_one_line() -> None:
    screen = io.StringIO()
    tell(ConsoleProgress(Console(file=screen, width=100)), range(1, 4), State())
    assert len(screen.getvalue().strip().splitlines()) == 1


def test_observers_tell_all(tmp_path: Path) -> None:
    heard: list[tuple[int, str]] = []

    class Ears(Observer):
        def __init__(self, number: int) -> None:
            self.number = number

        def started(self, plan: Plan, state: State, steps_per_epoch: int) -> None:
            heard.append((self.number, "started"))

        def stepped(self, state: State) -> None:
            heard.append((self.number, "stepped"))

        def epoch_ended(self, row: dict[str, float]) -> None:
            heard.append((self.number, "epoch_ended"))

        def finished(self) -> None:
            heard.append((self.number, "finished"))

    tell(Observers([Ears(1), Ears(2)]), range(1, 2), State())
    words = ["started", "stepped", "stepped", "epoch_ended", "finished"]
    assert heard == [(number, word) for word in words for number in (1, 2)]
    silent = Observer()
    tell(silent, range(1, 2), State())
