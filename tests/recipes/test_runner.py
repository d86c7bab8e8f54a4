"""From a recipe to a run folder, interrupted or not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import isthmus
from isthmus.core.errors import DataError, SettingError, StorageError, TrainingError
from isthmus.core.files import sha256
from isthmus.data import write_array, write_table
from isthmus.recipes import Recipe, parse_recipe
from isthmus.recipes.autoencoding import read_data
from isthmus.recipes.evaluation import Evaluation
from isthmus.recipes.runner import (
    Run,
    evaluate_on,
    read_recipe,
    reopen_run,
    start_run,
)
from isthmus.training import Observer, Plan, State

TABLE = """
title = "T"
description = "D."
[data]
labels = "class"
groups = "patient"
[model]
kind = "autoencoder"
code_size = 2
scaling = "standard"
network = { kind = "dense", hidden_sizes = [6] }
[training]
epochs = 2
"""


class PowerCut(Observer):
    """Stops the process, as far as a test can, after some steps."""

    def __init__(self, steps: int) -> None:
        self._left = steps

    def stepped(self, state: State) -> None:
        self._left -= 1
        if not self._left:
            raise KeyboardInterrupt


class Failing(Observer):
    """Raises when training begins, after the run's own files were written."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def started(self, plan: Plan, state: State, steps_per_epoch: int) -> None:
        raise self._error


