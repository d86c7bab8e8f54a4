"""A comparison that goes on: only what is new, changed, missing or damaged is trained."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from isthmus.core.errors import TrainingError, TrainingStopped
from isthmus.recipes.benchmark import Benchmark
from isthmus.recipes.comparing import Table, run_comparison
from support.comparisons import parse


@pytest.fixture
def copied(compared: tuple[Path, Table], tmp_path: Path) -> Path:
    """The folder of a whole comparison, to be changed."""
    return Path(shutil.copytree(compared[0], tmp_path / "two"))


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Go on with a comparison; which trainings that took, as ``NAME-SEED``."""

    def run(folder: Path, *changes: str) -> list[str]:
        lines: list[str] = []
        run_comparison(parse(*changes), folder, lines.append)
        told = [line.split(": ")[1] for line in lines if ", seed " in line]
        return [name.replace(", seed ", "-") for name in told]

    return run


def test_nothing_is_trained_twice(
    compared: tuple[Path, Table], copied: Path, trained: Callable[..., list[str]]
) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in copied.glob("*.npz")}
    assert trained(copied) == []
    assert {path.name: path.stat().st_mtime_ns for path in copied.glob("*.npz")} == before
    assert (copied / "comparison.csv").read_text() == (compared[0] / "comparison.csv").read_text()
    again = run_comparison(parse(text=(copied / "comparison.toml").read_text()), copied)
    assert again.to_csv() == compared[1].to_csv()


@pytest.mark.parametrize("how", ["absent", "cut", "foreign"])
def test_what_is_missing_or_damaged_is_trained_alone(
    compared: tuple[Path, Table], copied: Path, trained: Callable[..., list[str]], how: str
) -> None:
    path = copied / "by-class-5.npz"
    content = path.read_bytes()
    path.unlink()
    if how != "absent":
        path.write_bytes(content[:500] if how == "cut" else b"something else")
    assert trained(copied) == ["by-class-5"]
    rows = [
        list(csv.DictReader((folder / "comparison.csv").read_text().splitlines()))
        for folder in (copied, compared[0])
    ]
    for again, first in zip(*rows, strict=True):
        assert {k: v for k, v in again.items() if "seconds" not in k} == {
            k: v for k, v in first.items() if "seconds" not in k
        }


def test_an_untrained_network_that_is_missing_takes_its_model(
    copied: Path, trained: Callable[..., list[str]]
) -> None:
    (copied / "untrained-3.npz").unlink()
    assert trained(copied) == ["plain-3"]


@pytest.mark.parametrize(
    ("change", "again"),
    [
        ("models.few-units.sparsity_weight=1", ["few-units-3", "few-units-5"]),
        ("models.by-class.classification_weight=1", ["by-class-3", "by-class-5"]),
        ("seeds=[5, 6]", ["plain-6", "few-units-6", "by-class-6"]),
        ("title=Another", []),
        ("models.new={kind='autoencoder', code_size=3}", ["new-3", "new-5"]),
        (
            "noise.kind=masking",
            [f"{name}-{seed}" for seed in (3, 5) for name in ("plain", "few-units", "by-class")],
        ),
    ],
)
def test_what_was_changed_is_trained_again(
    copied: Path, trained: Callable[..., list[str]], change: str, again: list[str]
) -> None:
    assert trained(copied, change) == again
    assert trained(copied, change) == []


def test_other_data_are_other_numbers(copied: Path, trained: Callable[..., list[str]]) -> None:
    pca = (copied / "pca=8.npz").read_bytes()
    assert len(trained(copied, "data.limit=300")) == 6
    assert (copied / "pca=8.npz").read_bytes() != pca


def test_ctrl_c_keeps_what_is_finished(
    compared: tuple[Path, Table], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, measure, calls = tmp_path / "two", Benchmark.measure, []

    def interrupted(self: Benchmark, model: Any, seed: int) -> dict[str, Any]:
        calls.append(model)
        if len(calls) == 5:  # PCA, plain and its untrained network, few-units, by-class
            raise KeyboardInterrupt
        return measure(self, model, seed)

    with monkeypatch.context() as patched:
        patched.setattr(Benchmark, "measure", interrupted)
        with pytest.raises(TrainingStopped, match=r"^Stopped after 2 of 6 trainings.*go on\.$"):
            run_comparison(parse(), folder)
    files = {path.name for path in folder.iterdir()}
    kept = {"pca=8.npz", "plain-3.npz", "untrained-3.npz", "few-units-3.npz"}
    assert files == kept | {"comparison.toml"}
    lines: list[str] = []
    table = run_comparison(parse(), folder, lines.append)
    assert lines[0] == "Of 6 trainings 2 are done"
    assert len(lines) == 5
    for name, row in table.rows.items():
        assert str(row.columns) == str(compared[1].rows[name].columns)


def test_a_training_that_fails_names_its_model(tmp_path: Path) -> None:
    folder = tmp_path / "two"
    wild = [
        "models.few-units.learning_rate=1e30",
        "models.few-units.network.output_activation=none",
    ]
    with pytest.raises(TrainingError, match=r"^models\.few-units: "):
        run_comparison(parse(*wild), folder)
    assert (folder / "plain-3.npz").exists()
    assert not (folder / "few-units-3.npz").exists()
