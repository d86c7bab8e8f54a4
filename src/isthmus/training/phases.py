"""Several trainings, one after another, told to observers as one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from isthmus.training.checkpoint import Checkpoints
from isthmus.training.equation import Equation
from isthmus.training.examples import Stream
from isthmus.training.loop import train
from isthmus.training.observers import Observer, Row
from isthmus.training.plan import Plan
from isthmus.training.state import History, State


class Phases:
    """Trains phase after phase; epochs are counted on, and each keeps its own checkpoints.

    On resume the phases that are done are restored from their last checkpoints.

    Parameters
    ----------
    observer
        Told of all phases as of one training.
    checkpoints
        Each phase has a folder in this one's.

    Attributes
    ----------
    history
        The rows of all phases, each with its ``phase``, counted from 1.
    """

    def __init__(self, observer: Observer, checkpoints: Checkpoints | None) -> None:
        self._observer, self._checkpoints = observer, checkpoints
        self._number = 0
        self.history: History = []

    def train(
        self,
        equation: Equation,
        examples: Stream,
        plan: Plan,
        validation: Stream | None = None,
    ) -> None:
        """Train the next phase; see `isthmus.training.train`."""
        self.run(
            lambda observer, checkpoints: train(
                equation,
                examples,
                plan,
                validation=validation,
                observer=observer,
                checkpoints=checkpoints,
            )
        )

    def run(self, training: Callable[[Observer, Checkpoints | None], History]) -> None:
        """Let the next phase be trained with its own observer and checkpoints, for its history."""
        self._number += 1
        folder = None if self._checkpoints is None else self._checkpoints.of_phase(self._number)
        relay = _Relay(self._observer, self.history, self._number)
        rows = training(relay, folder)
        self.history = [*self.history, *(relay.placed(row) for row in rows)]


class _Relay(Observer):
    """Tells an observer of a phase as of a part of one training."""

    def __init__(self, observer: Observer, before: History, number: int) -> None:
        self._observer, self._before, self._number = observer, before, number
        self._epochs = len(before)
        self._seconds = before[-1]["seconds"] if before else 0.0

    def placed(self, row: Row) -> Row:
        """A row of the phase as one of the whole."""
        epoch, seconds = row["epoch"] + self._epochs, row["seconds"] + self._seconds
        return {**row, "epoch": epoch, "seconds": seconds, "phase": float(self._number)}

    def _whole(self, state: State) -> State:
        rows = [self.placed(row) for row in state.history]
        return replace(state, epoch=state.epoch + self._epochs, history=[*self._before, *rows])

    def started(self, plan: Plan, state: State, steps_per_epoch: int) -> None:
        """Go on where the phases before have ended."""
        whole = replace(plan, epochs=plan.epochs + self._epochs)
        self._observer.started(whole, self._whole(state), steps_per_epoch)

    def stepped(self, state: State) -> None:
        """Pass on."""
        self._observer.stepped(replace(state, epoch=state.epoch + self._epochs))

    def epoch_ended(self, row: Row) -> None:
        """Pass on."""
        self._observer.epoch_ended(self.placed(row))

    def finished(self) -> None:
        """Pass on."""
        self._observer.finished()
