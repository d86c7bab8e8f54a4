"""An index of the codes of data, and the neighbours of other data in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError, ModelFileError, SettingError
from isthmus.core.registry import check_settings
from isthmus.data import DataSet
from isthmus.latent.nearest import Neighbours, nearest_codes
from isthmus.latent.search import CodeIndex, Origin
from isthmus.metrics import Estimate, bootstrap_mean, precision_at_k
from isthmus.models import model_fingerprint
from isthmus.recipes.apply import codes_of
from isthmus.recipes.inputs import load_autoencoder, read_for
from isthmus.recipes.reductions import PrincipalComponents
from isthmus.recipes.schema import resolve_source
from isthmus.training import Rows

Array = NDArray[Any]


@dataclass(frozen=True)
class Found:
    """The neighbours of queries.

    Attributes
    ----------
    model
        Whose codes are compared.
    index
        Where the neighbours are.
    source, queries
        The samples of the index, and those that were asked for.
    neighbours
        Places and distances, ``(Q, k)``.
    """

    model: Any
    index: CodeIndex
    source: DataSet
    queries: DataSet
    neighbours: Neighbours

    def columns(self) -> dict[str, Array]:
        """One row for each query and neighbour: names, rank from 1, distance, classes if known."""
        count, k = self.neighbours.places.shape
        query, places = np.repeat(np.arange(count), k), self.neighbours.places.ravel()
        columns = {
            "query": sample_names(self.queries)[query],
            "rank": np.tile(np.arange(1, k + 1), count),
            "neighbour": sample_names(self.source)[places],
            "distance": self.neighbours.distances.ravel(),
        }
        for name, data, which in (
            ("query class", self.queries, query),
            ("neighbour class", self.source, places),
        ):
            classes = class_of_each(data)
            if classes is not None:
                columns[name] = classes[which]
        return columns

    @cached_property
    def precision(self) -> dict[str, Estimate]:
        """Precision at k by codes and by what they should beat; empty where classes are not known.

        That is PCA of as many components, fitted to the samples of the index; the raw samples; and
        the codes of the untrained network.
        """
        asked, known = class_of_each(self.queries), class_of_each(self.source)
        if asked is None or known is None:
            return {}
        source, queries = self.source.samples, self.queries.samples
        pca = PrincipalComponents(self.index.codes.shape[1], self.model.scaling_)
        ways: dict[str, Callable[[Array], Array]] = {
            "PCA": pca.fit(Rows(source, np.arange(len(source)))).transform,
            "raw samples": lambda samples: samples.reshape(len(samples), -1),
            "untrained network": self.model.untrained().transform,
        }
        k = self.neighbours.places.shape[1]
        places = {"codes": self.neighbours.places} | {
            name: nearest_codes(way(source), way(queries), k, self.index.metric).places
            for name, way in ways.items()
        }
        return {
            name: bootstrap_mean(precision_at_k(asked, known[its])) for name, its in places.items()
        }


def index_file(
    model_folder: Path,
    source: str,
    out: Path,
    *,
    metric: str = "euclidean",
    approximate: bool = False,
) -> CodeIndex:
    """Write the index of the codes of data.

    Raises
    ------
    SettingError
        If `out` is something else, or usearch is asked for and not installed.
    DataError, ModelFileError
        If the data do not suit the model, or it cannot be loaded.
    """
    CodeIndex.refuse_target(out)
    given = {"metric": metric, "approximate": approximate}
    settings = check_settings(CodeIndex.build, given, "index")
    model = load_autoencoder(model_folder)
    dataset = read_for(model, source)
    origin = Origin(
        model=str(model_folder.resolve()),
        model_fingerprint=model_fingerprint(model),
        source=resolve_source(source),
        source_fingerprint=dataset.fingerprint(),
    )
    index = CodeIndex.build(codes_of(model, dataset.samples), origin, **settings)
    index.save(out)
    return index


def search_files(
    index_folder: Path, query: str, *, k: int = 10, model_folder: Path | None = None
) -> Found:
    """Find the k nearest samples of an index for each sample of a file, folder or known set.

    Parameters
    ----------
    model_folder
        Where the model of the index is now; by default where it was.

    Raises
    ------
    DataError
        If queries have another size, k is larger than the set, or the source has changed.
    ModelFileError
        If the index is damaged, or the model is gone or another one.
    """
    index = CodeIndex.load(index_folder)
    origin = index.origin
    folder = model_folder or Path(origin.model)
    if not folder.exists():
        raise ModelFileError(
            f"The model of this index is no longer in {folder}; say where it is by --model."
        )
    model = load_autoencoder(folder)
    if model_fingerprint(model) != origin.model_fingerprint:
        raise ModelFileError(
            f"{index_folder} holds codes of another model than {folder} is now; make the index"
            " again by `isthmus index`."
        )
    queries = read_for(model, query)
    neighbours = index.search(model.transform(queries.samples), k)
    source = read_for(model, origin.source)
    if source.fingerprint() != origin.source_fingerprint:
        raise DataError(
            f"{origin.source} has changed since {index_folder} was made; make the index again by"
            " `isthmus index`."
        )
    return Found(model, index, source, queries, neighbours)


def refuse_filled(out: Path) -> None:
    """Refuse a folder to write to that is a file or holds something."""
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise SettingError(f"{out} exists already; give a new or empty folder.")


def sample_names(dataset: DataSet) -> Array:
    """File names of the samples, or their numbers from 1."""
    return np.arange(1, len(dataset) + 1) if dataset.names is None else np.array(dataset.names)


def class_of_each(dataset: DataSet) -> Array | None:
    """Names of the classes ``(N,)``, where they are known."""
    if dataset.labels is None:
        return None
    names = dataset.class_names
    return dataset.labels.astype(str) if names is None else np.array(names)[dataset.labels]
