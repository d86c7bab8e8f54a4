"""The loop: refusals, limits, and an oracle in plain PyTorch."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from isthmus.core.errors import (
    SettingError,
    TrainingError,
)
from isthmus.objectives import LossValue
from isthmus.training import (
    SCHEDULES,
    Checkpoints,
    Observer,
    Plan,
    State,
    choose_device,
    loop,
)
from isthmus.training.examples import derive_seed
from support.trainings import (
    BATCH,
    COUNT,
    CPU,
    EPOCHS,
    STEPS,
    Array,
    Crash,
    CrashAt,
    Setup,
    same_weights,
    without_time,
)

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
