"""How the stacked autoencoder is trained: layer by layer, as a whole, with a classifier."""

from __future__ import annotations

import copy
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from isthmus import Autoencoder
from isthmus.core.errors import DataError, SettingError
from isthmus.corruption import CORRUPTIONS
from isthmus.data.scaling import NoScaling
from isthmus.models import StackedAutoencoder
from isthmus.networks import Network, build_network
from isthmus.objectives import LOSSES
from isthmus.training import (
    Checkpoints,
    Equation,
    Examples,
    MetricsFile,
    Observer,
    Observers,
    Plan,
    State,
    train,
)
from support.models import Array, digit_labels
from support.trainings import CPU, Crash, same_weights, without_time

SIZES = [64, 20, 12, 6]
LAYERS = len(SIZES) - 1
SETTINGS: dict[str, Any] = {
    "network": {"kind": "dense", "hidden_sizes": SIZES[1:-1]},
    "code_size": SIZES[-1],
    "pretraining_epochs": 3,
    "epochs": 2,
    "classifier_epochs": 2,
    "batch_size": 50,
    "learning_rate": 1e-2,
    "random_state": 0,
}
PHASES = [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 5, 5]


def stacked(**settings: Any) -> StackedAutoencoder:
    return StackedAutoencoder(**{**SETTINGS, **settings})


def phase_losses(model: StackedAutoencoder, part: str = "train/total") -> list[list[float]]:
    """Losses of each phase."""
    rows = model.history_
    numbers = sorted({row["phase"] for row in rows})
    return [[row[part] for row in rows if row["phase"] == number] for number in numbers]


class Witness(Observer):
    """Keeps the weights of a model at the beginning of each phase, and all it was told."""

    def __init__(self, model: StackedAutoencoder) -> None:
        self.model = model
        self.weights: list[dict[str, torch.Tensor]] = []
        self.plans: list[Plan] = []
        self.begun: list[tuple[int, int]] = []
        self.rows: list[dict[str, float]] = []
        self.epochs: set[int] = set()

    def started(self, plan: Plan, state: State, steps_per_epoch: int) -> None:
        self.weights.append(copy.deepcopy(self.model.network_.state_dict()))
        self.plans.append(plan)
        self.begun.append((state.epoch, len(state.history)))

    def stepped(self, state: State) -> None:
        self.epochs.add(state.epoch)

    def epoch_ended(self, row: dict[str, float]) -> None:
        self.rows.append(row)


def watched(samples: Array, labels: Array | None = None, **settings: Any) -> Witness:
    model = stacked(**settings)
    witness = Witness(model)
    model.fit(samples, labels, observer=witness)
    witness.weights.append(model.network_.state_dict())
    return witness


# -- phases -----------------------------------------------------------------------------------


def test_each_phase_moves_its_own_weights(table: Array) -> None:
    witness = watched(table[:300], digit_labels()[:300])
    layers = [(0, 4), (2, 2), (4, 0)]  # places of a layer and its mirror image
    expected = [{f"encoder.{i}", f"decoder.{j}"} for i, j in layers]
    expected += [set().union(*expected), set()]
    for (before, after), names in zip(pairwise(witness.weights), expected, strict=True):
        moved = {name for name in before if not torch.equal(before[name], after[name])}
        assert moved == {f"{name}.{part}" for name in names for part in ("weight", "bias")}


def test_losses_fall_in_each_phase(table: Array) -> None:
    model = stacked(pretraining_epochs=6, epochs=4, classifier_epochs=6)
    model.fit(table[:1000], digit_labels()[:1000])
    for losses in phase_losses(model):
        assert losses[-1] < 0.7 * losses[0]
    # The layers that were trained one by one are a good start for the whole.
    fresh = stacked(pretraining_epochs=0, epochs=4).fit(table[:1000])
    assert phase_losses(model)[3][0] < 0.5 * phase_losses(fresh)[0][0]


def test_epochs_count_on(table: Array) -> None:
    witness = watched(table[:300], digit_labels()[:300])
    rows = witness.model.history_
    assert [row["phase"] for row in rows] == PHASES
    assert [row["epoch"] for row in rows] == list(range(1, 14))
    assert witness.rows == rows
    assert witness.epochs == set(range(13))
    assert [plan.epochs for plan in witness.plans] == [3, 6, 9, 11, 13]
    assert witness.begun == [(n, n) for n in (0, 3, 6, 9, 11)]
    seconds = [row["seconds"] for row in rows]
    assert seconds == sorted(seconds)


@pytest.mark.parametrize(
    ("settings", "labelled", "phases"),
    [
        ({"pretraining_epochs": 0}, True, [2, 2]),
        ({"epochs": 0}, True, [3, 3, 3, 2]),
        ({"classifier_epochs": 0}, True, [3, 3, 3, 2]),
        ({"classifier": None}, True, [3, 3, 3, 2]),
        ({}, False, [3, 3, 3, 2]),
        ({"pretraining_epochs": 0, "epochs": 0}, False, []),
        ({"network": "linear"}, False, [3, 2]),
    ],
)
def test_phases_can_be_left_out(
    table: Array, settings: dict[str, Any], labelled: bool, phases: list[int]
) -> None:
    model = stacked(**settings).fit(table[:100], digit_labels()[:100] if labelled else None)
    assert [len(losses) for losses in phase_losses(model)] == phases
    assert model.transform(table).shape == (1797, 6)


