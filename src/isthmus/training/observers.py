"""Those who are told how a training goes: the console, a JSON-lines file, TensorBoard."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from isthmus.core.files import write_text
from isthmus.training.plan import Plan
from isthmus.training.state import State

Row = dict[str, float]


class Observer:
    """Is told of every step and epoch; this one does nothing."""

    def told(self, text: str) -> None:
        """What people should know before training begins."""

    def started(self, plan: Plan, state: State, steps_per_epoch: int) -> None:
        """Training begins, or goes on, at `state`."""

    def stepped(self, state: State) -> None:
        """One step was taken."""

    def epoch_ended(self, row: Row) -> None:
        """An epoch ended; `row` is its line of the history."""

    def finished(self) -> None:
        """Training ended, was stopped or failed."""


class Observers(Observer):
    """Several observers as one."""

    def __init__(self, members: Sequence[Observer]) -> None:
        self._members = tuple(members)

    def told(self, text: str) -> None:
        """Tell all."""
        for member in self._members:
            member.told(text)

    def started(self, plan: Plan, state: State, steps_per_epoch: int) -> None:
        """Tell all."""
        for member in self._members:
            member.started(plan, state, steps_per_epoch)

    def stepped(self, state: State) -> None:
        """Tell all."""
        for member in self._members:
            member.stepped(state)

    def epoch_ended(self, row: Row) -> None:
        """Tell all."""
        for member in self._members:
            member.epoch_ended(row)

    def finished(self) -> None:
        """Tell all."""
        for member in self._members:
            member.finished()


class ConsoleProgress(Observer):
    """A progress bar over all steps with the time left and the last losses.

    Parameters
    ----------
    console
        Where to show it; standard output by default.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[losses]}"),
            console=console,
        )

    def told(self, text: str) -> None:
        """Print it above the bar."""
        self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def started(self, plan: Plan, state: State, steps_per_epoch: int) -> None:
        """Show the bar."""
        self._steps_per_epoch = steps_per_epoch
        self._task = self._bar.add_task(
            f"{plan.epochs} epochs",
            total=plan.epochs * steps_per_epoch,
            completed=state.epoch * steps_per_epoch + state.step,
            losses="",
        )
        self._bar.start()

    def stepped(self, state: State) -> None:
        """Move on."""
        done = state.epoch * self._steps_per_epoch + state.step
        self._bar.update(self._task, completed=done)

    def epoch_ended(self, row: Row) -> None:
        """Show the losses."""
        losses = f"loss {row['train/total']:.4g}"
        if "validation/total" in row:
            losses += f", validation {row['validation/total']:.4g}"
        self._bar.update(self._task, losses=losses)

    def finished(self) -> None:
        """Leave the last state on the screen."""
        self._bar.stop()


class MetricsFile(Observer):
    """``metrics.jsonl``: one JSON object for each epoch.

    On resume it is rewritten from the checkpoint's history, so that no epoch stands in it twice.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)

    def started(self, plan: Plan, state: State, steps_per_epoch: int) -> None:
        """Write the epochs already done."""
        write_text(self._path, "".join(json.dumps(row) + "\n" for row in state.history))

    def epoch_ended(self, row: Row) -> None:
        """Append a line."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


class TensorBoardEvents(Observer):
    """Event files for TensorBoard, one scalar for each column of the history."""

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)

    def started(self, plan: Plan, state: State, steps_per_epoch: int) -> None:
        """Open an event file; events of epochs that are about to be repeated are purged."""
        from tensorboardX import SummaryWriter  # slow to import, and only runs need it

        self._writer = SummaryWriter(str(self._folder), purge_step=state.epoch + 1)

    def epoch_ended(self, row: Row) -> None:
        """Add a point to each curve."""
        for name, value in row.items():
            if name != "epoch":
                self._writer.add_scalar(name, value, int(row["epoch"]))

    def finished(self) -> None:
        """Flush and close."""
        self._writer.close()
