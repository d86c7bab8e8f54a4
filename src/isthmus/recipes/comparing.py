"""A comparison carried out: every model trained by every seed, measured, put into one table."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import IsthmusError, SettingError, TrainingStopped
from isthmus.core.files import atomic_file, write_text
from isthmus.data.fingerprint import fingerprint
from isthmus.metrics import Estimate, bootstrap_mean, bootstrap_mean_of_seeds
from isthmus.networks import count_parameters
from isthmus.recipes.benchmark import Benchmark, PrincipalComponents
from isthmus.recipes.comparison import Comparison
from isthmus.recipes.evaluation import DAMAGED
from isthmus.recipes.schema import resolve_source

Array = NDArray[Any]
COMPARISON = "comparison.toml"
TABLE = "comparison.csv"
PCA, UNTRAINED = "PCA", "untrained network"
_FORMAT = 1  # of the files of values; another one makes all be computed anew
_TRIED = 32  # training samples on which a model is tried before any is trained


class Outcome(NamedTuple):
    """What one training came to.

    Attributes
    ----------
    values
        Per-sample values by column, see `Benchmark.measure`.
    parameters
        Numbers that were learnt.
    seconds
        Of the training.
    """

    values: dict[str, Array]
    parameters: int
    seconds: float


class Row(NamedTuple):
    """A model in the table: means with 95 % intervals over its seeds and the test samples."""

    columns: dict[str, Estimate]
    parameters: int
    seconds: Estimate
    seeds: int


@dataclass(frozen=True)
class Table:
    """The models of a comparison, then PCA and the untrained network, each with its scores.

    Attributes
    ----------
    rows
        By name; all with the same columns.
    samples
        Number of test samples.
    """

    rows: dict[str, Row]
    samples: int

    @property
    def columns(self) -> list[str]:
        """Names of the measured columns, see `isthmus.recipes.benchmark.COLUMNS`."""
        return list(next(iter(self.rows.values())).columns)

    def to_csv(self) -> str:
        """The table as CSV: mean, low and high of each column; an absent interval is empty."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        spread = [f"{name}{end}" for name in self.columns for end in ("", "_low", "_high")]
        seconds = ["seconds", "seconds_low", "seconds_high"]
        writer.writerow(["model", "seeds", "samples", *spread, "parameters", *seconds])
        for name, row in self.rows.items():
            measured = [cell for estimate in row.columns.values() for cell in _cells(estimate)]
            writer.writerow(
                [name, row.seeds, self.samples, *measured, row.parameters, *_cells(row.seconds)]
            )
        return text.getvalue()


def run_comparison(
    comparison: Comparison, folder: Path, say: Callable[[str], None] = lambda line: None
) -> Table:
    """Train and measure what the folder does not hold yet, and write the table into it.

    The values of each training are kept as ``NAME-SEED.npz``, and used again as long as settings
    and data stay the same. Beside them: ``comparison.toml``, in full, and ``comparison.csv``.

    Parameters
    ----------
    folder
        New, empty, or of an earlier comparison.
    say
        Is told one line after each training.

    Raises
    ------
    SettingError
        If the folder holds something else, or a setting cannot be used.
    DataError
        If the data cannot be read or do not suit a model; nothing is trained then.
    TrainingStopped
        On Ctrl-C; what was finished is kept.
    """
    _refuse_taken(folder)
    if comparison.data.source is not None:
        data = {"source": resolve_source(comparison.data.source)}
        comparison = comparison.model_copy(
            update={"data": comparison.data.model_copy(update=data)}
        )
    benchmark = Benchmark.read(comparison)
    comparison = comparison.model_copy(update={"noise": benchmark.noise})
    work = _Work(comparison, benchmark, folder)
    missing = work.missing()
    for name in dict.fromkeys(name for name, _ in missing):
        work.try_out(name)
    write_text(folder / COMPARISON, comparison.to_toml())
    total = len(comparison.models) * len(comparison.seeds)
    done = total - len(missing)
    if done:
        say(f"Of {total} trainings {done} are done")
    try:
        work.keep_pca()
        for name, seed in missing:
            outcome = work.train(name, seed)
            done += 1
            error = outcome.values["squared_error"].mean()
            say(
                f"{done} of {total}: {name}, seed {seed}: squared error {error:.4g},"
                f" {outcome.seconds:.1f} seconds"
            )
    except KeyboardInterrupt:
        raise TrainingStopped(
            f"Stopped after {done} of {total} trainings, which are kept in {folder}; give the same"
            " command again to go on."
        ) from None
    table = work.table()
    write_text(folder / TABLE, table.to_csv())
    return table