def test_a_model_that_is_not_trained_is_ready_for_use(table: Array) -> None:
    """Not left in training mode, in which this activation looks at the whole batch."""
    activation = {"kind": "batch_top_k", "active": 2}
    network = {**SETTINGS["network"], "code_activation": activation}
    model = stacked(network=network, pretraining_epochs=0, epochs=0).fit(table[:100])
    np.testing.assert_allclose(model.transform(table[:1]), model.transform(table)[:1], atol=1e-6)
    assert not any(module.training for module in model.network_.modules())
    assert not model.network_.code_activation.idle.any()


# -- against trainings by hand ----------------------------------------------------------------


def alone(initial: Network, layer: int, output: str, seed: int = 0) -> Network:
    """One layer of a deep network and its mirror image, as a network of one layer."""
    activation = initial.encoder[2 * layer + 1].kind  # type: ignore[index, union-attr]
    spec = {"kind": "one_layer", "code_activation": activation, "output_activation": output}
    single = build_network(spec, (SIZES[layer],), SIZES[layer + 1], seed)
    mirror = 2 * (LAYERS - 1 - layer)
    pairs = (
        (single.encoder, initial.encoder[2 * layer]),  # type: ignore[index]
        (single.decoder, initial.decoder[mirror]),  # type: ignore[index]
    )
    for ours, given in pairs:
        ours[0].load_state_dict(given.state_dict())  # type: ignore[index]
    return single


@pytest.mark.parametrize("activation", ["relu", "sigmoid"])
def test_layers_are_autoencoders_on_the_codes_before(table: Array, activation: str) -> None:
    """Bit for bit what one-layer networks become that are trained one after another by hand."""
    samples, noise = table[:300], {"kind": "masking", "fraction": 0.2}
    spec = {
        **SETTINGS["network"],
        "activation": activation,
        "output_activation": "sigmoid",
    }
    entropy = "binary_cross_entropy"
    model = stacked(network=spec, loss=entropy, corruption=noise, epochs=0).fit(samples)
    outputs = ["sigmoid", activation, activation]
    # The loss asked for, where the outputs of a layer are probabilities.
    losses = [entropy if output == "sigmoid" else "squared_error" for output in outputs]
    plan = Plan(
        epochs=3,
        batch_size=50,
        learning_rate=1e-2,
        optimizer={"kind": "adam"},
        schedule={"kind": "constant"},
        device="cpu",
        seed=0,
    )
    initial = build_network(spec, (64,), 6, seed=0)
    codes = samples
    for layer, (output, loss) in enumerate(zip(outputs, losses, strict=True)):
        single = alone(initial, layer, output)
        equation = Equation(single, LOSSES.build(loss), (), CORRUPTIONS.build(noise))
        rows = train(equation, Examples(codes, NoScaling(), CPU), plan)
        assert [row["train/total"] for row in rows] == phase_losses(model)[layer]
        assert same_weights(single, alone(model.network_, layer, output))
        with torch.no_grad():
            codes = single.encode(torch.from_numpy(codes)).numpy()
    np.testing.assert_array_equal(model.transform(samples), codes)


def test_tied_layers(table: Array) -> None:
    """The first is the very autoencoder of one tied layer: its weights are drawn first."""
    network = {**SETTINGS["network"], "tied": True}
    model = stacked(network=network, epochs=0).fit(table[:300])
    single = Autoencoder(
        network={"kind": "one_layer", "code_activation": "relu", "tied": True},
        code_size=SIZES[1],
        epochs=3,
        batch_size=50,
        learning_rate=1e-2,
        random_state=0,
    ).fit(table[:300])
    first = model.network_.stages()[0]
    np.testing.assert_array_equal(
        first.encode(torch.from_numpy(table)).detach().numpy(), single.transform(table)
    )
    np.testing.assert_array_equal(
        first(torch.from_numpy(table)).detach().numpy(), single.reconstruct(table)
    )


def test_penalties_hold_in_every_phase_but_the_classifiers(table: Array) -> None:
    contraction = {"kind": "contractive", "weight": 0.1}
    model = stacked(penalties=(contraction,)).fit(table[:300], digit_labels()[:300])
    with_penalty = ["train/contractive" in row for row in model.history_]
    assert with_penalty == [phase != 5 for phase in PHASES]


