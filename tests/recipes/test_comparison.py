"""Comparisons: what they say, what is trained again, and whether the numbers are right."""

from __future__ import annotations

import csv
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.manifold import trustworthiness
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from isthmus import SparseAutoencoder
from isthmus.core.errors import DataError, SettingError, TrainingError, TrainingStopped
from isthmus.corruption import CORRUPTIONS
from isthmus.data import CATALOGUE, DataSet, read, split, write_table
from isthmus.metrics import bootstrap_mean, bootstrap_mean_of_seeds, matched_accuracy
from isthmus.recipes import comparison_names, find_comparison, find_recipe
from isthmus.recipes.benchmark import Benchmark
from isthmus.recipes.comparing import Table, run_comparison
from isthmus.recipes.comparison import Comparison, parse_comparison
from isthmus.recipes.reductions import UMAP, PrincipalComponents
from isthmus.recipes.restoration import corrupt
from isthmus.training import Rows

TEXT = """
title = "Two models"
description = "To test with."
seeds = [3, 5]

[data]
source = "digits"
test = 0.1
limit = 400

[shared]
code_size = 8
scaling = { kind = "unit", low = 0, high = 16 }
network = { kind = "one_layer", output_activation = "sigmoid" }
epochs = 1
batch_size = 64
learning_rate = 0.01
classification_weight = 2.0

[models.plain]
kind = "autoencoder"

[models.few-units]
kind = "sparse_autoencoder"
method = "l1"
network = { tied = true }

[models.by-class]
kind = "class_encoder"
"""
NEIGHBOURHOODS = ["trustworthiness", "continuity"]
COLUMNS = [
    *("squared_error", "probe_accuracy", "kmeans_accuracy", "active_units", "robustness"),
    *NEIGHBOURHOODS,
]


def parse(*changes: str, text: str = TEXT) -> Comparison:
    return parse_comparison(text, "two", changes)


# -- what a comparison says -------------------------------------------------------------------


@pytest.mark.parametrize("name", comparison_names())
def test_every_comparison_is_whole_and_says_so_again(name: str) -> None:
    comparison = parse_comparison(find_comparison(name)[1], name)
    again = parse_comparison(comparison.to_toml(), name)
    assert again == comparison
    assert again.to_toml() == comparison.to_toml()
    assert comparison.description.strip().endswith(".")
    assert len(comparison.seeds) >= 3
    assert comparison.data.source in CATALOGUE


@pytest.mark.parametrize("name", comparison_names())
def test_every_comparison_builds_its_models(name: str) -> None:
    comparison = parse_comparison(find_comparison(name)[1], name)
    shape = CATALOGUE[str(comparison.data.source)].sample_shape
    samples = np.random.default_rng(0).integers(0, 256, (20, *shape), np.uint8)
    for title in comparison.models:
        model = comparison.build_model(title, 0)
        passes = [key for key in model.get_params() if key.endswith("epochs")]
        model.set_params(**dict.fromkeys(passes, 0)).fit(samples, np.arange(20) % 10)
        assert model.transform(samples).shape == (20, comparison.settings(title)["code_size"])


def test_what_is_shared_reaches_the_models_that_have_it() -> None:
    comparison = parse()
    plain, few, by_class = (comparison.settings(name) for name in comparison.models)
    assert plain["code_size"] == few["code_size"] == by_class["code_size"] == 8
    assert by_class["classification_weight"] == 2
    assert "classification_weight" not in plain
    assert "random_state" not in plain
    assert comparison.build_model("plain", 7).random_state == 7


def test_a_table_without_kind_changes_single_settings() -> None:
    networks = {name: parse().settings(name)["network"] for name in parse().models}
    assert networks["few-units"] == {**networks["plain"], "tied": True}
    assert networks["plain"]["output_activation"] == "sigmoid"
    other = parse("models.few-units.network={kind='dense'}").settings("few-units")["network"]
    assert (other["kind"], other["output_activation"]) == ("dense", "none")
    by_name = parse("shared.network=one_layer").settings("few-units")["network"]
    assert (by_name["kind"], by_name["tied"]) == ("one_layer", True)


