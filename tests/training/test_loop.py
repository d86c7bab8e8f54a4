"""The loop: order of data, exact resume, refusals, and an oracle in plain PyTorch."""

from __future__ import annotations

import itertools
import json
import math
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn

from isthmus.core.errors import (
    ModelFileError,
    SettingError,
    TrainingError,
    TrainingStopped,
)
from isthmus.corruption import CORRUPTIONS
from isthmus.data.augmentation import AUGMENTATIONS
from isthmus.data.scaling import NoScaling
from isthmus.networks import Network, build_network
from isthmus.objectives import LOSSES, PENALTIES, LossValue
from isthmus.training import (
    OPTIMIZERS,
    SCHEDULES,
    Checkpoints,
    Equation,
    Examples,
    History,
    Observer,
    Plan,
    Rows,
    State,
    choose_device,
    loop,
    train,
)
from isthmus.training.examples import derive_seed

Array = NDArray[Any]
CPU = torch.device("cpu")
DENSE = {"kind": "dense", "hidden_sizes": [24, 16]}
CONVOLUTIONAL = {"kind": "convolutional", "channels": [4, 6]}
COUNT, BATCH, EPOCHS = 70, 16, 3
STEPS = math.ceil(COUNT / BATCH)  # in an epoch
SEED_OF_1_2 = 8705518154548660899


class Crash(Exception):
    """What ends a training at a chosen moment."""


class CrashAt(Observer):
    """Raises once a step is taken, or an epoch ends; steps count from 1 over all epochs."""

    def __init__(self, *, step: int | None = None, epoch: int | None = None) -> None:
        self.step, self.epoch = step, epoch

    def stepped(self, state: State) -> None:
        if state.epoch * STEPS + state.step == self.step:
            raise Crash

    def epoch_ended(self, row: dict[str, float]) -> None:
        if row["epoch"] == self.epoch:
            raise Crash


@dataclass
class Setup:
    """A small training that can be begun again from nothing."""

    images: Array
    network: Any = field(default_factory=lambda: DENSE)
    code_size: int = 5
    dropout: float = 0.0
    corrupted: bool = True
    penalties: tuple[dict[str, Any], ...] = ()
    augmentations: tuple[str, ...] = ()
    held_out: Array | None = None
    plan: Plan = field(
        default_factory=lambda: Plan(
            epochs=EPOCHS,
            batch_size=BATCH,
            learning_rate=1e-2,
            optimizer={"kind": "adam"},
            schedule={"kind": "one_cycle"},
            device="cpu",
            seed=7,
        )
    )

    def build(self) -> Network:
        network = build_network(self.network, self.images.shape[1:], self.code_size, seed=1)
        if self.dropout:
            network.encoder.insert(2, nn.Dropout(self.dropout))
        return network

    def equation(self, network: Network) -> Equation:
        return Equation(
            network,
            LOSSES.build("squared_error"),
            [PENALTIES.build(spec) for spec in self.penalties],
            CORRUPTIONS.build({"kind": "gaussian", "sigma": 0.2}) if self.corrupted else None,
        )

    def examples(self, images: Array | Rows, augmented: bool = False) -> Examples:
        kinds = self.augmentations if augmented else ()
        built = [AUGMENTATIONS.build(kind) for kind in kinds]
        return Examples(images, NoScaling(), CPU, augmentations=built)

    def run(self, network: Network | None = None, **options: Any) -> tuple[Network, History]:
        network = network or self.build()
        history = train(
            self.equation(network),
            self.examples(self.images, augmented=True),
            self.plan,
            validation=None if self.held_out is None else self.examples(self.held_out),
            **options,
        )
        return network, history

    def with_plan(self, **changes: Any) -> Setup:
        return replace(self, plan=replace(self.plan, **changes))


@pytest.fixture
def setup(digits: Array) -> Setup:
    return Setup(digits[:COUNT])


def same_weights(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.state_dict().items(), other.state_dict().items(), strict=True)
    return all(a == b and torch.equal(x, y) for (a, x), (b, y) in pairs)


def without_time(history: History) -> History:
    return [{name: row[name] for name in row if name != "seconds"} for row in history]


