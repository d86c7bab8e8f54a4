"""A comparison carried out: every model trained by every seed, measured, put into one table."""

from __future__ import annotations

import hashlib
import io
import json
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import IsthmusError, SettingError, TrainingStopped
from isthmus.core.files import atomic_file, write_text
from isthmus.metrics import bootstrap_mean, bootstrap_mean_of_seeds
from isthmus.networks import count_parameters
from isthmus.recipes.benchmark import Benchmark
from isthmus.recipes.comparison import Comparison
from isthmus.recipes.comparison_table import Row, Table
from isthmus.recipes.reductions import UMAP, UMAP_UNITS, PrincipalComponents
from isthmus.recipes.schema import resolve_source

Array = NDArray[Any]
COMPARISON = "comparison.toml"
TABLE = "comparison.csv"
UNTRAINED = "untrained network"
_FORMAT = 2  # of the files of values; another one makes all be computed anew
_TRIED = 32  # training samples on which a model is tried before any is trained
_UNTRAINED_FILE = "untrained"  # so no model may be named
_REDUCTIONS: dict[str, type[PrincipalComponents | UMAP]] = {
    "PCA": PrincipalComponents,
    "UMAP": UMAP,
}
_VALUES = "values/"
# What NumPy and the zip format raise on damaged files.
_DAMAGED = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)


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
        source = {"source": resolve_source(comparison.data.source)}
        data = comparison.data.model_copy(update=source)
        comparison = comparison.model_copy(update={"data": data})
    benchmark = Benchmark.read(comparison)
    comparison = comparison.model_copy(update={"noise": benchmark.noise})
    work = _Work(comparison, benchmark, folder)
    missing = work.missing()
    for name in dict.fromkeys(name for name, _ in missing):
        work.try_out(name)
    write_text(folder / COMPARISON, comparison.to_toml())
    if comparison.umap and not UMAP.installed():
        say("UMAP is left out, since it is not installed: pip install 'isthmus[umap]'")
    total = len(comparison.models) * len(comparison.seeds)
    done = total - len(missing)
    if done:
        say(f"Of {total} trainings {done} are done")
    try:
        work.keep_reductions()
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

    def missing(self) -> list[tuple[str, int]]:
        """Models and seeds that are to be trained; all models by a seed before the next seed."""
        return [
            (name, seed)
            for seed in self.comparison.seeds
            for name in self.comparison.models
            if self.kept(name, seed) is None
            or (name == self.first and self.kept(_UNTRAINED_FILE, seed) is None)
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
            training, validation = self.benchmark.training(model), self.benchmark.validation(model)
            began = time.perf_counter()
            model.fit(*training, validation=validation)
            seconds = time.perf_counter() - began
            outcome = self._measured(model, seed, seconds)
            if name == self.first:
                untrained = self._measured(model.untrained(), seed, 0.0)
                self._keep(_UNTRAINED_FILE, seed, untrained)
        self._keep(name, seed, outcome)
        return outcome

    def _measured(self, model: Any, seed: int, seconds: float) -> Outcome:
        parameters = count_parameters(model.network_)
        return Outcome(self.benchmark.measure(model, seed), parameters, seconds)

    def keep_reductions(self) -> None:
        """Fit and measure PCA of each code size, and UMAP, unless that is done."""
        for title, units in self._reductions():
            name = _file(title, units)
            if self.kept(name, None) is None:
                method = _REDUCTIONS[title](units, self.benchmark.scaling)
                began = time.perf_counter()
                method.fit(*self.benchmark.training(method))
                seconds = time.perf_counter() - began
                values = self._values(method)
                self._keep(name, None, Outcome(values, method.parameters, seconds))

    def _values(self, method: PrincipalComponents | UMAP) -> dict[str, Array]:
        """Of PCA all, of UMAP how well it keeps neighbourhoods, which is what it is for."""
        if isinstance(method, PrincipalComponents):
            return self.benchmark.measure(method, 0)
        near = self.benchmark.test[self.benchmark.near]
        return self.benchmark.neighbourhoods(method.transform(near))

    def table(self) -> Table:
        """Scores of everything, which is kept by now."""
        seeds, sizes = self.comparison.seeds, self._sizes()
        files: dict[str, tuple[str, Sequence[int | None]]] = {
            **{name: (name, seeds) for name in self.comparison.models},
            **{
                title if len(sizes) == 1 else f"{title}, {units}": (_file(title, units), [None])
                for title, units in self._reductions()
            },
            UNTRAINED: (_UNTRAINED_FILE, seeds),
        }
        rows = {}
        for title, (name, its) in files.items():
            outcomes = [self.kept(name, seed) for seed in its]
            rows[title] = self._row([outcome for outcome in outcomes if outcome is not None])
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

    def kept(self, name: str, seed: int | None) -> Outcome | None:
        """What was kept by this name, if settings and data are still the same."""
        try:
            content = io.BytesIO(self._path(name, seed).read_bytes())  # NumPy leaves bad files open
            with np.load(content, allow_pickle=False) as arrays:
                if str(arrays["fingerprint"]) != self._fingerprint(name, seed):
                    return None
                values = {
                    column.removeprefix(_VALUES): arrays[column]
                    for column in arrays.files
                    if column.startswith(_VALUES)
                }
                return Outcome(values, int(arrays["parameters"]), float(arrays["seconds"]))
        except _DAMAGED:  # or absent
            return None

    def _keep(self, name: str, seed: int | None, outcome: Outcome) -> None:
        with atomic_file(self._path(name, seed)) as temporary:
            np.savez_compressed(
                temporary,
                allow_pickle=False,
                fingerprint=np.array(self._fingerprint(name, seed)),
                parameters=np.array(outcome.parameters),
                seconds=np.array(outcome.seconds),
                **{f"{_VALUES}{column}": values for column, values in outcome.values.items()},
            )

    def _path(self, name: str, seed: int | None) -> Path:
        return self.folder / (f"{name}.npz" if seed is None else f"{name}-{seed}.npz")

    def _fingerprint(self, name: str, seed: int | None) -> str:
        """Of all that the values depend on."""
        of_models = name in self.comparison.models
        settings = self.comparison.settings(name if of_models else self.first)
        if "=" in name:
            settings = {"units": name.partition("=")[2], "scaling": settings["scaling"]}
        known = [_FORMAT, settings, seed, self.benchmark.noise, self.benchmark.fingerprint]
        return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()

    def _reductions(self) -> list[tuple[str, int]]:
        """Kinds and sizes; UMAP where it is wanted and installed."""
        sizes = self._sizes()
        most = min(UMAP_UNITS, len(self.benchmark.split.train) // 2)  # its eigenvectors are fewer
        small = [units for units in sizes if units <= most]
        with_umap = self.comparison.umap and UMAP.installed()
        return [("PCA", units) for units in sizes] + [
            ("UMAP", units) for units in small if with_umap
        ]

    def _sizes(self) -> list[int]:
        """Numbers of code units of the models, each once."""
        given = [self.comparison.settings(name)["code_size"] for name in self.comparison.models]
        return list(dict.fromkeys(int(np.prod(size)) for size in given))


def _refuse_taken(folder: Path) -> None:
    """Refuse to write among other files."""
    if (folder / COMPARISON).is_file() or not folder.exists():
        return
    if not folder.is_dir() or any(folder.iterdir()):
        raise SettingError(
            f"{folder} exists and holds no comparison; give a new or empty folder by --out."
        )


@contextmanager
def _naming(model: str) -> Iterator[None]:
    """Say of which model an error speaks."""
    try:
        yield
    except IsthmusError as error:
        raise type(error)(f"models.{model}: {error}") from error


def _file(reduction: str, units: int) -> str:
    """Name of the values of PCA or UMAP, which no model can have."""
    return f"{reduction.lower()}={units}"
