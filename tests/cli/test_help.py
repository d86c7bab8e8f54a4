"""Help: quick, with an example for every verb."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

import isthmus
from isthmus.cli import app

GROUPS = [("recipes",), ("data",)]
SLOW = ("torch", "sklearn", "matplotlib", "polars", "scipy", "pandas", "tensorboardX")


def verbs(command: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every verb, by its words."""
    inner = getattr(command, "commands", None)
    if inner is None:
        return [path]
    return [verb for name, each in inner.items() for verb in verbs(each, (*path, name))]


VERBS = verbs(typer.main.get_command(app))


def help_of(*words: str) -> str:
    result = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    return re.sub(r"\x1b\[[0-9;]*m", "", result.stdout)


def test_the_verbs_are_these() -> None:
    assert {" ".join(verb) for verb in VERBS} == {
        "demo",
        "train",
        "evaluate",
        "compare",
        "segment",
        "score",
        "quantify",
        "encode",
        "decode",
        "reconstruct",
        "export",
        "sample",
        "interpolate",
        "traverse",
        "augment",
        "few-labels",
        "compress",
        "decompress",
        "rate-distortion",
        "denoise",
        "corrupt",
        "index",
        "search",
        "cluster",
        "outliers",
        "plausibility",
        "explore",
        "studio",
        "serve",
        "recipes ls",
        "recipes show",
        "recipes augmented",
        "recipes cp",
        "data ls",
        "data get",
        "data make",
        "data acdc",
        "data check",
    }


@pytest.mark.parametrize("words", [*VERBS, *GROUPS], ids=" ".join)
def test_every_verb_has_help_with_an_example(words: tuple[str, ...]) -> None:
    text = help_of(*words)
    assert "Example:" in text
    assert f"isthmus {' '.join(words)}" in text.partition("Example:")[2]


def test_every_option_is_explained() -> None:
    for words in VERBS:
        command: Any = typer.main.get_command(app)
        for word in words:
            command = command.commands[word]
        for parameter in command.params:
            assert parameter.name == "help" or parameter.help, (words, parameter.name)


def test_the_help_names_all_verbs() -> None:
    text = help_of()
    assert "isthmus demo" in text
    for words in VERBS:
        assert words[0] in text


def test_no_arguments_show_the_help() -> None:
    result = CliRunner().invoke(app, [])
    assert "demo" in result.stdout + result.stderr
    assert "Error" not in result.stderr


def test_the_version() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.stdout) == (0, f"isthmus {isthmus.__version__}\n")


@pytest.mark.parametrize(
    "words",
    [("--help",), ("train", "--help"), ("data", "check", "--help"), ("recipes", "ls")],
    ids=" ".join,
)
def test_what_is_light_waits_for_nothing_heavy(words: tuple[str, ...]) -> None:
    code = (
        "import sys\n"
        "from isthmus.cli import app\n"
        "try:\n"
        f"    app({[*words]!r})\n"
        "finally:\n"
        f"    loaded = [name for name in {SLOW} if name in sys.modules]\n"
        "    print('LOADED', loaded)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.endswith("LOADED []\n")
    assert not result.stderr
