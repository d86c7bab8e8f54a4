"""Models that were exported to ONNX, checked before they are believed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from torch import Tensor

import isthmus
from isthmus.core.errors import IsthmusError, ModelFileError
from isthmus.core.registry import explain
from isthmus.core.settings import NonNegativeInt
from isthmus.data.scaling import NoScaling, Scaling
from isthmus.inference.graphs import GraphNetwork, autoencoder_graphs, class_graphs
from isthmus.inference.onnx_files import Graph, Session, graph_checksum, read_graph
from isthmus.models._base import MODELS
from isthmus.models._files import Document, SavedModel
from isthmus.networks import Network

KEY = "isthmus"
"""Of the metadata: the document, the graph's name and the checksum of both and the graph."""
NAME_KEY, CHECKSUM_KEY = "isthmus.graph", "isthmus.sha256"
SUFFIX = ".onnx"
FORMAT = "isthmus-onnx-1"
_MOST_TEXT = 64 * 2**20  # characters of a document
_FILE_NAMES = {"encode": "encoder", "decode": "decoder", "forward": "autoencoder"}
_CLASS_NAMES = {
    "classifier": "classifier",
    "network": "segmenter",
    "first.network": "first",
    "second.network": "second",
}


class Export(BaseModel):
    """What the metadata of each file tell of the model.

    Attributes
    ----------
    numbers
        Those that a saved model keeps beside its weights, such as of the scaling, flat.
    graphs
        Names of all graphs of the model.
    int8
        Those that compute with whole numbers of 8 bits.
    reach
        `isthmus.networks.ImageNetwork.reach`, by the name of the network.
    """

    model_config = ConfigDict(extra="forbid", ser_json_inf_nan="strings")

    format: str
    onnxruntime: str
    model: Document
    numbers: dict[str, list[float]]
    graphs: tuple[str, ...]
    int8: tuple[str, ...] = ()
    reach: dict[str, NonNegativeInt]


@dataclass(frozen=True)
class _ExportedModel(SavedModel):
    """The numbers of an export; of weights it has none."""

    export: Export

    @classmethod
    def of(cls, path: Path, export: Export) -> Self:
        return cls(path, export.model, export)

    def tensors(self, expected: dict[str, Tensor]) -> dict[str, Tensor]:
        """The numbers, and what was expected in place of the weights."""
        return expected | {
            name: self._number(name, expected.get(name)) for name in self.export.numbers
        }

    def _number(self, name: str, expected: Tensor | None) -> Tensor:
        numbers = torch.tensor(self.export.numbers[name])
        if expected is None or numbers.numel() != expected.numel() or not numbers.isfinite().all():
            raise ModelFileError(
                f"{self.folder} tells {len(numbers)} numbers of '{name}', which do not fit the"
                " model; export it again."
            )
        return numbers.reshape(expected.shape)


def graphs_of(model: Any) -> dict[str, dict[str, Graph]]:
    """Graphs of a model, by network and by method of the network."""
    return {
        name: autoencoder_graphs(network, scaling_of(model))
        if model.task == "autoencoding" and name == "network"
        else class_graphs(network, scaling_of(model), _classes(model, name))
        for name, network in model._networks().items()
    }


def graph_names(network: str, methods: Mapping[str, Graph]) -> dict[str, str]:
    """Names of a network's graphs, by their methods."""
    if "encode" in methods:
        return {method: _FILE_NAMES[method] for method in methods}
    return {"forward": _CLASS_NAMES[network]}


def scaling_of(model: Any) -> Scaling:
    """What is done to samples within the graphs: nothing to images whose own values decide."""
    scaling: Scaling = getattr(model, "scaling_", None) or NoScaling()
    return scaling


def _classes(model: Any, network: str) -> int:
    """How many a network tells apart."""
    stages = getattr(model, "stages", {})
    return len(stages.get(network.partition(".")[0], model).classes_)


def is_exported(path: Path) -> bool:
    """Whether it is an ONNX file, or a folder of some."""
    return path.suffix == SUFFIX if path.is_file() else any(path.glob(f"*{SUFFIX}"))


def load_exported(path: Path) -> Any:
    """The model of a folder, or what one file tells of it; see `isthmus.load`."""
    files = [path] if path.is_file() else sorted(path.glob(f"*{SUFFIX}"))
    models, texts, checksums = {}, set(), []
    for file in files:
        model = read_graph(file)
        told = {entry.key: entry.value for entry in model.metadata_props}
        name, text = told.get(NAME_KEY, ""), told.get(KEY, "")
        if not (text and isinstance(text, str) and isinstance(name, str)):  # or bytes
            raise ModelFileError(f"{file} was not written by isthmus export; give one that was.")
        if told.get(CHECKSUM_KEY) != graph_checksum(model, name + text):
            raise ModelFileError(
                f"{file} is not as it was exported (its checksum differs); export the model again."
            )
        models[name] = (file, model)
        checksums.append(told[CHECKSUM_KEY])
        texts.add(text)
    if len(texts) > 1 or len(models) < len(files):
        raise ModelFileError(f"{path} holds files of several exports; give each its own folder.")
    export = _read(path, texts.pop())
    if path.is_dir() and (missing := set(export.graphs) - models.keys()):
        raise ModelFileError(
            f"{path} lacks {', '.join(sorted(missing))}; copy the whole folder again."
        )
    try:
        model = MODELS[export.model.kind].from_saved(_ExportedModel.of(path, export))
        _put_graphs(model, models, export, bytes.fromhex("".join(checksums)))
    except ModelFileError:
        raise
    except IsthmusError as error:
        raise ModelFileError(f"{path} cannot be used: {error}") from error
    return model


def _read(path: Path, text: str) -> Export:
    if len(text) > _MOST_TEXT:
        raise ModelFileError(f"{path} tells more of its model than any model needs.")
    try:
        export = Export.model_validate_json(text)
    except ValidationError as error:
        reason = explain(error, Export, f"{path}: metadata").removesuffix(".")
        raise ModelFileError(f"{reason}; export the model again.") from None
    if export.format != FORMAT:
        raise ModelFileError(
            f"{path} is of the format '{export.format}', which isthmus {isthmus.__version__} does"
            f" not read; use the version that wrote it ({export.model.isthmus})."
        )
    return export


def _put_graphs(
    model: Any, files: Mapping[str, tuple[Path, Any]], export: Export, checksum: bytes
) -> None:
    """Let a model's networks be the graphs of files."""
    networks: dict[str, Network] = {}
    for name, methods in graphs_of(model).items():
        sessions = {
            method: Session(*files[file], methods[method])
            for method, file in graph_names(name, methods).items()
            if file in files
        }
        like, reach = model._networks()[name], export.reach.get(name, 0)
        networks[name] = GraphNetwork(like, sessions, scaling_of(model), reach, checksum).eval()
    model._put_networks(networks)