def damage(checkpoint: Path, how: str) -> None:
    path = checkpoint / "state.safetensors"
    content = bytearray(path.read_bytes())
    if how == "flipped":
        content[len(content) // 2] ^= 8
    elif how == "truncated":
        del content[len(content) // 2 :]
    elif how == "empty":
        content.clear()
    path.write_bytes(content)
    if how == "gone":
        path.unlink()


# -- order of the data ------------------------------------------------------------------------


def places(examples: Examples, *position: int, size: int = 4) -> list[list[int]]:
    return [x.flatten().int().tolist() for _, x, _ in examples.batches(size, *position)]


def test_order_is_a_function_of_seed_epoch_and_step() -> None:
    numbers = np.arange(22, dtype=np.float32)[:, None]
    examples = Examples(numbers, NoScaling(), CPU)
    whole = places(examples, 3, 5)
    assert whole == places(Examples(numbers, NoScaling(), CPU), 3, 5)
    for start in range(7):
        assert places(examples, 3, 5, start) == whole[start:]
    assert whole not in (places(examples, 3, 6), places(examples, 4, 5))
    assert [len(batch) for batch in whole] == [4, 4, 4, 4, 4, 2]  # none is dropped
    assert sorted(itertools.chain(*whole)) == list(range(22))


def test_draws_are_a_function_of_seed_epoch_and_step() -> None:
    examples = Examples(np.zeros((10, 1), np.float32), NoScaling(), CPU)

    def draws(*position: int) -> list[float]:
        batches = examples.batches(3, *position)
        return [torch.rand(1, generator=generator).item() for _, _, generator in batches]

    whole = draws(0, 0)
    assert len({*whole, *draws(0, 1), *draws(1, 0)}) == 12
    assert draws(0, 0, 2) == whole[2:]


def test_in_order_and_rows() -> None:
    numbers = np.arange(22, dtype=np.uint8)[:, None]
    rows = Rows(numbers, np.array([3, 9, 4, 21, 0]))
    assert (len(rows), rows.shape, rows.ndim, rows.dtype) == (5, (5, 1), 2, np.uint8)
    batches = list(Examples(rows, NoScaling(), CPU).in_order(2))
    assert [x.flatten().tolist() for x in batches] == [[3, 9], [4, 21], [0]]
    assert batches[0].dtype == torch.float32


def test_seeds_do_not_collide() -> None:
    seeds = {derive_seed(a, b, c) for a in range(5) for b in range(-1, 5) for c in range(5)}
    assert len(seeds) == 150
    assert derive_seed(1, 2) == SEED_OF_1_2  # on every machine, in every version
    assert all(0 <= seed < 2**63 for seed in seeds)


# -- an oracle --------------------------------------------------------------------------------


@pytest.mark.parametrize("schedule", ["constant", "one_cycle"])
def test_plain_pytorch_gives_the_same_bits(setup: Setup, schedule: str) -> None:
    setup = replace(setup, corrupted=False).with_plan(schedule={"kind": schedule}, clip_norm=5.0)
    network, history = setup.run()

    oracle = setup.build()
    optimizer = torch.optim.Adam(oracle.parameters(), lr=1e-2, fused=True)
    factor = SCHEDULES.build(schedule)
    x = torch.from_numpy(setup.images)
    for epoch in range(EPOCHS):
        generator = torch.Generator().manual_seed(derive_seed(7, epoch))
        order = torch.randperm(COUNT, generator=generator)
        total = 0.0
        for step in range(STEPS):
            batch = x[order[step * BATCH : (step + 1) * BATCH]]
            optimizer.param_groups[0]["lr"] = 1e-2 * factor(
                (epoch * STEPS + step) / (EPOCHS * STEPS)
            )
            optimizer.zero_grad()
            loss = ((oracle(batch) - batch) ** 2).sum(dim=(1, 2)).mean()
            loss.backward()
            nn.utils.clip_grad_norm_(oracle.parameters(), 5.0)
            optimizer.step()
            total += loss.item() * len(batch)
        assert history[epoch]["train/total"] == pytest.approx(total / COUNT, rel=1e-6)
        assert history[epoch]["learning_rate"] == 1e-2 * factor((epoch + 1) / EPOCHS)
    assert same_weights(network, oracle)


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


@pytest.mark.parametrize("moment", CRASHES)
@pytest.mark.parametrize("case", ["dense", "convolutional", "dropout"])
def test_resume_is_exact(
    digits: Array, setup: Setup, tmp_path: Path, case: str, moment: str
) -> None:
    setup = {
        "dense": replace(setup, augmentations=("affine",), held_out=digits[-33:]),
        "convolutional": replace(setup, network=CONVOLUTIONAL),
        "dropout": replace(setup, dropout=0.3, penalties=({"kind": "l1", "weight": 0.1},)),
    }[case]
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


# -- losses that are not finite ---------------------------------------------------------------


def test_a_rate_too_high(setup: Setup, tmp_path: Path) -> None:
    setup = setup.with_plan(
        optimizer={"kind": "sgd"}, learning_rate=100.0, schedule={"kind": "constant"}
    )
    with pytest.raises(TrainingError) as caught:
        setup.run(checkpoints=Checkpoints(tmp_path, seconds=0))
    message = str(caught.value)
    assert message.startswith("The loss became ")
    assert "of epoch 1 (step " in message
    last = Checkpoints(tmp_path).saved()[-1]
    assert f"The last good checkpoint is {last}." in message
    assert "Try a learning rate below 100, clip_norm = 1, or scaled data" in message
    assert all(
        bool(torch.isfinite(t).all()) for t in load_file(last / "state.safetensors").values()
    )


def test_a_sample_that_is_not_a_number(setup: Setup, tmp_path: Path) -> None:
    images = setup.images.copy()
    images[20, 0, 0] = np.nan
    generator = torch.Generator().manual_seed(derive_seed(7, 0))
    place = torch.randperm(COUNT, generator=generator).tolist().index(20)
    step = place // BATCH + 1
    network = setup.build()
    with pytest.raises(
        TrainingError, match=rf"became nan at step {step} of epoch 1 \(step {step} in"
    ):
        replace(setup, images=images).run(network, checkpoints=Checkpoints(tmp_path, seconds=0))
    # The weights of the step before are still there, and go on once the sample is mended.
    assert all(bool(torch.isfinite(weight).all()) for weight in network.parameters())
    assert len(Checkpoints(tmp_path).saved()) == min(step - 1, 2)
    mended, rows = setup.run(checkpoints=Checkpoints(tmp_path))
    whole, history = setup.run()
    assert same_weights(mended, whole)
    assert without_time(rows) == without_time(history)


def test_weights_lost_in_the_last_step(setup: Setup, tmp_path: Path) -> None:
    setup = setup.with_plan(
        epochs=1, batch_size=COUNT, optimizer={"kind": "sgd"}, learning_rate=3e38
    ).with_plan(schedule={"kind": "constant"})
    with pytest.raises(
        TrainingError, match=r"A weight became infinite or NaN at step 1 of epoch 1"
    ):
        setup.run(checkpoints=Checkpoints(tmp_path))
    assert Checkpoints(tmp_path).saved() == []


@pytest.mark.parametrize("bad", [None, 2])
def test_losses_are_looked_at_later_on_a_gpu(setup: Setup, bad: int | None) -> None:
    run = loop._Run(
        setup.equation(setup.build()),
        setup.examples(setup.images),
        setup.plan,
        None,
        Observer(),
        None,
    )
    run.device = SimpleNamespace(type="cuda")  # type: ignore[assignment]
    for step in range(4):
        loss = torch.tensor(math.nan if step == bad else float(step))
        run.record(LossValue({"reconstruction": loss}, "sample"), 10)
    assert len(run.unseen) == 4
    assert run.state.count == 0
    if bad is not None:
        with pytest.raises(TrainingError, match=r"nan at step 3 of epoch 1 \(step 3 in all\)"):
            run.look()
    else:
        run.look()
        assert run.unseen == []
        assert run.state.means() == {"reconstruction": 1.5, "total": 1.5}


# -- time, rates, norms -----------------------------------------------------------------------


def test_the_time_limit_ends_the_schedule(setup: Setup) -> None:
    epochs = 10**6
    setup = setup.with_plan(epochs=epochs, minutes=0.3 / 60)
    _, history = setup.run()
    assert 1 <= len(history) < epochs
    rates = [row["learning_rate"] for row in history]
    assert rates[-1] == 0
    assert max(rates) > 5e-3
    assert history[-1]["seconds"] >= 0.3


def test_resume_after_the_time_is_up(setup: Setup, tmp_path: Path) -> None:
    with pytest.raises(Crash):
        setup.run(observer=CrashAt(step=3), checkpoints=Checkpoints(tmp_path, seconds=0))
    late = setup.with_plan(minutes=1e-9)
    _, history = late.run(checkpoints=Checkpoints(tmp_path))
    assert [row["epoch"] for row in history] == [1]
    assert late.run(checkpoints=Checkpoints(tmp_path))[1] == history


def test_no_epochs_leave_the_network_as_it_is(setup: Setup) -> None:
    network, history = setup.with_plan(epochs=0).run()
    assert history == []
    assert same_weights(network, setup.build())
    assert not network.training


def test_clip_norm_limits_the_step(setup: Setup) -> None:
    def moved(clip_norm: float | None) -> float:
        plan = {"epochs": 1, "batch_size": COUNT, "optimizer": {"kind": "sgd"}}
        one = setup.with_plan(
            **plan, learning_rate=1.0, schedule={"kind": "constant"}, clip_norm=clip_norm
        )
        network, start = one.run()[0], one.build()
        pairs = zip(network.parameters(), start.parameters(), strict=True)
        return math.sqrt(sum(float((a - b).detach().square().sum()) for a, b in pairs))

    assert moved(0.01) == pytest.approx(0.01, rel=1e-3)
    assert moved(None) > 1


# -- validation -------------------------------------------------------------------------------


def test_validation_draws_the_same_noise_each_time(digits: Array, setup: Setup) -> None:
    setup = replace(setup, held_out=digits[-33:]).with_plan(
        optimizer={"kind": "sgd"}, learning_rate=1e-30
    )
    _, history = setup.run()
    assert len({row["validation/total"] for row in history}) == 1
    assert len({row["train/total"] for row in history}) == EPOCHS


def test_validation_takes_all_samples_in_eval_mode(digits: Array, setup: Setup) -> None:
    held_out = digits[-37:]
    setup = replace(setup, held_out=held_out, dropout=0.5, corrupted=False).with_plan(epochs=1)
    network, history = setup.run()
    x = torch.from_numpy(held_out)
    with torch.no_grad():
        error = (network.eval()(x) - x).square().sum((1, 2)).mean().item()
    assert history[0]["validation/total"] == pytest.approx(error, rel=1e-6)


def test_early_stopping_needs_validation(setup: Setup) -> None:
    with pytest.raises(SettingError, match="Early stopping needs validation samples"):
        setup.with_plan(patience=2).run()


# -- parts, precision, device, randomness -----------------------------------------------------


def test_parts_are_apart_and_add_up(digits: Array, setup: Setup) -> None:
    penalties = ({"kind": "l1", "weight": 0.2}, {"kind": "weight_decay", "weight": 0.01})
    setup = replace(setup, penalties=penalties, held_out=digits[-20:])
    _, history = setup.run()
    for row, part in itertools.product(history, ("train", "validation")):
        names = [name for name in row if name.startswith(part)]
        assert names == [f"{part}/{n}" for n in ("reconstruction", "l1", "weight_decay", "total")]
        assert all(row[name] > 0 for name in names)
        assert row[names[-1]] == pytest.approx(sum(row[name] for name in names[:-1]))


def test_two_penalties_of_one_kind_both_count(setup: Setup) -> None:
    x = torch.from_numpy(setup.images)
    network = setup.build()

    def l1(*weights: float) -> float:
        penalties = tuple({"kind": "l1", "weight": weight} for weight in weights)
        equation = replace(setup, penalties=penalties).equation(network)
        value: Tensor = equation(x, x, torch.Generator().manual_seed(0)).parts["l1"]
        return value.item()

    assert l1(0.2, 0.3) == pytest.approx(l1(0.5))


def test_dropout_does_not_repeat_the_draws_of_the_noise(setup: Setup) -> None:
    """Seeded alike, the module's uniform numbers would be the generator's."""
    seen: list[tuple[Tensor, Tensor]] = []

    class Watched(Observer):
        def stepped(self, state: State) -> None:
            seed = derive_seed(7, state.epoch, state.step - 1)
            generator = torch.Generator().manual_seed(seed)
            seen.append((torch.rand(8, generator=generator), after[-1]))

    after: list[Tensor] = []
    network = setup.build()
    network.encoder.register_forward_hook(lambda *_: after.append(torch.rand(8)))
    setup.run(network, observer=Watched())
    assert len(seen) == EPOCHS * STEPS
    assert not any(torch.equal(one, other) for one, other in seen)


def test_bfloat16_learns(setup: Setup) -> None:
    network, history = setup.with_plan(precision="bfloat16", epochs=20).run()
    losses = [row["train/total"] for row in history]
    assert losses[-1] < 0.7 * losses[0]
    assert {weight.dtype for weight in network.parameters()} == {torch.float32}
    _, exact = setup.with_plan(epochs=20).run()
    assert losses[-1] == pytest.approx(exact[-1]["train/total"], rel=0.05)
    assert losses[-1] != exact[-1]["train/total"]


def test_devices(setup: Setup) -> None:
    assert choose_device("cpu") == CPU
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    for name in (name for name, available in there.items() if not available):
        with pytest.raises(SettingError, match=f"no {name} device"):
            setup.with_plan(device=name).run()
    if not any(there.values()):
        assert choose_device("auto") == CPU


@pytest.mark.parametrize("end", [None, CrashAt(step=2)])
def test_the_global_random_state_is_left_alone(setup: Setup, end: Observer | None) -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    try:
        replace(setup, dropout=0.3).run(observer=end)
    except Crash:
        pass
    assert torch.equal(torch.get_rng_state(), before)


def test_the_global_random_state_does_not_matter(setup: Setup) -> None:
    setup = replace(setup, dropout=0.3)
    one = setup.run()[0]
    torch.rand(5)
    assert same_weights(one, setup.run()[0])


def test_observers_hear_the_end(setup: Setup) -> None:
    heard: list[str] = []

    class Ears(CrashAt):
        def started(self, plan: Plan, state: State, steps_per_epoch: int) -> None:
            heard.append(f"started {steps_per_epoch}")

        def finished(self) -> None:
            heard.append("finished")

    with pytest.raises(Crash):
        setup.run(observer=Ears(step=2))
    assert heard == [f"started {STEPS}", "finished"]
