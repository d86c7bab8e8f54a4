"""Volumes at the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.conftest import call_app
from isthmus.recipes import parse_recipe
from isthmus.recipes.runner import start_run
from support.disc_files import disc_recipe, write_discs
from support.volumes import RECIPE, write_balls


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of volumes and one of images, with their data."""
    place = tmp_path_factory.mktemp("volumes")
    source = write_balls(place / "set", 6, series=1)
    start_run(parse_recipe(RECIPE, "balls", [f"data.source='{source}'"]), place / "run")
    discs = write_discs(place / "discs", 8)
    start_run(disc_recipe(discs, "training.epochs=0"), place / "images")
    return place


def call(*words: object) -> tuple[int, str]:
    found = call_app(*map(str, words))
    return found.exit_code, found.output


def test_volumes_are_segmented_and_scored(place: Path) -> None:
    code, said = call("segment", place / "run", place / "set" / "images", place / "maps")
    assert (code, "Wrote 6 label volumes" in said) == (0, True), said
    scores = place / "scores.csv"
    code, said = call(
        "score", place / "maps", place / "set" / "labels", "--labels", 2, "--out", scores
    )
    assert code == 0, said
    assert "distances in mm" in said
    assert scores.is_file()


def test_volumes_are_looked_at_as_images_are(place: Path) -> None:
    code, said = call(
        *("segment", place / "run", place / "set" / "images", place / "all", "--with"),
        *(place / "run", "--overlay", "--probabilities", "--uncertainty"),
    )
    assert (code, "The least certain first" in said) == (0, True), said
    written = {path.name.partition(".")[2] for path in (place / "all").iterdir()}
    extras = {"nii.gz", "overlay.png", "probability-1.nii", "uncertainty.nii"}
    assert written == {*extras, "csv"}


def test_volumes_are_made_and_measured(place: Path) -> None:
    made = place / "made"
    code, said = call(
        *("data", "make", "made-chest-ct-volumes", made, "--count", 2, "--size", 32),
    )
    assert (code, "look at it with: isthmus data check" in said) == (0, True), said
    part = ("--part", "ball", "--whole", "background")
    code, said = call("quantify", place / "run", made / "images", place / "share.csv", *part)
    assert (code, "Measured 2 volumes, 0 with 'organ not found'" in said) == (0, True), said


def test_a_set_is_checked(place: Path) -> None:
    values = ("--value", "background=0", "--value")
    code, said = call("data", "check", place / "set", *values, "ball=1")
    assert (code, "can be used" in said) == (0, True), said
    code, said = call("data", "check", place / "set", *values, "ball=2")
    assert code != 0
    assert said.count("which no class has") == 6


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["segment", "images", "set/images", "x"], "a model of images, which cannot take volumes"),
        (["segment", "run", "discs/images", "x"], "a model of volumes, which cannot take images"),
        (["segment", "run", "set/images", "x", "--masked", "ball"], "--masked is for images"),
        (["segment", "run", "set/images", "x", "--with", "images"], "cannot take volumes"),
        (["score", "maps", "set/labels", "--labels", "2", "--spacing", "1"], "--spacing is for"),
    ],
)
def test_what_does_not_fit_is_one_sentence(place: Path, words: list[str], said: str) -> None:
    whole = [place / word if "/" in word or (place / word).exists() else word for word in words]
    whole = [place / "x" if word == "x" else word for word in whole]
    code, output = call(*whole)
    assert (code, said in output) == (1, True), output
