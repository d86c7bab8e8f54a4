"""A comparison that is carried out: its files, and whether its numbers are right."""

from __future__ import annotations

import csv
from pathlib import Path
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
from isthmus.core.errors import DataError, SettingError
from isthmus.corruption import CORRUPTIONS
from isthmus.data import DataSet, read, split, write_table
from isthmus.metrics import bootstrap_mean, bootstrap_mean_of_seeds, matched_accuracy
from isthmus.recipes.benchmark import Benchmark
from isthmus.recipes.comparing import Table, run_comparison
from isthmus.recipes.reductions import PrincipalComponents
from isthmus.recipes.restoration import corrupt
from isthmus.training import Rows
from support.comparisons import NEIGHBOURHOODS, TEXT, parse

COLUMNS = [
    *("squared_error", "probe_accuracy", "kmeans_accuracy", "active_units", "robustness"),
    *NEIGHBOURHOODS,
]


def test_a_comparison_makes_the_files_that_it_promises(compared: tuple[Path, Table]) -> None:
    folder, _ = compared
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


def test_rows_and_columns(compared: tuple[Path, Table]) -> None:
    _, table = compared
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


def test_the_csv_is_the_table(compared: tuple[Path, Table]) -> None:
    folder, table = compared
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


def test_the_numbers_of_one_model_found_by_hand(compared: tuple[Path, Table]) -> None:
    folder, table = compared
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


def test_the_row_of_pca_is_scikit_learns(compared: tuple[Path, Table]) -> None:
    dataset = read("digits")
    training, tested = parted(dataset)
    flat = dataset.samples.reshape(len(dataset), -1) / 16
    pca = PCA(8).fit(flat[training])
    restored = pca.inverse_transform(pca.transform(flat[tested]))
    expected = np.square(restored - flat[tested]).sum(1)
    found = compared[1].rows["PCA"].columns["squared_error"]
    assert found.mean == pytest.approx(expected.mean(), rel=1e-4)
    assert found.low == pytest.approx(bootstrap_mean(expected).low, rel=1e-4)


def test_the_untrained_network_is_that_of_the_first_model(compared: tuple[Path, Table]) -> None:
    comparison = parse()
    benchmark = Benchmark.read(comparison)
    model = comparison.build_model("plain", 3).set_params(epochs=0)
    model.fit(*benchmark.training(model))
    kept = np.load(compared[0] / "untrained-3.npz")["values/squared_error"]
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
