"""UMAP beside PCA and the models of a comparison, by a stand-in for its package."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sklearn.manifold import trustworthiness

from isthmus.recipes.benchmark import Benchmark
from isthmus.recipes.comparing import run_comparison
from isthmus.recipes.reductions import UMAP
from isthmus.training import Rows
from support.comparisons import NEIGHBOURHOODS, parse


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
