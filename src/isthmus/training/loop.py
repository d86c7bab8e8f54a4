"""The one training loop."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

import torch
from torch import Tensor, nn

from isthmus.core.errors import ModelFileError, SettingError, TrainingError, TrainingStopped
from isthmus.core.settings import Device
from isthmus.objectives import LossValue
from isthmus.training.checkpoint import Checkpoints, all_finite
from isthmus.training.devices import choose_device
from isthmus.training.equation import Equation
from isthmus.training.examples import Batch, Stream
from isthmus.training.observers import Observer
from isthmus.training.optimizers import OPTIMIZERS
from isthmus.training.plan import Plan
from isthmus.training.schedules import SCHEDULES
from isthmus.training.state import History, State

_LOOK_EVERY = 32  # steps between looks at the losses on a device where looking means waiting


def train(
    equation: Equation,
    examples: Stream,
    plan: Plan,
    *,
    validation: Stream | None = None,
    observer: Observer | None = None,
    checkpoints: Checkpoints | None = None,
) -> History:
    """Minimise the equation over its network's weights, in place.

    With `checkpoints` that hold a state, training goes on from it; without a time limit and on the
    CPU it ends with the very bits of an uninterrupted run, since the order of the data and every
    random draw are functions of (seed, epoch, step).

    Parameters
    ----------
    equation
        The objective; its network is trained.
    examples
        Training samples, on the device of the plan.
    validation
        Held-out samples, measured after each epoch with the same random draws each time.
    observer
        Told of steps and epochs.
    checkpoints
        Where to save the state from time to time; on Ctrl-C it is saved at once.

    Returns
    -------
    History
        One row for each epoch.

    Raises
    ------
    SettingError
        If the plan has `patience` and there are no validation samples to stop by.
    ModelFileError
        If the checkpoints are of another network, optimiser, seed, batch size or number of samples.
    TrainingError
        If the loss or a weight stops being finite; the last good checkpoint is kept.
    TrainingStopped
        On Ctrl-C, if there are checkpoints (without them `KeyboardInterrupt` is not caught).
    """
    with _own_randomness(plan.device), _interruptible(checkpoints is not None) as interrupted:
        run = _Run(equation, examples, plan, validation, observer or Observer(), checkpoints)
        try:
            while run.unfinished():
                for batch in run.epoch_batches():
                    run.step(batch)
                    if interrupted():
                        run.stop()
                    if run.out_of_time():
                        break
                run.end_epoch()
                if interrupted():
                    run.stop()
            return run.finish()
        finally:
            run.observer.finished()


class _Run:
    """The parts of one call of `train`, and its state."""

    def __init__(
        self,
        equation: Equation,
        examples: Stream,
        plan: Plan,
        validation: Stream | None,
        observer: Observer,
        checkpoints: Checkpoints | None,
    ) -> None:
        if plan.patience is not None and validation is None:
            raise SettingError(
                "Early stopping needs validation samples; give some, or no patience."
            )
        self.equation, self.examples, self.plan = equation, examples, plan
        self.validation, self.observer, self.checkpoints = validation, observer, checkpoints
        self.device = choose_device(plan.device)
        self.network: nn.Module = equation.network
        # torch's types do not know that a module takes both.
        self.network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = OPTIMIZERS.build(
            plan.optimizer, list(self.network.parameters()), plan.learning_rate
        )
        rates = [float(group["lr"]) for group in self.optimizer.param_groups]
        self.shares = [rate / plan.learning_rate for rate in rates]
        self.schedule = SCHEDULES.build(plan.schedule)
        self.steps_per_epoch = math.ceil(len(examples) / plan.batch_size)
        self.state = self.restored() or State(order=self.order())
        self.began = time.monotonic() - self.state.seconds
        self.unseen: list[tuple[Tensor, int]] = []
        self.seen = self.state.step  # steps of this epoch whose loss was computed
        self.part_names: tuple[str, ...] = ()
        observer.started(plan, self.state, self.steps_per_epoch)

    def order(self) -> list[int]:
        return [self.plan.seed, self.plan.batch_size, len(self.examples)]

    def restored(self) -> State | None:
        """The state to go on from, if its order of the data is this one."""
        if self.checkpoints is None:
            return None
        state = self.checkpoints.restore(self.network, self.optimizer)
        if state is not None and state.order != self.order():
            text = "seed {}, batches of {} and {} samples"
            raise ModelFileError(
                f"The checkpoints in {self.checkpoints.folder} began with"
                f" {text.format(*state.order)}, not with {text.format(*self.order())}; resume with"
                " the settings and data that began them, or train into another folder."
            )
        return state

    # -- progress ---------------------------------------------------------------------------

    def seconds(self) -> float:
        return time.monotonic() - self.began

    def out_of_time(self) -> bool:
        return self.plan.minutes is not None and self.seconds() >= 60 * self.plan.minutes

    def unfinished(self) -> bool:
        state, patience = self.state, self.plan.patience
        stale = patience is not None and state.epoch - state.best_epoch >= patience
        done = state.epoch >= self.plan.epochs or stale or self.out_of_time()
        return state.step > 0 or not done  # an epoch that was begun gets its end and its row

    def steps_before(self) -> int:
        return self.state.epoch * self.steps_per_epoch

    def progress(self) -> float:
        """Share of the training that is done, by steps or by time, whichever is further."""
        steps = self.steps_before() + self.state.step
        share = steps / (self.plan.epochs * self.steps_per_epoch)
        if self.plan.minutes is not None:
            share = max(share, self.seconds() / (60 * self.plan.minutes))
        return min(share, 1.0)

    def rate(self) -> float:
        """η of the next step."""
        return self.plan.learning_rate * self.schedule(self.progress())

    def epoch_batches(self) -> Iterator[Batch]:
        self.network.train()
        state, plan = self.state, self.plan
        return self.examples.batches(plan.batch_size, plan.seed, state.epoch, state.step)

    # -- one step ---------------------------------------------------------------------------

    def step(self, batch: Batch) -> None:
        """θ ← θ - η ∇: the equation's value, its gradient, a move."""
        rate = self.rate()
        for group, share in zip(self.optimizer.param_groups, self.shares, strict=True):
            group["lr"] = rate * share
        self.optimizer.zero_grad()
        if self.equation.surveys:
            self.equation.survey(self.examples.in_order(self.plan.batch_size))
        value = self.value(batch, self.progress())
        value.total.backward()
        self.record(value, len(batch))
        if self.plan.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.plan.clip_norm)
        self.optimizer.step()
        self.state.step = batch.step + 1
        self.observer.stepped(self.state)
        if self.checkpoints is not None and self.checkpoints.due():
            self.save()

    def value(self, batch: Batch, progress: float = 1.0) -> LossValue:
        """The equation on a batch, in the plan's precision."""
        # Another seed than the generator's, or dropout would repeat the draws of the corruption.
        _seed_modules(self.device, batch.generator.initial_seed() + 1)
        given = (batch.x, batch.y, batch.generator, batch.labels, progress)
        if self.plan.precision == "float32":
            return self.equation(*given)
        with torch.autocast(self.device.type, torch.bfloat16):
            return self.equation(*given)

    def record(self, value: LossValue, samples: int) -> None:
        """Keep the loss parts; on the CPU look at them at once, elsewhere now and then."""
        self.part_names = tuple(value.parts)
        self.seen += 1
        self.unseen.append((torch.stack(list(value.parts.values())).detach(), samples))
        if self.device.type == "cpu" or len(self.unseen) >= _LOOK_EVERY:
            self.look()

    def look(self) -> None:
        """Add the unseen losses to the epoch's sums, and refuse to go on if one is not finite."""
        if not self.unseen:
            return
        rows = torch.stack([values for values, _ in self.unseen]).tolist()
        first = self.seen - len(rows)
        for place, (row, (_, samples)) in enumerate(zip(rows, self.unseen, strict=True)):
            if not all(map(math.isfinite, row)):
                self.refuse(f"The loss became {sum(row)}", self.steps_before() + first + place)
            self.state.add(dict(zip(self.part_names, row, strict=True)), samples)
        self.unseen.clear()

    def refuse(self, what: str, step: int) -> NoReturn:
        """Give up at a step, counted from 0 over all epochs."""
        epoch, place = divmod(step, self.steps_per_epoch)
        kept = (
            self.checkpoints.describe_last() if self.checkpoints else "No checkpoint was asked for"
        )
        raise TrainingError(
            f"{what} at step {place + 1} of epoch {epoch + 1} (step {step + 1} in all). {kept}. Try"
            f" a learning rate below {self.plan.learning_rate:g}, clip_norm = 1, or scaled data"
            " (scaling = 'standard')."
        )

    # -- epochs and the end -----------------------------------------------------------------

    def end_epoch(self) -> None:
        """Validate, note the row, keep the best weights."""
        self.look()
        state = self.state
        row = {f"train/{name}": mean for name, mean in state.means().items()}
        if self.validation is not None:
            held_out = self.validate(self.validation)
            row |= {f"validation/{name}": mean for name, mean in held_out.items()}
            if self.plan.patience is not None:
                self.keep_best(held_out["total"])
        state.next_epoch()
        self.seen = 0
        now = {"epoch": state.epoch, "seconds": self.seconds(), "learning_rate": self.rate()}
        row = {**now, **row}
        state.history.append(row)
        self.observer.epoch_ended(row)

    def validate(self, examples: Stream) -> dict[str, float]:
        """Mean loss parts over held-out samples, with the same draws in every epoch."""
        self.network.eval()
        sums = State()
        if self.equation.surveys:
            self.equation.survey(examples.in_order(self.plan.batch_size))
        with torch.no_grad():
            for batch in examples.held_out(self.plan.batch_size, self.plan.seed):
                parts = self.value(batch).parts
                sums.add({name: float(part) for name, part in parts.items()}, len(batch))
        return sums.means()

    def keep_best(self, loss: float) -> None:
        state = self.state
        if loss < state.best_loss:
            state.best_loss, state.best_epoch = loss, state.epoch + 1
            weights = self.network.state_dict()
            state.best_weights = {name: weight.clone() for name, weight in weights.items()}

    def save(self) -> None:
        self.look()
        self.state.seconds = self.seconds()
        if self.checkpoints is not None:
            self.checkpoints.save(self.network, self.optimizer, self.state)

    def stop(self) -> None:
        """Save and say how to go on."""
        self.save()
        raise TrainingStopped(
            f"Stopped after {self.state.epoch} epochs and {self.state.step} steps; the state is"
            " saved, and the same call goes on from there."
        )

    def finish(self) -> History:
        """Take back the best weights, save a last time, leave the network ready for use."""
        self.save()
        if self.state.best_weights:
            self.network.load_state_dict(self.state.best_weights)
        if not all_finite(self.network):
            self.refuse("A weight became infinite or NaN", self.steps_before() - 1)
        self.network.eval()
        return self.state.history


@contextmanager
def _own_randomness(name: Device) -> Iterator[None]:
    """Leave torch's global random state, which random modules draw from, as it was found."""
    device = choose_device(name)
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        yield


def _seed_modules(device: torch.device, seed: int) -> None:
    """Seed what dropout and its like draw from. `torch.manual_seed` is 50 times slower."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)


@contextmanager
def _interruptible(wanted: bool) -> Iterator[Callable[[], bool]]:
    """Turn the first Ctrl-C (or SIGTERM) into a flag, so that no step is left half done.

    A second one interrupts as usual. Only the main thread may set signal handlers.
    """
    flag = threading.Event()
    if not wanted or threading.current_thread() is not threading.main_thread():
        yield flag.is_set
        return

    def raise_flag(number: int, frame: FrameType | None) -> None:
        flag.set()
        for name, handler in before.items():
            signal.signal(name, handler)

    before = {name: signal.getsignal(name) for name in (signal.SIGINT, signal.SIGTERM)}
    for name in before:
        signal.signal(name, raise_flag)
    try:
        yield flag.is_set
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
