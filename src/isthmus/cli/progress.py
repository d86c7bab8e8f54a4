"""How a training shows that it goes on."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.progress import Progress

from isthmus.training import ConsoleProgress, Observer, Plan, State

_EVERY = 10.0  # seconds between lines


def progress() -> Observer:
    """A bar in a terminal, lines in a log."""
    return ConsoleProgress(Console(stderr=True)) if sys.stderr.isatty() else LineProgress()


class LineProgress(Observer):
    """A line at the beginning, and one after an epoch if some seconds have passed."""

    def told(self, text: str) -> None:
        """Say it."""
        typer.echo(text)

    def started(self, plan: Plan, state: State, steps_per_epoch: int) -> None:
        """Say what is to come."""
        self._epochs, self._said = plan.epochs, time.monotonic()
        done = f", of which {state.epoch} are done" if state.epoch else ""
        typer.echo(f"Training for {plan.epochs} epochs of {steps_per_epoch} steps{done}")

    def epoch_ended(self, row: dict[str, float]) -> None:
        """Say where the training stands."""
        if time.monotonic() - self._said >= _EVERY:
            self._said = time.monotonic()
            losses = f"loss {row['train/total']:.4g}"
            if "validation/total" in row:
                losses += f", validation {row['validation/total']:.4g}"
            typer.echo(f"epoch {row['epoch']:.0f} of {self._epochs}: {losses}")


@contextmanager
def counting(what: str) -> Iterator[Callable[[int, int], None]]:
    """A function to be told how many of how many are done: a bar in a terminal, lines in a log."""
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        task, said = bar.add_task(what, total=None), time.monotonic()

        def told(done: int, total: int) -> None:
            nonlocal said
            bar.update(task, completed=done, total=total)
            if bar.disable and time.monotonic() - said >= _EVERY:
                said = time.monotonic()
                typer.echo(f"{done} of {total} {what}")

        yield told
