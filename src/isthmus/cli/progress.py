"""How a training shows that it goes on."""

from __future__ import annotations

import sys
import time

import typer
from rich.console import Console

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
