"""Networks as ONNX graphs: what goes in and comes out, and how onnxruntime computes them."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor

from isthmus.core.errors import ModelFileError, SettingError
from isthmus.data.scaling import Scaling
from isthmus.networks import ImageNetwork, Network
from isthmus.networks.code_activations import CodeActivation
from isthmus.networks.conditional import Conditional, labels_of

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


# -- what graphs take and give ----------------------------------------------------------------


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


def autoencoder_graphs(network: Network, scaling: Scaling) -> dict[str, Graph]:
    """Graphs by the network's method that they stand for; the scaling of samples is within.

    ``forward`` is there where it is not the decoder of the encoder: for images of other sizes, and
    where the decoder looks at more than the code.
    """
    sample = _sample(network, scaling)
    free = "H" in sample
    code = ("N", "units" if free else int(np.prod(network.code_shape)))
    told: dict[str, Shape] = {_LABEL: ("N",)} if isinstance(network, Conditional) else {}

    def encode(x: Tensor) -> Tensor:
        return network.encode(scaling.apply(x)).flatten(1)

    def decode(code: Tensor, *label: Tensor) -> Tensor:
        of_class = network.given(label[0]) if label else network
        decoded: Tensor = scaling.undo(of_class.decode(code.unflatten(1, network.code_shape)))
        return decoded

    def forward(x: Tensor) -> Tensor:
        restored: Tensor = scaling.undo(network(scaling.apply(x)))
        return restored

    graphs = {"encode": Graph(encode, {"sample": sample}, "code", code)}
    if decodes := _decodes(network):
        inputs = {"code": ("N", int(np.prod(network.code_shape))), **told}
        graphs["decode"] = Graph(decode, inputs, "sample", ("N", *network.sample_shape))
    if free or not decodes:
        graphs["forward"] = Graph(forward, {"sample": sample}, "restored", sample)
    return graphs


def class_graphs(network: Network, scaling: Scaling, classes: int) -> dict[str, Graph]:
    """The graph of class probabilities, of samples or of their pixels."""
    sample = _sample(network, scaling)
    pixels = sample[-2:] if "H" in sample else ()

    def forward(x: Tensor) -> Tensor:
        probabilities: Tensor = network(scaling.apply(x))
        return probabilities

    shape = ("N", classes, *pixels)
    return {"forward": Graph(forward, {"sample": sample}, "probabilities", shape)}


def _sample(network: Network, scaling: Scaling) -> Shape:
    if network.any_size and scaling.offset.ndim == scaling.scale.ndim == 0:
        return ("N", *network.sample_shape[:-2], "H", "W")
    return ("N", *network.sample_shape)


def _decodes(network: Network) -> bool:
    """Whether the decoder looks at nothing but the code."""
    inner = getattr(network, "network", network)
    return bool(getattr(inner, "code_is_all", True))


# -- files ------------------------------------------------------------------------------------


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


class GraphNetwork(Network):
    """A network whose f and g are ONNX graphs: it predicts, and nothing else.

    Parameters
    ----------
    like
        The network that was exported; its weights are not looked at.
    sessions
        By the method that each stands for, see `autoencoder_graphs` and `class_graphs`.
    scaling
        That of the graphs, which take and give samples in the units of the data.
    reach
        See `ImageNetwork`.
    checksum
        Of the graphs, 32 bytes; stands for the weights.
    """

    def __init__(
        self,
        like: Network,
        sessions: Mapping[str, Session],
        scaling: Scaling,
        reach: int,
        checksum: bytes,
    ) -> None:
        super().__init__(like.sample_shape, like.output_activation)
        # A wrapper is of the kind that it wraps, which no other network tells of an instance.
        self.kind, self.code_shape = like.kind, like.code_shape  # type: ignore[misc]
        self.any_size = "H" in _sample(like, scaling)  # type: ignore[misc]  # as above
        self.stride = like.stride if isinstance(like, ImageNetwork) else 1
        self.reach = reach
        self._sessions, self._scaling = sessions, scaling
        self._conditional = isinstance(like, Conditional)
        self._labels: Tensor | None = None
        self.register_buffer("checksum", torch.frombuffer(bytearray(checksum), dtype=torch.uint8))

    def given(self, labels: Tensor | None) -> GraphNetwork:
        """The same network for samples of the classes ``(N,)``, or all of one class ``()``."""
        twin = copy.copy(self)
        twin._labels = labels
        return twin

    def encode(self, x: Tensor) -> Tensor:
        """Codes ``(N, *code_shape)``."""
        code = self._session("encode")(self._scaling.undo(x))
        shaped: Tensor = code.unflatten(1, self.code_shape)
        return shaped

    def decode(self, code: Tensor) -> Tensor:
        """Samples ``(N, *sample_shape)``."""
        told = [labels_of(code, self._labels)] if self._conditional else []
        decoded: Tensor = self._scaling.apply(self._session("decode")(code.flatten(1), *told))
        return decoded

    def forward(self, x: Tensor) -> Tensor:
        """What is made of samples."""
        if "forward" not in self._sessions:
            return super().forward(x)
        session = self._session("forward")
        found: Tensor = session(self._scaling.undo(x))
        if session.graph.restores:
            found = self._scaling.apply(found)
        return found

    def _session(self, method: str) -> Session:
        if method not in self._sessions:
            refuse_graphs(f"which has no graph to {method}")
        return self._sessions[method]

    def logits(self, code: Tensor) -> NoReturn:
        """Refused: graphs end with the activation."""
        refuse_graphs("whose graphs have no outputs but the last")

    @property
    def code_activation(self) -> CodeActivation:
        """Refused: it lies within a graph."""
        refuse_graphs("whose graphs have no outputs but the last")

    def encoder_weights(self) -> NoReturn:
        """Refused."""
        refuse_graphs("without weights in PyTorch")

    def __deepcopy__(self, memo: object) -> NoReturn:
        refuse_graphs("which can neither be trained on nor computed with in other ways")


def refuse_graphs(why: str) -> NoReturn:
    """Refuse what only the model can do that was exported."""
    raise SettingError(
        f"This model was loaded from ONNX, {why}; use the run or model that it was exported from"
        " (or all files of the export)."
    )
