"""The equation: what penalties get to see, and the survey of all codes before a step."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from isthmus.objectives import LOSSES, Pass, Penalty
from isthmus.training import Equation, Examples, train
from support.trainings import BATCH, COUNT, EPOCHS, STEPS, Array, Setup

TOP_K = {"kind": "dense", "hidden_sizes": [8], "code_activation": {"kind": "top_k", "active": 2}}


class Watcher(Penalty):
    """Notes what it is shown."""

    kind = "watcher"

    def __init__(self, surveys: bool = True) -> None:
        super().__init__(weight=1.0)
        self.surveys = surveys
        self.surveyed: list[Tensor] = []
        self.passes: list[Pass] = []

    def survey(self, codes: Iterable[Tensor]) -> None:
        self.surveyed.append(torch.cat(list(codes)))

    def __call__(self, passed: Pass) -> Tensor:
        self.passes.append(passed)
        return passed.code.sum() * 0


def watched(setup: Setup, watcher: Watcher) -> tuple[Equation, Examples]:
    whole = setup.equation(setup.build())
    equation = Equation(whole.network, whole.loss, [watcher], whole.corruption)
    return equation, setup.examples(setup.images, augmented=True)


def test_penalties_see_the_pass_its_target_and_labels(
    setup: Setup, seeded: Callable[[int], torch.Generator]
) -> None:
    watcher = Watcher()
    equation, _ = watched(setup, watcher)
    x, labels = torch.from_numpy(setup.images), torch.arange(COUNT) % 4
    y = x.flip(0)
    value = equation(x, y, seeded(0), labels)
    (seen,) = watcher.passes
    assert equation.corruption is not None
    assert torch.equal(seen.inputs, equation.corruption(x, seeded(0)))
    assert torch.equal(seen.code, equation.network.encode(seen.inputs))
    assert torch.equal(seen.logits, equation.network.logits(seen.code))
    assert seen.target is y
    assert seen.labels is labels
    expected = LOSSES.build("squared_error")(equation.network(seen.inputs), y).mean()
    assert torch.equal(value.parts["reconstruction"], expected)


@pytest.mark.parametrize("training", [True, False])
def test_survey_leaves_no_trace(setup: Setup, training: bool) -> None:
    setup = replace(setup, network=TOP_K)
    watcher = Watcher()
    equation, examples = watched(setup, watcher)
    network = equation.network
    network(torch.from_numpy(setup.images))  # some units have been idle
    network.train(training)
    state = {name: value.clone() for name, value in network.state_dict().items()}
    before = torch.get_rng_state()
    equation.survey(examples.in_order(BATCH))
    assert torch.equal(torch.get_rng_state(), before)
    assert {module.training for module in network.modules()} == {training}
    assert all(torch.equal(state[name], value) for name, value in network.state_dict().items())
    assert not watcher.surveyed[0].requires_grad


def test_survey_shows_clean_codes_as_of_now(setup: Setup) -> None:
    """Before every step, neither corrupted nor augmented, without dropout."""
    setup = replace(setup, dropout=0.5, augmentations=("affine",)).with_plan(epochs=1)
    expected: list[Tensor] = []

    class Comparing(Watcher):
        def survey(self, codes: Iterable[Tensor]) -> None:
            super().survey(codes)
            with torch.no_grad():
                expected.append(equation.network.eval().encode(torch.from_numpy(setup.images)))

    watcher = Comparing()
    equation, examples = watched(setup, watcher)
    train(equation, examples, setup.plan)
    assert len(watcher.surveyed) == len(expected) == STEPS
    for shown, codes in zip(watcher.surveyed, expected, strict=True):
        torch.testing.assert_close(shown, codes)
    assert not torch.equal(expected[0], expected[1])


def test_validation_surveys_its_own_samples(setup: Setup, digits: Array) -> None:
    watcher = Watcher()
    equation, examples = watched(setup, watcher)
    train(equation, examples, setup.plan, validation=setup.examples(digits[-33:]))
    sizes = [len(codes) for codes in watcher.surveyed]
    assert sizes == ([COUNT] * STEPS + [33]) * EPOCHS


def test_no_survey_unless_a_penalty_asks(setup: Setup) -> None:
    watcher = Watcher(surveys=False)
    equation, examples = watched(setup, watcher)
    assert not equation.surveys
    train(equation, examples, setup.plan)
    assert watcher.surveyed == []
    assert len(watcher.passes) == STEPS * EPOCHS


def test_survey_does_not_change_what_dropout_draws(setup: Setup) -> None:
    setup = replace(setup, dropout=0.5)
    codes = []
    for surveys in (True, False):
        watcher = Watcher(surveys)
        equation, examples = watched(setup, watcher)
        train(equation, examples, setup.plan)
        codes.append([seen.code for seen in watcher.passes])
    assert all(torch.equal(*pair) for pair in zip(*codes, strict=True))
