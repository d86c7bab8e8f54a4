"""An index of codes: a folder in which the nearest codes of a query are found."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from isthmus.core.errors import ModelFileError, SettingError
from isthmus.core.files import atomic_folder
from isthmus.core.registry import explain
from isthmus.core.settings import PositiveInt
from isthmus.data.fingerprint import fingerprint
from isthmus.latent.nearest import Distance, Neighbours, check_search, nearest_codes
from isthmus.metrics import recall_at_k

Array = NDArray[Any]
_DOCUMENT, _CODES, _GRAPH = "index.json", "codes.npy", "graph.usearch"
_FORMAT = "isthmus-index-1"
_ASKED, _WANTED = 500, 10  # codes, and neighbours of each, by which the recall is measured


class Origin(BaseModel):
    """What the codes of an index are codes of.

    Attributes
    ----------
    model, source
        Where model and samples were found.
    model_fingerprint, source_fingerprint
        What they were.
    """

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    model: str
    model_fingerprint: str
    source: str
    source_fingerprint: str


class _Document(BaseModel):
    """``index.json``."""

    model_config = ConfigDict(extra="forbid")

    format: Literal["isthmus-index-1"]
    metric: Distance
    shape: tuple[PositiveInt, PositiveInt]
    codes: str
    origin: Origin
    recall: float | None


@dataclass(frozen=True)
class CodeIndex:
    """Codes ``(N, m)`` of known origin, to be searched.

    `build` makes one, `load` opens one from its folder: ``codes.npy``, which stays on the disk, and
    ``index.json``.

    Attributes
    ----------
    codes : ndarray of float32, ``(N, m)``
        Possibly memory-mapped.
    metric
        ``"euclidean"`` or ``"cosine"``.
    origin
        Model and source.
    graph
        The approximate index of the package usearch, or ``None``: all codes are compared.
    recall
        Share of the 10 nearest of 500 codes that the approximate index finds.
    """

    codes: Array
    metric: Distance
    origin: Origin
    graph: Any = None
    recall: float | None = None

    @classmethod
    def build(
        cls,
        codes: Array,
        origin: Origin,
        *,
        metric: Distance = "euclidean",
        approximate: bool = False,
    ) -> CodeIndex:
        """An index of codes ``(N, m)``; `approximate` asks for a graph of the package usearch.

        Raises
        ------
        DataError
            If there are no codes.
        SettingError
            If usearch is asked for and is not installed.
        """
        codes = np.asarray(codes, np.float32)
        check_search(codes, codes[:1], 1)
        graph = recall = None
        if approximate:
            graph = _new_graph(codes.shape[1], metric)
            graph.add(np.arange(len(codes)), codes)
            which = np.random.default_rng(0).permutation(len(codes))[:_ASKED]
            k = min(_WANTED, len(codes))
            exact = nearest_codes(codes, codes[which], k, metric)
            found = _ask(graph, metric, codes[which], k)
            recall = float(recall_at_k(exact.places, found.places).mean())
        return cls(codes, metric, origin, graph, recall)

    def search(self, queries: Array, k: int = 10) -> Neighbours:
        """The k nearest codes of each of ``(Q, m)`` queries; see `nearest_codes`."""
        check_search(self.codes, queries, k)
        if self.graph is not None:
            return _ask(self.graph, self.metric, queries, k)
        return nearest_codes(self.codes, queries, k, self.metric)

    def save(self, folder: Path) -> None:
        """Write the folder, whole or not at all.

        Raises
        ------
        SettingError
            If the folder exists and is not an index.
        StorageError
            If the disk refuses.
        """
        self.refuse_target(folder)
        document = _Document(
            format=_FORMAT,
            metric=self.metric,
            shape=self.codes.shape,
            codes=fingerprint(self.codes),
            origin=self.origin,
            recall=self.recall,
        )
        with atomic_folder(folder) as temporary:
            np.save(temporary / _CODES, self.codes, allow_pickle=False)
            if self.graph is not None:
                self.graph.save(str(temporary / _GRAPH))
            text = document.model_dump_json(indent=2)
            (temporary / _DOCUMENT).write_text(text, encoding="utf-8")

    @staticmethod
    def refuse_target(folder: Path) -> None:
        """Refuse to write an index over something else."""
        if folder.exists() and not (folder / _DOCUMENT).is_file():
            raise SettingError(f"{folder} exists and is not an index; give another folder.")

    @classmethod
    def load(cls, folder: Path) -> CodeIndex:
        """Open an index.

        Raises
        ------
        ModelFileError
            If the folder is none, or its files are damaged or of different indexes.
        """
        path = folder / _DOCUMENT
        if not path.is_file():
            raise ModelFileError(
                f"{folder} is not an index ({_DOCUMENT} is missing); make one by `isthmus index`."
            )
        try:
            document = _Document.model_validate_json(path.read_bytes())
            codes = np.load(folder / _CODES, mmap_mode="r", allow_pickle=False)
            if codes.shape != document.shape or fingerprint(codes) != document.codes:
                raise ValueError("codes and index.json do not belong together")
            graph = None
            if document.recall is not None:
                graph = _new_graph(codes.shape[1], document.metric)
                graph.load(str(folder / _GRAPH))
        except SettingError:
            raise
        except ValidationError as error:
            raise ModelFileError(f"{explain(error, _Document, str(path))} {_AGAIN}") from None
        except (OSError, ValueError, KeyError, TypeError, EOFError, RuntimeError) as error:
            raise ModelFileError(f"{folder} is a damaged index ({error}). {_AGAIN}") from error
        return cls(codes, document.metric, document.origin, graph, document.recall)


_AGAIN = "Make it again by `isthmus index`."


def _new_graph(units: int, metric: Distance) -> Any:
    """An empty index of usearch (a hierarchical navigable small world, Malkov 2018)."""
    try:
        usearch = import_module("usearch.index")
    except ImportError:
        raise SettingError(
            "An approximate index needs the package usearch: pip install 'isthmus[search]'."
        ) from None
    return usearch.Index(ndim=units, metric={"euclidean": "l2sq", "cosine": "cos"}[metric])


def _ask(graph: Any, metric: Distance, queries: Array, k: int) -> Neighbours:
    """What the graph finds; it may miss some."""
    matches = graph.search(np.asarray(queries, np.float32), k)
    keys = np.reshape(matches.keys, (len(queries), k)).astype(np.int64)
    distances = np.reshape(matches.distances, (len(queries), k)).astype(np.float64)
    if metric == "euclidean":  # squared, and in float32 a little below 0
        distances = np.sqrt(np.maximum(distances, 0))
    return Neighbours(keys, distances)
