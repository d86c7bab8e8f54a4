"""Bad input: one sentence on stderr, an exit code, nothing half-written, never a traceback.

All of that is checked by the fixture `refuse`; the tests look at the words.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from isthmus.cli import app
from isthmus.core.errors import StorageError
from isthmus.data import write_images

Refuse = Callable[..., str]
TABLE = ("train", "table", "--data", "t.csv", "--set", "data.labels=kind")
PHOTOS = ("train", "images", "--data", "photos")


def test_a_missing_path(refuse: Refuse) -> None:
    for words in (("train", "images", "--data"), ("data", "check")):
        refuse(*words, "no/such/folder")
    assert "no/such/folder" in refuse("train", "table", "--data", "no/such/folder")


def test_data_that_a_recipe_leaves_to_the_user(refuse: Refuse) -> None:
    assert "--data PATH" in refuse("train", "table")


def test_an_empty_folder(refuse: Refuse, here: Path) -> None:
    (here / "photos").mkdir()
    assert "photos holds no images" in refuse(*PHOTOS)


def test_a_corrupt_image_among_good_ones(refuse: Refuse, photos: Path) -> None:
    bad = photos / "07.png"
    bad.write_bytes(bad.read_bytes()[:50])
    assert "photos/07.png" in refuse(*PHOTOS)
    assert "1 problem" in refuse("data", "check", "photos")


def test_mixed_sizes(refuse: Refuse, photos: Path) -> None:
    write_images(photos, np.zeros((1, 5, 9), np.uint8), ["other"])
    sentence = refuse(*PHOTOS)
    assert "data.size=64" in sentence
    assert "9 x 5" in sentence


def test_nan_in_a_table(refuse: Refuse, table: Path) -> None:
    frame = pl.read_csv(table)
    frame[3, "width"] = float("nan")
    frame.write_csv(table)
    sentence = refuse(*TABLE)
    assert "'width'" in sentence
    assert "line 5" in sentence


def test_text_among_numbers(refuse: Refuse, table: Path) -> None:
    sentence = refuse("train", "table", "--data", "t.csv")
    assert "'kind'" in sentence
    assert "'ash'" in sentence


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("training.epoch=3", ["training.epoch", "'epochs'"]),
        ("model.network.hiden_sizes=[3]", ["hiden_sizes", "'hidden_sizes'"]),
        ("modle.code_size=3", ["modle", "'model'"]),
        ("model.epochs=3", ["model.epochs", "under [training]"]),
        ("training.epochs=many", ["epochs", "'many'"]),
        ("model.code_size=0", ["code_size", "0"]),
        ("model.network=convolutional", ["images", "dense"]),
        ("model.loss=binary_cross_entropy", ["from 0 to 1", "'unit'"]),
        ("epochs", ["a.b=c"]),
        ("training.device=tpu", ["device", "'tpu'"]),
        ("data.labels=kid", ["'kid'", "'kind'"]),
        ("data.size=3", ["data.size"]),
        ("data.test=1", ["test"]),
    ],
)
def test_a_setting_that_cannot_be_used(
    refuse: Refuse, table: Path, setting: str, words: list[str]
) -> None:
    sentence = refuse(*TABLE, "--set", setting)
    for word in words:
        assert word in sentence


def test_a_recipe_that_does_not_exist(refuse: Refuse) -> None:
    assert "did you mean 'mnist-2d'" in refuse("train", "mnist2d")
    assert "did you mean 'mnist-2d'" in refuse("recipes", "show", "mnist2d")
    refuse("recipes", "cp", "mnist2d", "my.toml")


def test_a_recipe_file_that_is_damaged(refuse: Refuse, here: Path) -> None:
    (here / "my.toml").write_text("title = \n[data\n")
    assert "my is not valid TOML" in refuse("train", "my.toml")
    (here / "my.toml").write_bytes(bytes(range(256)))
    assert "my.toml is not text" in refuse("train", "my.toml")


def test_negative_minutes(refuse: Refuse, table: Path) -> None:
    assert "minutes" in refuse(*TABLE, "--minutes", "-1")


def test_a_folder_that_holds_something_else(refuse: Refuse, table: Path, here: Path) -> None:
    (here / "thesis").mkdir()
    (here / "thesis" / "chapter.tex").touch()
    for more in ((), ("--resume",)):
        assert "thesis exists and is not a run" in refuse(*TABLE, "--out", "thesis", *more)
    assert "t.csv exists and is not a run" in refuse(*TABLE, "--out", "t.csv")


def test_a_folder_that_holds_a_run(refuse: Refuse, digits: Path) -> None:
    assert "--resume" in refuse("train", "digits-2d", "--out", digits)


def test_what_is_not_a_run(refuse: Refuse, here: Path, digits: Path) -> None:
    assert "nowhere" in refuse("evaluate", "nowhere")
    assert "not a run" in refuse("evaluate", here)
    assert "There is no folder nowhere" in refuse("compare", digits, "nowhere")
    assert "holds no evaluation" in refuse("compare", digits, here)
    assert "two or more" in refuse("compare", digits)


def test_what_is_not_a_model(refuse: Refuse, here: Path, table: Path) -> None:
    for words in (
        ("encode", "nowhere", table, "codes.csv"),
        ("decode", "nowhere", table, "out.csv"),
        ("reconstruct", here, table, "out.csv"),
    ):
        assert "holds no model" in refuse(*words)


def test_binary_cross_entropy_without_sigmoid(refuse: Refuse) -> None:
    changes = ["model.network.output_activation=none", "model.loss=binary_cross_entropy"]
    sentence = refuse("train", "digits-2d", "--set", changes[0], "--set", changes[1])
    assert "sigmoid" in sentence


def test_codes_of_another_model(refuse: Refuse, trees: Path, here: Path, photos: Path) -> None:
    np.save(here / "codes.npy", np.zeros((3, 7), np.float32))
    assert "7 units" in refuse("decode", trees, "codes.npy", "out.csv")
    assert "no codes but images" in refuse("decode", trees, photos, "out.csv")


def test_data_of_another_kind(refuse: Refuse, trees: Path, digits: Path, table: Path) -> None:
    assert "shape 8 x 8" in refuse("encode", trees, "digits", "codes.csv")
    refuse("encode", digits, table, "codes.csv")
    pl.read_csv(table).drop("mass").write_csv(table)
    assert "no column 'mass'" in refuse("encode", trees, table, "codes.csv")
    assert "no column 'mass'" in refuse("evaluate", trees, "--data", table)


def test_an_output_of_no_known_kind(refuse: Refuse, trees: Path, digits: Path, table: Path) -> None:
    assert ".npy, .csv or .parquet" in refuse("encode", trees, table, "codes.xlsx")
    assert ".npy, .csv or .parquet" in refuse("reconstruct", trees, table, "folder")
    assert "to a folder" in refuse("reconstruct", digits, "digits", "digits.csv")


def test_an_output_that_is_the_input(refuse: Refuse, trees: Path, table: Path) -> None:
    assert "t.csv is what is read" in refuse("encode", trees, table, "t.csv")


def test_unknown_data_sets(refuse: Refuse) -> None:
    assert "did you mean 'mnist'" in refuse("data", "get", "minst")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("compare",), "runs"),
        (("train",), "recipe"),
        (("train", "digits-2d", "--epochs", "3"), "--epochs"),
        (("train", "digits-2d", "--minutes", "ten"), "--minutes"),
        (("trian",), "trian"),
        (("recipes", "list"), "list"),
        (("--verbose",), "--verbose"),
    ],
)
def test_words_that_are_no_command(refuse: Refuse, words: tuple[str, ...], message: str) -> None:
    sentence = refuse(*words, code=2)
    assert message in sentence
    assert "--help" in sentence


@pytest.mark.parametrize(
    ("number", "reason"),
    [(errno.ENOSPC, "the disk is full"), (errno.EACCES, "permission is denied")],
)
def test_a_disk_that_refuses_the_first_checkpoint(
    refuse: Refuse, table: Path, monkeypatch: pytest.MonkeyPatch, number: int, reason: str
) -> None:
    def full(*given: Any, **more: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("isthmus.training.checkpoint.write_tensors", full)
    assert reason in refuse(*TABLE, "--set", "training.epochs=1", "--out", "runs/mine")


FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    ("place", "error"),
    [
        ("isthmus.models._files.write_tensors", FULL),
        ("isthmus.reports.report.write_text", StorageError("The disk is full.")),
    ],
)
def test_a_disk_that_fills_up_later(
    table: Path, here: Path, monkeypatch: pytest.MonkeyPatch, place: str, error: Exception
) -> None:
    def full(*given: Any, **more: Any) -> None:
        raise error

    words = [*TABLE, "--set", "training.epochs=1"]
    with monkeypatch.context() as patched:
        patched.setattr(place, full)
        result = CliRunner().invoke(app, words)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    assert "isthmus train runs/table --resume" in result.stderr
    assert not (here / "runs/table/report.html").exists()
    assert not list((here / "runs").rglob(".*"))
    again = CliRunner().invoke(app, ["train", "runs/table", "--resume"])
    assert again.exit_code == 0, again.stderr
    assert (here / "runs/table/report.html").exists()


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB"),
    ],
)
def test_a_full_memory(
    refuse: Refuse, table: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def full(*given: Any, **more: Any) -> None:
        raise error

    monkeypatch.setattr("isthmus.models._estimator.train", full)
    assert "memory is full" in refuse(*TABLE)


def test_an_interrupt_while_reading(
    here: Path, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*given: Any, **more: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("isthmus.recipes.autoencoding.read", interrupted)
    result = CliRunner().invoke(app, list(TABLE))
    assert (result.exit_code, result.stdout) == (130, "")
    assert result.stderr == "Interrupted; no file was left half-written.\n"
    assert list(here.iterdir()) == [table]


def test_an_interrupt_after_the_training(
    here: Path, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*given: Any, **more: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("isthmus.recipes.autoencoding.evaluate", interrupted)
        result = CliRunner().invoke(app, [*TABLE, "--set", "training.epochs=1"])
    assert result.exit_code == 130
    assert "go on with: isthmus train runs/table --resume" in result.stderr
    again = CliRunner().invoke(app, ["train", "runs/table", "--resume"])
    assert again.exit_code == 0, again.stderr


def test_a_programming_error_keeps_its_traceback(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(*given: Any) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("isthmus.recipes.library.recipe_names", wrong)
    result = CliRunner().invoke(app, ["recipes", "ls"])
    assert isinstance(result.exception, RuntimeError)