# -- time, early stopping ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "labelled", "shares"),
    [
        ({}, True, [3, 3, 3, 2, 2]),
        ({}, False, [3, 3, 3, 2]),
        ({"classifier": None}, True, [3, 3, 3, 2]),
        ({"epochs": 0}, True, [3, 3, 3, 2]),
    ],
)
def test_minutes_are_shared_by_epochs(
    table: Array, settings: dict[str, Any], labelled: bool, shares: list[int]
) -> None:
    labels = digit_labels()[:100] if labelled else None
    witness = watched(table[:100], labels, minutes=60.0, **settings)
    expected = [60 * share / sum(shares) for share in shares]
    assert [plan.minutes for plan in witness.plans] == pytest.approx(expected)


def test_a_limit_that_is_over_at_once_leaves_a_model(table: Array) -> None:
    model = stacked(minutes=1e-9).fit(table[:100], digit_labels()[:100])
    assert len(model.history_) <= 5
    assert set(model.predict(table)) <= set(range(10))


def test_patience_stops_each_phase_and_takes_its_best_weights(table: Array) -> None:
    model = stacked(
        patience=1, pretraining_epochs=30, epochs=30, classifier_epochs=30, learning_rate=0.02
    )
    held_out, truth = table[1400:], digit_labels()[1400:]
    model.fit(table[:300], digit_labels()[:300], validation=(held_out, truth))
    phases = phase_losses(model, "validation/total")
    assert len(phases) == 5
    for losses in phases:
        assert len(losses) == min(30, int(np.argmin(losses)) + 2)
    assert any(len(losses) < 30 for losses in phases[:4])
    assert -model.score(held_out) == pytest.approx(min(phases[3]), rel=1e-5)
    likelihoods = model.predict_proba(held_out)[np.arange(397), truth]
    assert -np.log(likelihoods).mean() == pytest.approx(min(phases[4]), rel=1e-5)


def test_labels_of_validation_samples(table: Array) -> None:
    labels = digit_labels()
    with pytest.raises(DataError, match=r"samples have none; give validation = \(X, y\)\.$"):
        stacked().fit(table[:100], labels[:100], validation=table[100:200])
    # Only the softmax layer looks at them.
    stacked(classifier=None).fit(table[:100], labels[:100], validation=table[100:200])
    stacked().fit(table[:100], validation=table[100:200])
    model = stacked().fit(table[:100], validation=(table[100:200], labels[100:200]))
    assert [len(losses) for losses in phase_losses(model, "validation/total")] == [3, 3, 3, 2]


def test_a_network_that_is_no_chain_of_layers(digits: Array) -> None:
    for network in ("convolutional", "unet"):
        with pytest.raises(SettingError) as caught:
            stacked(network=network).fit(digits[:50])
        assert str(caught.value) == (
            f"A {network} network cannot be trained layer by layer; use the network 'dense'."
        )


# -- resume -----------------------------------------------------------------------------------


class CrashIn(Observer):
    """Raises after a step of an epoch, counted from 0 over all phases."""

    def __init__(self, epoch: int, step: int) -> None:
        self.moment = epoch, step

    def stepped(self, state: State) -> None:
        if (state.epoch, state.step) == self.moment:
            raise Crash


MOMENTS = {
    "second layer": [(4, 2)],
    "between layers": [(2, 3), (3, 1)],
    "whole": [(9, 2)],
    "classifier": [(12, 1)],
    "all": [(0, 1), (4, 3), (8, 1), (10, 2), (11, 1)],
}


@pytest.mark.parametrize(("moment", "patience"), [*((m, None) for m in MOMENTS), ("all", 9)])
def test_resume_is_exact(table: Array, tmp_path: Path, moment: str, patience: int | None) -> None:
    """Also where the best weights are taken back at the end of each phase."""

    metrics = MetricsFile(tmp_path / "rows")

    def fit(*observers: Observer, **options: Any) -> StackedAutoencoder:
        model = stacked(patience=patience, corruption="masking", validation_fraction=0.0)
        everyone = Observers([metrics, *observers])
        return model.fit(table[:150], digit_labels()[:150], observer=everyone, **options)

    whole = fit()
    for place in MOMENTS[moment]:
        with pytest.raises(Crash):
            fit(CrashIn(*place), checkpoints=Checkpoints(tmp_path / "kept", seconds=0))
    resumed = fit(checkpoints=Checkpoints(tmp_path / "kept", seconds=0))
    assert same_weights(resumed.network_, whole.network_)
    assert same_weights(resumed.classifier_network_, whole.classifier_network_)
    assert [row["phase"] for row in whole.history_] == PHASES
    assert without_time(resumed.history_) == without_time(whole.history_)
    rows = [json.loads(line) for line in (tmp_path / "rows").read_text().splitlines()]
    assert rows == resumed.history_
    folders = sorted(path.name for path in (tmp_path / "kept").iterdir())
    assert folders == [f"phase-{number}" for number in range(1, 6)]


def test_a_progress_bar_for_all_phases(table: Array, capsys: pytest.CaptureFixture[str]) -> None:
    stacked(verbose=True).fit(table[:100], digit_labels()[:100])
    shown = capsys.readouterr().out
    assert "13 epochs" in shown
    assert "100 %" in shown