def test_defaults_that_are_not_those_of_the_kind() -> None:
    text = TEXT.replace("scaling = ", "# ").replace('kind = "class_encoder"', "")
    change = "models.by-class={kind='stacked_autoencoder', network='dense'}"
    comparison = parse(change, "shared={epochs=1}", text=text)
    assert comparison.settings("by-class")["classifier"] is None
    assert "classifier =" not in comparison.to_toml()
    linear = parse("models.by-class={kind='linear_autoencoder'}", "shared={epochs=1}", text=text)
    assert linear.settings("by-class")["scaling"] == {"kind": "auto"}
    softmax = parse(change, "models.by-class.classifier=softmax", "shared={epochs=1}", text=text)
    assert parse(text=softmax.to_toml()).settings("by-class")["classifier"] == "softmax"


def test_the_resolved_comparison_can_be_changed() -> None:
    text = parse("models.few-units.epochs=4").to_toml()
    changed = parse("shared.epochs=3", "models.plain.network.tied=true", text=text)
    assert [changed.settings(name)["epochs"] for name in changed.models] == [3, 4, 3]
    assert changed.settings("plain")["network"]["tied"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("titel=x", ["'titel'", "'title'"]),
        ("modls.plain.kind=x", ["'modls'", "'models'"]),
        ("data.labls=x", ["'data.labls'", "'labels'"]),
        ("shared.epoch=3", ["'shared.epoch'", "'epochs'"]),
        ("shared.random_state=3", ["'shared.random_state'"]),
        ("shared.contraction_weight=3", ["'shared.contraction_weight'"]),
        ("models.plain.codesize=3", ["'models.plain.codesize'", "'code_size'"]),
        ("models.plain.method=l1", ["'models.plain.method'"]),
        ("models.plain.network.tide=true", ["models.plain", "tide", "'tied'"]),
        ("models.plain.kind=autoencodr", ["models.plain", "'autoencodr'", "'autoencoder'"]),
        ("models.new.epochs=3", ["'models.new.kind' is missing", "autoencoder"]),
        ("models.plain.epochs=-1", ["models.plain", "epochs"]),
        ("shared.epochs=many", ["epochs", "'many'"]),
        ("models.plain=3", ["models.plain"]),
        ("models={}", ["no model", "[models.NAME]"]),
        ("models.PCA.kind=autoencoder", ["'PCA'", "taken"]),
        ("models.Plain.kind=autoencoder", ["'Plain'", "taken"]),
        ("models.a/b.kind=autoencoder", ["'a/b'", "letters"]),
        ("seeds=[]", ["seeds"]),
        ("seeds=[1, 1]", ["seeds", "[1, 1]"]),
        ("seeds=[-1]", ["seeds"]),
        ("noise=gausian", ["'gausian'", "'gaussian'"]),
        ("noise={kind='gaussian', sigma=-1}", ["sigma"]),
        ("models.plain.scaling=standard", ["'plain'", "'few-units'", "scaling"]),
    ],
)
def test_a_mistake_is_answered_in_one_sentence(change: str, words: list[str]) -> None:
    with pytest.raises(SettingError) as caught:
        parse(change)
    assert "\n" not in str(caught.value)
    for word in ["Comparison two", *words]:
        assert word in str(caught.value)


