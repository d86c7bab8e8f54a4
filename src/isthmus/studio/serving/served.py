"""Models as a server holds them: what each can do, its queue, and the indexes of its codes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from starlette.exceptions import HTTPException

from isthmus.core.errors import DataError, ModelFileError, SettingError
from isthmus.data import DataSet
from isthmus.latent.search import CodeIndex
from isthmus.models import model_fingerprint
from isthmus.recipes.inputs import read_for
from isthmus.recipes.search import class_of_each, sample_names
from isthmus.studio.answers import absent
from isthmus.studio.serving.batching import Queue
from isthmus.studio.serving.limits import Limits
from isthmus.studio.serving.metrics import Metrics
from isthmus.studio.serving.tensors import Outputs, Tensor
from isthmus.studio.serving.verbs import Verb, verbs_of

Array = NDArray[Any]
MOST_NEIGHBOURS = 100


@dataclass(frozen=True)
class Searched:
    """An index, and the samples that its codes are of."""

    index: CodeIndex
    source: DataSet

    def verb(self, model: Any) -> Verb:
        """The nearest samples of each sample, up to 100 of them."""
        found = min(MOST_NEIGHBOURS, len(self.source))

        def run(samples: Array, _: str | None) -> Outputs:
            return self.index.search(model.transform(samples), found)._asdict()

        outputs = (Tensor("places", "INT64", (-1, found)), Tensor("distances", "FP64", (-1, found)))
        return Verb("search", Tensor("samples", "FP32", (-1, *model.sample_shape_)), outputs, run)

    def told(self, places: Array, distances: Array) -> list[dict[str, Any]]:
        """What is known of the neighbours of one sample, the nearest first."""
        names, classes = sample_names(self.source), class_of_each(self.source)
        return [
            {
                "place": int(place),
                "name": str(names[place]),
                "class": None if classes is None else str(classes[place]),
                "distance": float(distance),
            }
            for place, distance in zip(places, distances, strict=True)
        ]


@dataclass(frozen=True)
class Served:
    """A model, what it does, and those who wait for it."""

    name: str
    model: Any
    verbs: dict[str, Verb]
    queue: Queue
    limits: Limits
    searched: Searched | None

    def checked(self, verb: Verb, array: Array) -> Array:
        """Samples as the verb takes them, and no more than the server takes."""
        limits = self.limits
        if len(array.shape) and len(array) > limits.samples:
            raise HTTPException(
                413,
                f"A request may hold {limits.samples:,} samples, but this one holds"
                f" {len(array):,}; send fewer at once.",
            )
        self.check_pixels(array.shape)
        return verb.input.fitted(array)

    def check_pixels(self, shape: Sequence[int]) -> None:
        """Refuse images that are too large, as the network sees them: filled up to its piece."""
        if len(self.model.sample_shape_) < 2 or len(shape) < 3:
            return
        piece = self.model.sample_shape_[-2:] if self.model.task != "autoencoding" else (1, 1)
        count = shape[0] * math.prod(map(max, shape[-2:], piece))
        if count > self.limits.pixels:
            raise HTTPException(
                413,
                f"A request may hold {self.limits.pixels:,} pixels, but this one needs {count:,};"
                " send smaller images, or fewer at once.",
            )


def serve(
    models: Mapping[str, Any], indexes: Sequence[Path], limits: Limits, metrics: Metrics
) -> dict[str, Served]:
    """Models by name, with their queues and indexes.

    Raises
    ------
    SettingError
        If a model can do nothing with images or samples, or an index is of none of them.
    DataError, ModelFileError
        If an index is damaged, or its source has changed.
    """
    searched = _searched(models, indexes)
    found = {}
    for name, model in models.items():
        verbs = verbs_of(model)
        if not verbs:
            raise SettingError(
                f"'{name}' is a model of volumes, which are not served; use `isthmus segment`."
            )
        own = searched.get(name)
        if own is not None:
            verbs["search"] = own.verb(model)
        found[name] = Served(name, model, verbs, Queue(name, limits, metrics), limits, own)
    return found


def named(served: Mapping[str, Served], name: str, verb: str) -> Served:
    """The model of a name; 404 if there is none, or it cannot do this."""
    one = served.get(name)
    if one is None or verb not in one.verbs:
        able = [other.name for other in served.values() if verb in other.verbs]
        raise absent(f"No model '{name}' here can {verb}; give one of {', '.join(able)}.")
    return one


def refuse_infinite(outputs: Outputs) -> None:
    """Refuse to answer with NaN or infinity, which JSON does not know and nobody can use."""
    if not all(np.isfinite(array).all() for array in outputs.values()):
        raise DataError(
            "The model's answer to this input is not finite: its values are far from those it was"
            " trained on."
        )


def _searched(models: Mapping[str, Any], indexes: Sequence[Path]) -> dict[str, Searched]:
    prints = {
        model_fingerprint(model): name
        for name, model in (models if indexes else {}).items()
        if model.task == "autoencoding"
    }
    found: dict[str, Searched] = {}
    for folder in indexes:
        index = CodeIndex.load(folder)
        name = prints.get(index.origin.model_fingerprint)
        if name is None:
            raise SettingError(
                f"{folder} is an index of codes of another model ({index.origin.model}); serve"
                " that one too, or make the index again by `isthmus index`."
            )
        if name in found:
            raise SettingError(f"There are two indexes of '{name}'; give one for each model.")
        source = read_for(models[name], index.origin.source)
        if source.fingerprint() != index.origin.source_fingerprint:
            raise ModelFileError(
                f"{index.origin.source} has changed since {folder} was made; make the index again"
                " by `isthmus index`."
            )
        found[name] = Searched(index, source)
    return found
