"""What every estimator tells those that use it."""

from __future__ import annotations

import pytest

from isthmus.models import MODELS, VariationalAutoencoder
from isthmus.recipes.runner import TASKS


@pytest.mark.parametrize("kind", [*MODELS])
def test_an_estimator_has_a_task_that_can_do_what_it_says(kind: str) -> None:
    model = MODELS.build(kind)
    task = TASKS[model.task]
    for name in ("read_data", "fit", "describe", "evaluate_parts", "evaluate_on", "notes"):
        assert callable(getattr(task, name))
    assert hasattr(task, "plan") or not model.plannable


@pytest.mark.parametrize("kind", [kind for kind in MODELS if MODELS[kind].task == "autoencoding"])
def test_an_autoencoder_says_whether_its_decoder_is_told_classes(kind: str) -> None:
    assert MODELS.build(kind).conditional is False


def test_one_that_is_told_classes() -> None:
    model = VariationalAutoencoder(conditional=True)
    assert model.conditional
    assert model.get_params()["conditional"] is True
