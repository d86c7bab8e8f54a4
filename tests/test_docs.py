"""The pages of docs, as a reader would follow them: examples run, commands hold, links lead on."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from isthmus.recipes import find_recipe, parse_recipe

ROOT = Path(__file__).resolve().parents[1]
FAMILY = (ROOT / "docs" / "family.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", FAMILY, re.MULTILINE | re.DOTALL)


COMMANDS = [line for block in blocks("sh") for line in block.splitlines()]


@pytest.fixture(scope="module")
def names() -> dict[str, object]:
    """What the examples of the page have named, one after another."""
    names: dict[str, object] = {}
    for number, code in enumerate(blocks("python")):
        exec(compile(code, f"docs/family.md, example {number}", "exec"), names)
        for line, shape in re.findall(r"^(\w+) = .*# (\(.*\))$", code, re.MULTILINE):
            assert str(np.shape(names[line])) == shape
    return names


def test_every_model_of_the_family_has_an_example(names: dict[str, object]) -> None:
    from isthmus.models import MODELS

    shown = {type(value) for value in names.values()}
    family = [MODELS[kind] for kind in MODELS if MODELS[kind].task == "autoencoding"]
    assert set(family) <= shown


def test_the_examples_find_what_the_page_says(names: dict[str, object]) -> None:
    seen, unseen = names["X"][names["seen"]], names["X"][names["unseen"]]
    assert -names["plain"].score(unseen) < -names["linear"].score(unseen)
    assert names["sparse"].transform(seen).mean() == pytest.approx(0.05, abs=0.02)
    noisy = names["noisy"][names["unseen"]]
    assert np.square(names["restored"] - unseen).mean() < np.square(noisy - unseen).mean() / 2
    assert names["after"] < names["before"]
    assert names["along"].mean() > names["across"].mean()
    assert names["stacked"].score(unseen, names["y"][names["unseen"]]) > 0.8
    given = names["given"]
    assert np.abs(names["toy"].denoise(given) - np.tanh(given / 0.8**2)).max() < 0.1


def test_the_class_encoder_draws_classes_together(names: dict[str, object]) -> None:
    from isthmus.metrics import class_scatter

    where = names["unseen"]
    ratios = [
        np.divide(*class_scatter(names[model].transform(names["X"][where]), names["y"][where]))
        for model in ("grouped", "plain")
    ]
    assert ratios[0] < ratios[1] / 2


def test_the_mean_of_a_batch_makes_the_penalty_too_large() -> None:
    from isthmus.objectives.kl_sparsity import bernoulli_kl

    batch, rho = 50, 0.05
    bits = torch.rand(20_000, batch, generator=torch.Generator().manual_seed(0)) < rho
    excess = bernoulli_kl(rho, bits.double().mean(1).clamp(min=1e-3)).mean()
    assert 0 < excess < 2 / batch


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_of_a_recipe_and_its_settings(command: str) -> None:
    isthmus, verb, recipe, *options = shlex.split(command)
    assert (isthmus, verb) == ("isthmus", "train")
    flags, changes = options[::2], options[1::2]
    assert set(flags) <= {"--set"}
    name, text = find_recipe(recipe)
    parse_recipe(text, name, changes).build_model()


def test_the_links_lead_somewhere() -> None:
    headings = re.findall(r"^#+ (.*)$", FAMILY, re.MULTILINE)
    anchors = {
        re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings
    }
    for target in re.findall(r"\]\(([^)]+)\)", FAMILY):
        page, _, anchor = target.partition("#")
        assert not page or (ROOT / "docs" / page).exists()
        assert not anchor or anchor in anchors


def test_the_page_is_in_the_menu() -> None:
    assert "family.md" in (ROOT / "mkdocs.yml").read_text(encoding="utf-8")


def test_the_exercise_of_lungs_runs_as_it_stands() -> None:
    """Apart, since it registers a network."""
    text = (ROOT / "docs" / "exercise-lungs.md").read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0, result.stderr
    batch, difference, score = result.stdout.splitlines()
    assert batch == "torch.Size([6, 1, 96, 96]) tensor([-1,  0,  1])"
    assert float(difference.removeprefix("tensor(").rstrip(")")) < 1e-6
    assert float(score.split()[0]) > 0.9