def table_file(folder: Path, rows: int = 60) -> Path:
    """Two groups of columns that belong together, a class and a patient."""
    generator = np.random.default_rng(0)
    hidden = np.repeat(generator.normal(size=(rows // 6, 2)), 6, axis=0)
    values = hidden @ generator.normal(size=(2, 4)) + 0.1 * generator.normal(size=(rows, 4))
    columns = {f"c{index}": values[:, index] for index in range(4)}
    columns["class"] = np.where(hidden[:, 0] > 0, "high", "low")
    columns["patient"] = np.array([f"p{row // 6}" for row in range(rows)])
    write_table(folder / "table.csv", columns)
    return folder / "table.csv"


def table_recipe(source: Path, *changes: str) -> Recipe:
    return parse_recipe(TABLE, "table", [f"data.source='{source}'", *changes])


def test_a_run_makes_the_files_that_it_promises(digits_run: Run) -> None:
    found = {path.name for path in digits_run.folder.iterdir()}
    assert found == {
        "recipe.toml",
        "metrics.jsonl",
        "tensorboard",
        "checkpoint",
        "model",
        "evaluation.json",
        "evaluation.npz",
    }
    model = {path.name for path in (digits_run.folder / "model").iterdir()}
    assert model == {"model.json", "model.safetensors"}
    assert len(list((digits_run.folder / "tensorboard").iterdir())) == 1
    rows = (digits_run.folder / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(row)["epoch"] for row in rows] == list(range(1, 26))
    assert not list(digits_run.folder.rglob(".*"))


def test_the_resolved_recipe_is_complete(digits_run: Run) -> None:
    recipe = read_recipe(digits_run.folder)
    assert recipe == digits_run.recipe
    assert recipe.training["epochs"] == 25
    text = (digits_run.folder / "recipe.toml").read_text()
    for key in ("batch_size", "random_state", "validation", "output_activation", "scaling"):
        assert key in text


def test_the_model_beats_what_it_must(digits_run: Run) -> None:
    table = digits_run.evaluation.table()
    assert set(table) == {"model", "PCA", "untrained network", "mean sample"}
    for metric in ("squared_error", "mean_squared_error", "binary_cross_entropy"):
        for baseline in ("untrained network", "mean sample"):
            assert table["model"][metric].high < table[baseline][metric].low
    assert table["PCA"]["squared_error"].mean < table["mean sample"]["squared_error"].mean
    assert digits_run.evaluation.cases == len(digits_run.split.test) == 359
    assert 0 < digits_run.evaluation.facts["explained variance"] < 1


def test_the_saved_model_is_the_scored_one(digits_run: Run) -> None:
    model = isthmus.load(digits_run.folder)
    test = digits_run.test.samples
    np.testing.assert_array_equal(model.transform(test), digits_run.model.transform(test))
    assert model.scores_["squared_error"]["cases"] == 359
    assert -model.score(test) == pytest.approx(model.scores_["squared_error"]["mean"], rel=1e-5)


def test_a_saved_evaluation_comes_back(digits_run: Run) -> None:
    found = Evaluation.load(digits_run.folder)
    assert found.summary() == digits_run.evaluation.summary()
    for method, columns in digits_run.evaluation.values.items():
        for metric, values in columns.items():
            np.testing.assert_array_equal(found.values[method][metric], values)


def test_an_evaluation_again_gives_the_same(digits_run: Run) -> None:
    again = reopen_run(digits_run.folder)
    assert again.evaluation.summary() == digits_run.evaluation.summary()


def test_an_interrupted_run_ends_with_the_very_bits(
    tmp_path: Path, digits_recipe: Callable[..., Recipe]
) -> None:
    recipe = digits_recipe("training.epochs=4")
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    start_run(recipe, whole)
    with pytest.raises(SettingError, match="--resume"):
        start_run(recipe, whole)
    _interrupt(recipe, cut)
    run = start_run(read_recipe(cut), cut, resume=True)
    weights = "model/model.safetensors"
    assert sha256(cut / weights) == sha256(whole / weights)
    assert run.evaluation.summary() == Evaluation.load(whole).summary()
    rows = [json.loads(line) for line in (cut / "metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]


def _interrupt(recipe: Recipe, folder: Path) -> None:
    """Stop in the third epoch by Ctrl-C, as the terminal sends it."""
    import signal

    from isthmus.core.errors import TrainingStopped

    class CtrlC(Observer):
        steps = 0

        def stepped(self, state: State) -> None:
            self.steps += 1
            if self.steps == 47:
                signal.raise_signal(signal.SIGINT)

    with pytest.raises(TrainingStopped):
        start_run(recipe, folder, observers=[CtrlC()])
    assert not (folder / "model").exists()


def test_a_finished_run_resumes_to_itself(digits_run: Run) -> None:
    before = sha256(digits_run.folder / "model/model.safetensors")
    start_run(read_recipe(digits_run.folder), digits_run.folder, resume=True)
    assert sha256(digits_run.folder / "model/model.safetensors") == before


@pytest.mark.parametrize(
    "change",
    [
        "model.code_size=[8, 4, 4]",
        "model.loss=binary_cross_entropy",
        "model.network={kind='convolutional'}",
        "data.source=nowhere",
        "data.labels=klass",
        "data.size=32",
        "data.test=0.99",
        "model.augmentations=[{kind='affine'}]",
    ],
)
def test_what_is_refused_leaves_no_folder(tmp_path: Path, change: str) -> None:
    source = table_file(tmp_path)
    with pytest.raises((SettingError, DataError)):
        start_run(table_recipe(source, change), tmp_path / "runs" / "refused")
    assert list(tmp_path.iterdir()) == [source]


@pytest.mark.parametrize(
    ("raised", "seen"),
    [
        (OSError(28, "No space left on device"), StorageError),
        (TrainingError("The loss became nan."), TrainingError),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
)
def test_what_fails_before_a_checkpoint_leaves_no_folder(
    tmp_path: Path, raised: BaseException, seen: type[BaseException]
) -> None:
    source = table_file(tmp_path)
    with pytest.raises(seen):
        start_run(table_recipe(source), tmp_path / "a" / "b" / "run", observers=[Failing(raised)])
    assert list(tmp_path.iterdir()) == [source]


def test_an_empty_folder_that_was_given_stays(tmp_path: Path) -> None:
    source, folder = table_file(tmp_path), tmp_path / "mine"
    folder.mkdir()
    with pytest.raises(StorageError):
        start_run(table_recipe(source), folder, observers=[Failing(OSError(28, "full"))])
    assert list(folder.iterdir()) == []


def test_a_power_cut_after_a_checkpoint_keeps_the_run(tmp_path: Path) -> None:
    source, folder = table_file(tmp_path), tmp_path / "run"
    start_run(table_recipe(source), folder)
    with pytest.raises(KeyboardInterrupt):
        start_run(
            table_recipe(source, "training.epochs=4"),
            folder,
            resume=True,
            observers=[PowerCut(1)],
        )
    run = start_run(read_recipe(folder), folder, resume=True)
    assert [row["epoch"] for row in run.model.history_] == [1, 2, 3, 4]


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_place_that_holds_something_else_is_refused(tmp_path: Path, kind: str) -> None:
    source, folder = table_file(tmp_path), tmp_path / "thesis"
    if kind == "file":
        folder.write_text("chapter 1")
    else:
        folder.mkdir()
        (folder / "chapter.tex").write_text("chapter 1")
    with pytest.raises(SettingError, match="is not a run"):
        start_run(table_recipe(source), folder, resume=True)
    assert len(list(tmp_path.rglob("*"))) == (2 if kind == "file" else 3)


def test_groups_are_not_separated_and_widen_the_intervals(tmp_path: Path) -> None:
    source = table_file(tmp_path, rows=240)
    grouped = start_run(
        table_recipe(source, "data.test=0.5"),
        tmp_path / "grouped",
    )
    parts = [set(grouped.dataset.groups[part]) for part in vars(grouped.split).values()]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 40
    values = grouped.evaluation.values["model"]["squared_error"]
    with_groups = grouped.evaluation.table()["model"]["squared_error"]
    alone = Evaluation({"model": {"squared_error": values}}, None, "", {}).table()["model"]
    width = alone["squared_error"].high - alone["squared_error"].low
    assert with_groups.high - with_groups.low > 1.3 * width
    assert Evaluation.load(grouped.folder).groups is not None


def test_without_a_test_part_the_scores_say_so(tmp_path: Path) -> None:
    run = start_run(table_recipe(table_file(tmp_path, 60), "data.test=0"), tmp_path / "run")
    assert run.evaluation.part == "training"
    assert run.evaluation.cases == len(run.split.train)
    assert Evaluation.load(run.folder).part == "training"


def test_a_patience_takes_the_runs_own_validation(tmp_path: Path) -> None:
    recipe = table_recipe(table_file(tmp_path), "training.patience=1")
    run = start_run(recipe, tmp_path / "run")
    assert "validation/total" in run.model.history_[0]
    assert run.model.data_["samples"] == len(run.split.train)


def test_a_run_can_be_moved_to_another_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table_file(tmp_path)
    monkeypatch.chdir(tmp_path)
    start_run(table_recipe(Path("table.csv")), tmp_path / "run")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert reopen_run(tmp_path / "run").recipe.data.source == str(tmp_path / "table.csv")


def test_a_limit_takes_training_samples_only(digits_recipe: Callable[..., Recipe]) -> None:
    whole = read_data(digits_recipe().data)[1]
    part = read_data(digits_recipe("data.limit=100").data)[1]
    assert len(part.train) == 100
    assert set(part.train) < set(whole.train)
    np.testing.assert_array_equal(part.test, whole.test)


def test_scores_on_other_data(tmp_path: Path, digits_run: Run) -> None:
    write_array(tmp_path / "some.npy", digits_run.test.samples[:50])
    before = sorted(path.stat().st_mtime_ns for path in digits_run.folder.rglob("*"))
    evaluation = evaluate_on(digits_run.folder, str(tmp_path / "some.npy"))
    assert (evaluation.cases, evaluation.part) == (50, "other")
    expected = digits_run.evaluation.values["model"]["squared_error"][:50]
    np.testing.assert_allclose(evaluation.values["model"]["squared_error"], expected, rtol=1e-5)
    assert sorted(path.stat().st_mtime_ns for path in digits_run.folder.rglob("*")) == before


def test_other_units_are_no_pair(tmp_path: Path) -> None:
    source = table_file(tmp_path)
    runs = [
        start_run(table_recipe(source, f"model.scaling={scaling}"), tmp_path / scaling)
        for scaling in ("standard", "none")
    ]
    assert runs[0].evaluation.data != runs[1].evaluation.data
    again = start_run(table_recipe(source, "model.code_size=1"), tmp_path / "small")
    assert again.evaluation.data == runs[0].evaluation.data


@pytest.mark.parametrize("damage", ["evaluation.json", "evaluation.npz"])
def test_a_damaged_evaluation_is_named(tmp_path: Path, digits_run: Run, damage: str) -> None:
    digits_run.evaluation.save(tmp_path)
    content = (tmp_path / damage).read_bytes()
    for size in (0, 1, 10, len(content) // 2, len(content) - 1):
        (tmp_path / damage).write_bytes(content[:size])
        with pytest.raises(isthmus.core.errors.ModelFileError, match="isthmus evaluate"):
            Evaluation.load(tmp_path)


def test_a_linear_run_measures_its_angle_to_pca(tmp_path: Path) -> None:
    recipe = table_recipe(table_file(tmp_path, 240), "training.epochs=200")
    linear = recipe.model_dump() | {"model": {"kind": "linear_autoencoder", "code_size": 2}}
    linear["training"] = {"epochs": 300, "learning_rate": 0.01, "batch_size": 32}
    run = start_run(Recipe.model_validate(linear), tmp_path / "run")
    assert run.evaluation.facts["greatest principal angle to PCA, degrees"] < 5
