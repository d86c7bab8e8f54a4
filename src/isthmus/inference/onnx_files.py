"""ONNX files: looked through before they are believed, and computed by onnxruntime."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from isthmus.core.errors import ModelFileError, SettingError

OPSET = 18
"""Of the graphs that are written: what onnxruntime, also that of browsers, has read for long."""
Shape = tuple[int | str, ...]
_OPSETS = range(13, 22)  # that are read
_DOMAINS = ("", "ai.onnx")
_MOST = 2**31 - 1  # bytes that a file of this format may have
_LABEL = "label"


def library(name: str) -> Any:
    """Onnx, onnxruntime, or a module of them.

    Raises
    ------
    SettingError
        If it is not installed.
    """
    try:
        return import_module(name)
    except ModuleNotFoundError:
        raise SettingError(
            "ONNX needs the libraries onnx and onnxruntime; run pip install 'isthmus[onnx]'."
        ) from None


@dataclass(frozen=True)
class Graph:
    """A function of tensors that is written as a graph.

    Attributes
    ----------
    function
        What is traced.
    inputs
        Shapes by name, with a letter or word for each side of any size. All are float32 but
        ``label``, which is int64.
    output, output_shape
        Name and shape of the only output, float32.
    """

    function: Callable[..., Tensor]
    inputs: dict[str, Shape]
    output: str
    output_shape: Shape

    @property
    def restores(self) -> bool:
        """Whether samples come out, in the units of the data."""
        return self.output in ("sample", "restored")

    def ports(self) -> list[tuple[str, str, Shape]]:
        """Name, type and shape of all inputs and the output."""
        inputs = [
            (name, "tensor(int64)" if name == _LABEL else "tensor(float)", shape)
            for name, shape in self.inputs.items()
        ]
        return [*inputs, (self.output, "tensor(float)", self.output_shape)]


def read_graph(path: Path) -> Any:
    """The content of an ONNX file, looked through but not yet computed with.

    Raises
    ------
    ModelFileError
        If it is damaged or too large, uses operators other than ONNX's own or of another time, or
        names other files.
    """
    onnx = library("onnx")
    if not path.is_file() or path.stat().st_size > _MOST:
        raise ModelFileError(f"{path} is missing, or larger than {_MOST / 2**30:.0f} GiB.")
    try:
        model = onnx.load_model_from_string(path.read_bytes())
        versions = {one.domain: one.version for one in model.opset_import}
        _refuse_foreign(path, model, versions)
        onnx.checker.check_model(model)
    except ModelFileError:
        raise
    except Exception as error:  # of protobuf or of the checker
        raise _damaged(path, error) from None
    return model


def _refuse_foreign(path: Path, model: Any, versions: Mapping[str, int]) -> None:
    if model.functions or any(node.domain not in _DOMAINS for node in _nodes(model.graph)):
        raise ModelFileError(
            f"{path} computes with operators that are not ONNX's own; export the model again."
        )
    if not any(versions.get(domain) in _OPSETS for domain in _DOMAINS):
        raise ModelFileError(
            f"{path} has another version of ONNX's operators than {_OPSETS[0]} to {_OPSETS[-1]};"
            " export the model again."
        )
    if any(tensor.data_location or tensor.external_data for tensor in _tensors(model.graph)):
        raise ModelFileError(
            f"{path} keeps weights in other files, which is refused; export the model again."
        )


def _nodes(graph: Any) -> Iterator[Any]:
    """All nodes, also those of branches within."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from _nodes(inner)


def _tensors(graph: Any) -> Iterator[Any]:
    """All tensors, also those of branches within."""
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        for attribute in node.attribute:
            for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                yield from (sparse.values, sparse.indices)
            yield from (attribute.t, *attribute.tensors)
            for inner in (attribute.g, *attribute.graphs):
                yield from _tensors(inner)


def graph_checksum(model: Any, text: str) -> str:
    """SHA-256 of a graph and of what is told of it, hexadecimal."""
    return hashlib.sha256(
        model.graph.SerializeToString(deterministic=True) + text.encode()
    ).hexdigest()


def _damaged(path: Path, error: Exception) -> ModelFileError:
    reason = " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__
    return ModelFileError(f"{path} is damaged or no ONNX file ({reason}); export the model again.")


class Session:
    """One graph, computed by onnxruntime with as many threads as torch would use.

    Raises
    ------
    ModelFileError
        If onnxruntime cannot read it, or it takes or gives something other than it should.
    """

    def __init__(self, path: Path, model: Any, graph: Graph) -> None:
        runtime = library("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # what is wrong comes as an exception
        try:
            self._session = runtime.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime has many, of no common class
            raise _damaged(path, error) from None
        self.path, self.graph = path, graph
        ports = [*self._session.get_inputs(), *self._session.get_outputs()]
        found = [(port.name, port.type, tuple(port.shape)) for port in ports]
        if found != graph.ports():
            raise ModelFileError(
                f"{path} takes and gives {_words(found)}, where {_words(graph.ports())} belongs;"
                " export the model again."
            )

    def __call__(self, *values: Tensor) -> Tensor:
        """The output, on the device of the first input."""
        given = {
            name: np.ascontiguousarray(value.detach().cpu().numpy())
            for name, value in zip(self.graph.inputs, values, strict=True)
        }
        try:
            (found,) = self._session.run(None, given)
        except Exception as error:  # as above
            raise _damaged(self.path, error) from None
        self._check(found.shape, given)
        return torch.from_numpy(found).to(values[0].device)

    def _check(self, found: tuple[int, ...], given: dict[str, Any]) -> None:
        """Refuse an output of another shape than was told."""
        sides: dict[int | str, int] = {}
        for name, shape in self.graph.inputs.items():
            sides |= zip(shape, given[name].shape, strict=True)
        wanted = [sides.get(side, side) for side in self.graph.output_shape]
        if len(found) != len(wanted) or any(
            isinstance(side, int) and side != own for own, side in zip(found, wanted, strict=True)
        ):
            raise ModelFileError(
                f"{self.path} gives {found} where {tuple(wanted)} belongs; export the model again."
            )


def _words(ports: list[tuple[str, str, Shape]]) -> str:
    return ", ".join(f"{name} {kind}{list(shape)}" for name, kind, shape in ports)