def test_a_comparison_is_no_recipe_and_a_recipe_no_comparison(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(TEXT)
    for name in ("family", str(mine)):
        with pytest.raises(SettingError, match=f"isthmus compare {name}"):
            find_recipe(name)
    with pytest.raises(SettingError, match="isthmus train digits-2d"):
        find_comparison("digits-2d")
    with pytest.raises(SettingError, match=r"'famly' \(did you mean 'family'\?\)"):
        find_comparison("famly")
    assert find_comparison(str(mine)) == ("mine", TEXT)
    mine.write_text("neither [toml")
    assert find_comparison(str(mine)) == find_recipe(str(mine))  # the parsers say what is wrong


# -- what is trained --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Table]:
    """A whole comparison."""
    folder = tmp_path_factory.mktemp("comparison") / "two"
    return folder, run_comparison(parse(), folder)


@pytest.fixture
def copied(done: tuple[Path, Table], tmp_path: Path) -> Path:
    """Its folder, to be changed."""
    return Path(shutil.copytree(done[0], tmp_path / "two"))


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Go on with a comparison; which trainings that took, as ``NAME-SEED``."""

    def run(folder: Path, *changes: str) -> list[str]:
        lines: list[str] = []
        run_comparison(parse(*changes), folder, lines.append)
        told = [line.split(": ")[1] for line in lines if ", seed " in line]
        return [name.replace(", seed ", "-") for name in told]

    return run


def test_a_comparison_makes_the_files_that_it_promises(done: tuple[Path, Table]) -> None:
    folder, _ = done
    names = ["plain", "few-units", "by-class", "untrained"]
    files = {f"{name}-{seed}.npz" for name in names for seed in (3, 5)}
    found = {path.name for path in folder.iterdir()}
    assert found == files | {"pca=8.npz", "comparison.toml", "comparison.csv"}
    assert parse(text=(folder / "comparison.toml").read_text()).noise == {
        "kind": "gaussian",
        "sigma": 0.3,
        "white": 1.0,
        "clip": True,  # as the scaled digits are in [0, 1]
    }


def test_rows_and_columns(done: tuple[Path, Table]) -> None:
    _, table = done
    assert list(table.rows) == ["plain", "few-units", "by-class", "PCA", "untrained network"]
    assert table.columns == COLUMNS
    assert table.samples == 180
    assert [row.seeds for row in table.rows.values()] == [2, 2, 2, 1, 2]
    weights = 2 * 64 * 8 + 8 + 64
    counts = [row.parameters for row in table.rows.values()]
    assert counts == [weights, weights - 64 * 8, weights + 8 * 10 + 10, 64 * 8 + 64, weights]
    for row in table.rows.values():
        assert all(0 <= row.columns[name].mean <= 1 for name in COLUMNS if "accuracy" in name)
        assert row.columns["active_units"].mean <= 8
    assert table.rows["PCA"].columns["squared_error"].high < 2
    error = {name: row.columns["squared_error"].mean for name, row in table.rows.items()}
    assert error["plain"] < error["untrained network"]
    assert table.rows["untrained network"].seconds.mean == 0 < table.rows["plain"].seconds.mean


def test_the_csv_is_the_table(done: tuple[Path, Table]) -> None:
    folder, table = done
    rows = list(csv.DictReader((folder / "comparison.csv").read_text().splitlines()))
    assert [row["model"] for row in rows] == list(table.rows)
    for written, row in zip(rows, table.rows.values(), strict=True):
        for name, estimate in {**row.columns, "seconds": row.seconds}.items():
            assert float(written[name]) == estimate.mean
            interval = [written[f"{name}_low"], written[f"{name}_high"]]
            if estimate.has_interval:
                assert [float(end) for end in interval] == [estimate.low, estimate.high]
            else:
                assert interval == ["", ""]
        assert int(written["parameters"]) == row.parameters
        assert (int(written["seeds"]), int(written["samples"])) == (row.seeds, 180)


def parted(dataset: DataSet) -> tuple[Any, Any]:
    """Places of the training samples, of which 400 are used, and of the test samples."""
    parts = split(dataset, test=0.1)
    order = np.random.default_rng(0).permutation(parts.train)
    return np.sort(order[:400]), parts.test


def test_the_numbers_of_one_model_found_by_hand(done: tuple[Path, Table]) -> None:
    folder, table = done
    dataset = read("digits")
    assert dataset.labels is not None
    training, tested = parted(dataset)
    images = dataset.samples.astype(np.float32)
    train, test = images[training], images[tested]
    labels, known = dataset.labels[tested], dataset.labels[training]
    by_column: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    for seed in (3, 5):
        model = SparseAutoencoder(
            code_size=8,
            method="l1",
            scaling={"kind": "unit", "low": 0, "high": 16},
            network={"kind": "one_layer", "output_activation": "sigmoid", "tied": True},
            epochs=1,
            batch_size=64,
            learning_rate=0.01,
            random_state=seed,
        ).fit(dataset.samples[training])
        codes = model.transform(test)
        rebuilt = model.reconstruct(test)
        by_column["squared_error"].append(np.square((rebuilt - test) / 16).sum((1, 2)))
        # The probe may learn from all 400 of the at most 5,000 training samples.
        probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        probe.fit(model.transform(train), known)
        by_column["probe_accuracy"].append(probe.predict(codes) == labels)
        clusters = KMeans(10, n_init=10, random_state=seed).fit_predict(codes)
        by_column["kmeans_accuracy"].append(matched_accuracy(labels, clusters))
        greatest = np.abs(model.transform(train)).max(0)
        by_column["active_units"].append((np.abs(codes) > 0.1 * greatest).sum(1))
        noise = CORRUPTIONS.build({"kind": "gaussian", "sigma": 0.3})
        noisy = model.transform(16 * corrupt(noise, test / 16))
        by_column["robustness"].append(probe.predict(noisy) == labels)
        pixels = test.reshape(len(test), -1)
        for name, pair in zip(NEIGHBOURHOODS, [(pixels, codes), (codes, pixels)], strict=True):
            by_column[name].append(trustworthiness(*pair, n_neighbors=10))
    for name, values in by_column.items():
        estimate = table.rows["few-units"].columns[name]
        mean = np.mean(values)
        assert estimate.mean == pytest.approx(mean, abs=2e-3 if "accuracy" in name else 1e-4)
        assert estimate.low < mean < estimate.high
    kept = [np.load(folder / f"few-units-{seed}.npz") for seed in (3, 5)]
    errors = np.stack([one["values/squared_error"] for one in kept])
    np.testing.assert_allclose(errors, by_column["squared_error"], rtol=1e-4)
    assert table.rows["few-units"].columns["squared_error"] == bootstrap_mean_of_seeds(errors)


def test_the_row_of_pca_is_scikit_learns(done: tuple[Path, Table]) -> None:
    dataset = read("digits")
    training, tested = parted(dataset)
    flat = dataset.samples.reshape(len(dataset), -1) / 16
    pca = PCA(8).fit(flat[training])
    restored = pca.inverse_transform(pca.transform(flat[tested]))
    expected = np.square(restored - flat[tested]).sum(1)
    found = done[1].rows["PCA"].columns["squared_error"]
    assert found.mean == pytest.approx(expected.mean(), rel=1e-4)
    assert found.low == pytest.approx(bootstrap_mean(expected).low, rel=1e-4)


def test_the_untrained_network_is_that_of_the_first_model(done: tuple[Path, Table]) -> None:
    comparison = parse()
    benchmark = Benchmark.read(comparison)
    model = comparison.build_model("plain", 3).set_params(epochs=0)
    model.fit(*benchmark.training(model))
    kept = np.load(done[0] / "untrained-3.npz")["values/squared_error"]
    np.testing.assert_allclose(-model.score_samples(benchmark.test), kept, rtol=1e-5)


def test_clean_samples_are_rebuilt_by_a_denoising_model(tmp_path: Path) -> None:
    comparison = parse("models.plain.kind=denoising_autoencoder", "seeds=[0]")
    table = run_comparison(comparison, tmp_path / "two")
    benchmark = Benchmark.read(comparison)
    model = comparison.build_model("plain", 0)
    model.fit(*benchmark.training(model))
    error = -model.score_samples(benchmark.test).mean()
    assert table.rows["plain"].columns["squared_error"].mean == pytest.approx(error, rel=1e-5)
    assert not table.rows["plain"].seconds.has_interval  # of one training
    assert table.rows["plain"].columns["squared_error"].has_interval


# -- going on ---------------------------------------------------------------------------------


def test_nothing_is_trained_twice(
    done: tuple[Path, Table], copied: Path, trained: Callable[..., list[str]]
) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in copied.glob("*.npz")}
    assert trained(copied) == []
    assert {path.name: path.stat().st_mtime_ns for path in copied.glob("*.npz")} == before
    assert (copied / "comparison.csv").read_text() == (done[0] / "comparison.csv").read_text()
    again = run_comparison(parse(text=(copied / "comparison.toml").read_text()), copied)
    assert again.to_csv() == done[1].to_csv()


@pytest.mark.parametrize("how", ["absent", "cut", "foreign"])
def test_what_is_missing_or_damaged_is_trained_alone(
    done: tuple[Path, Table], copied: Path, trained: Callable[..., list[str]], how: str
) -> None:
    path = copied / "by-class-5.npz"
    content = path.read_bytes()
    path.unlink()
    if how != "absent":
        path.write_bytes(content[:500] if how == "cut" else b"something else")
    assert trained(copied) == ["by-class-5"]
    rows = [
        list(csv.DictReader((folder / "comparison.csv").read_text().splitlines()))
        for folder in (copied, done[0])
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
    done: tuple[Path, Table], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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
        assert str(row.columns) == str(done[1].rows[name].columns)


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


# -- data -------------------------------------------------------------------------------------


def make_table(path: Path, rows: int = 60) -> Path:
    """Five columns of numbers, a class, and groups of six rows."""
    generator = np.random.default_rng(0)
    columns = {f"c{index}": generator.normal(size=rows) for index in range(5)}
    columns["class"] = np.array([("ash", "oak", "elm")[row % 3] for row in range(rows)])
    columns["patient"] = np.array([f"p{row // 6}" for row in range(rows)])
    write_table(path, columns)
    return path


ON_TABLE = ["shared={code_size=2, epochs=1, network='one_layer'}", "seeds=[0, 1]"]


def test_a_table_without_labels(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    write_table(path, {f"c{n}": np.random.default_rng(n).normal(size=60) for n in range(5)})
    without = TEXT[: TEXT.index("[models.by-class]")]
    data = f"data={{source='{path}', test=0.3}}"
    table = run_comparison(parse(*ON_TABLE, data, text=without), tmp_path / "out")
    assert table.columns == ["squared_error", "active_units"]
    assert list(table.rows) == ["plain", "few-units", "PCA", "untrained network"]
    resolved = parse(text=(tmp_path / "out/comparison.toml").read_text())
    assert resolved.noise is not None
    assert resolved.noise["clip"] is False  # the scaled columns leave [0, 1]
    assert resolved.data.source == str(path)
    with pytest.raises(DataError, match=r"^models\.by-class: ClassEncoder needs labels"):
        run_comparison(parse(*ON_TABLE, data), tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_groups_are_drawn_whole(tmp_path: Path) -> None:
    path = make_table(tmp_path / "t.csv")
    data = f"data={{source='{path}', labels='class', groups='patient', test=0.3}}"
    folder = tmp_path / "out"
    table = run_comparison(parse(*ON_TABLE, data), folder)
    assert table.samples == 18
    groups = np.repeat(np.arange(3), 6)
    for column in table.columns:
        values = np.stack([np.load(folder / f"plain-{n}.npz")[f"values/{column}"] for n in (0, 1)])
        expected = bootstrap_mean_of_seeds(values, groups)
        assert table.rows["plain"].columns[column] == expected


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("data.test=0.0", "needs test samples"),
        ("data={}", "--data PATH"),
        ("shared.code_size=[2, 2, 2]", r"models\.plain: .*whole number"),
        ("shared.scaling={kind='unit', low=0, high=1}", "from 0 to 1"),
    ],
)
def test_what_cannot_be_carried_out_writes_nothing(tmp_path: Path, change: str, words: str) -> None:
    with pytest.raises((SettingError, DataError), match=words):
        run_comparison(parse("noise={kind='gaussian', sigma=0.1}", change), tmp_path / "runs/two")
    assert not (tmp_path / "runs").exists()


def test_other_folders_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    for folder in (tmp_path, tmp_path / "notes.txt"):
        with pytest.raises(SettingError, match="holds no comparison"):
            run_comparison(parse(), folder)


def test_validation_samples_serve_early_stopping(tmp_path: Path) -> None:
    benchmark = Benchmark.read(parse())
    patient, plain = (parse(*c).build_model("plain", 0) for c in (["shared.patience=1"], []))
    given = benchmark.validation(patient)
    assert given is not None
    assert len(given[0]) == len(benchmark.split.validation) > 0
    assert benchmark.validation(plain) is None
    none_held_out = Benchmark.read(parse("data.validation=0.0"))
    assert none_held_out.validation(patient) is None


def test_pca_of_samples_that_are_all_alike() -> None:
    benchmark = Benchmark.read(parse())
    pca = PrincipalComponents(3, benchmark.scaling)
    alike = np.ones((20, 8, 8))
    pca.fit(Rows(alike, np.arange(20)))
    assert not pca.score_samples(alike).any()
    assert pca.transform(alike).shape == (20, 1)
    assert pca.parameters == 64


def test_pca_of_each_code_size_stands_in_the_table(tmp_path: Path) -> None:
    table = run_comparison(parse("models.few-units.code_size=3", "seeds=[0]"), tmp_path / "two")
    assert list(table.rows)[3:] == ["PCA, 8", "PCA, 3", "untrained network"]
    eight, three = (table.rows[f"PCA, {units}"] for units in (8, 3))
    assert three.columns["squared_error"].mean > 1.5 * eight.columns["squared_error"].mean
    assert three.parameters < eight.parameters / 2


# -- UMAP -------------------------------------------------------------------------------------


class StandIn:
    """What is used of `umap.UMAP`: its first coordinates are those of the samples."""

    def __init__(self, n_components: int, random_state: int, n_jobs: int) -> None:
        assert (random_state, n_jobs) == (0, 1)
        self.n_components = n_components

    def fit(self, X: Any) -> StandIn:
        self.embedding_ = self.transform(X)
        return self

    def transform(self, X: Any) -> Any:
        return X[:, 20 : 20 + self.n_components]


@pytest.fixture
def umap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "umap", SimpleNamespace(UMAP=StandIn))
    monkeypatch.setattr(UMAP, "installed", lambda: True)


SIZES = ["models.few-units.code_size=40", "seeds=[0]", "umap=true"]


@pytest.mark.usefixtures("umap")
def test_umap_of_small_sizes_stands_in_the_table(tmp_path: Path) -> None:
    table = run_comparison(parse(*SIZES), tmp_path / "two")
    names = ["PCA, 8", "PCA, 40", "UMAP, 8", "untrained network"]
    assert list(table.rows)[3:] == names  # 40 units are too many for UMAP
    row = table.rows["UMAP, 8"]
    assert list(row.columns) == NEIGHBOURHOODS
    benchmark = Benchmark.read(parse())
    assert row.parameters == 8 * len(benchmark.split.train)
    flat = benchmark.test.reshape(len(benchmark.test), -1) / 16
    expected = trustworthiness(flat, flat[:, 20:28], n_neighbors=10)
    assert row.columns["trustworthiness"].mean == pytest.approx(expected)
    assert row.columns["trustworthiness"].cases == 180
    written = {row["model"]: row for row in csv.DictReader(table.to_csv().splitlines())}
    assert written["UMAP, 8"]["squared_error"] == written["UMAP, 8"]["squared_error_low"] == ""
    assert float(written["UMAP, 8"]["continuity"]) == row.columns["continuity"].mean


@pytest.mark.usefixtures("umap")
def test_umap_needs_two_samples_for_each_unit(tmp_path: Path) -> None:
    table = run_comparison(parse(*SIZES, "data.limit=15"), tmp_path / "two")
    assert not any("UMAP" in name for name in table.rows)


def test_umap_that_is_not_installed_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(UMAP, "installed", lambda: False)
    lines: list[str] = []
    table = run_comparison(parse(*SIZES), tmp_path / "two", lines.append)
    assert lines[0] == "UMAP is left out, since it is not installed: pip install 'isthmus[umap]'"
    assert not any("UMAP" in name for name in table.rows)


def test_umap_lays_out_at_most_5000_samples(umap: None) -> None:
    scaling = Benchmark.read(parse()).scaling
    samples = np.zeros((9000, 8, 8), np.float32)
    assert UMAP(3, scaling).fit(Rows(samples, np.arange(9000))).parameters == 3 * 4500