class _Work:
    """What there is to do, and the files of what is done."""

    def __init__(self, comparison: Comparison, benchmark: Benchmark, folder: Path) -> None:
        self.comparison, self.benchmark, self.folder = comparison, benchmark, folder
        self.first = next(iter(comparison.models))
        # Of a model's own name none is "untrained" or "pca", see `Comparison`.
        self.pca_file = folder / "PCA.npz"
        self.pca_key = self._key(self._pca_settings(), None)

    def missing(self) -> list[tuple[str, int]]:
        """Models and seeds that are to be trained; all models by a seed before the next seed."""
        return [
            (name, seed)
            for seed in self.comparison.seeds
            for name in self.comparison.models
            if self._of_model(name, seed) is None
            or (name == self.first and self._of_untrained(seed) is None)
        ]

    def try_out(self, name: str) -> None:
        """Build a model on a few samples, so that it is refused before hours of training."""
        model = self.comparison.build_model(name, 0)
        model.set_params(**{key: 0 for key in model.get_params(False) if key.endswith("epochs")})
        with _naming(name):
            model.fit(*self.benchmark.training(model, _TRIED))

    def train(self, name: str, seed: int) -> Outcome:
        """Train a model, measure it, and keep what came of it."""
        model = self.comparison.build_model(name, seed)
        with _naming(name):
            validation = None if model.patience is None else self.benchmark.validation(model)
            began = time.perf_counter()
            model.fit(*self.benchmark.training(model), validation=validation)
            seconds = time.perf_counter() - began
            outcome = self._measured(model, seed, seconds)
        if name == self.first:
            self._keep(
                self._untrained_file(seed),
                self._key(self.comparison.settings(name), seed),
                self._measured(model.untrained(), seed, 0.0),
            )
        self._keep(self._file(name, seed), self._key(self.comparison.settings(name), seed), outcome)
        return outcome

    def _measured(self, model: Any, seed: int, seconds: float) -> Outcome:
        parameters = count_parameters(model.network_)
        return Outcome(self.benchmark.measure(model, seed), parameters, seconds)

    def keep_pca(self) -> None:
        """Fit and measure PCA, unless that is done."""
        if _load(self.pca_file, self.pca_key) is None:
            began = time.perf_counter()
            settings = self._pca_settings()
            pca = PrincipalComponents(settings["code_size"], self.benchmark.scaling)
            pca.fit(*self.benchmark.training(pca))
            seconds = time.perf_counter() - began
            outcome = Outcome(self.benchmark.measure(pca, 0), pca.parameters, seconds)
            self._keep(self.pca_file, self.pca_key, outcome)

    def table(self) -> Table:
        """Scores of everything that is kept."""
        seeds = self.comparison.seeds
        found: dict[str, list[Outcome | None]] = {
            name: [self._of_model(name, seed) for seed in seeds] for name in self.comparison.models
        }
        found[PCA] = [_load(self.pca_file, self.pca_key)]
        found[UNTRAINED] = [self._of_untrained(seed) for seed in seeds]
        rows = {
            name: self._row([one for one in outcomes if one is not None])
            for name, outcomes in found.items()
        }
        return Table(rows, len(self.benchmark.test))

    def _row(self, outcomes: list[Outcome]) -> Row:
        columns = {
            name: bootstrap_mean_of_seeds(
                np.stack([outcome.values[name] for outcome in outcomes]),
                self.benchmark.groups_of(name),
            )
            for name in outcomes[0].values
        }
        seconds = bootstrap_mean(np.array([outcome.seconds for outcome in outcomes]))
        return Row(columns, outcomes[0].parameters, seconds, len(outcomes))

    # -- files ------------------------------------------------------------------------------

    def _pca_settings(self) -> dict[str, Any]:
        size = self.comparison.settings(self.first)["code_size"]
        return {"code_size": size if isinstance(size, int) else math.prod(size)}

    def _key(self, settings: dict[str, Any], seed: int | None) -> str:
        """What the values depend on, in short."""
        known = [_FORMAT, settings, seed, self.benchmark.noise, self.benchmark.fingerprint]
        return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()

    def _file(self, name: str, seed: int) -> Path:
        return self.folder / f"{name}-{seed}.npz"

    def _untrained_file(self, seed: int) -> Path:
        return self._file("untrained", seed)

    def _of_model(self, name: str, seed: int) -> Outcome | None:
        return _load(self._file(name, seed), self._key(self.comparison.settings(name), seed))

    def _of_untrained(self, seed: int) -> Outcome | None:
        key = self._key(self.comparison.settings(self.first), seed)
        return _load(self._untrained_file(seed), key)

    def _keep(self, path: Path, key: str, outcome: Outcome) -> None:
        with atomic_file(path) as temporary:
            np.savez_compressed(
                temporary,
                allow_pickle=False,
                fingerprint=np.array(key),
                parameters=np.array(outcome.parameters),
                seconds=np.array(outcome.seconds),
                **{f"{_VALUES}{name}": values for name, values in outcome.values.items()},
            )
