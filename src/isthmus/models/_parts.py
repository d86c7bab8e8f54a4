"""One graph of a model: traced, compared with torch, and tried in 8 bits."""

from __future__ import annotations

import logging
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from isthmus.core.errors import SettingError
from isthmus.inference.onnx_files import OPSET, Graph, Session, library
from isthmus.models._exported import SUFFIX, graphs_of, scaling_of
from isthmus.networks import Network

TOLERANCE = 1e-4  # of the range of an output
INT8_TOLERANCE = 0.02  # the same
INT8_AGREEMENT = 0.995  # share of samples or pixels whose most probable class is the same
_BATCHES = (5, 1, 2)
_ROUNDS = 5  # of timings
_FASTER = 1.1  # than that of 32 bits, so that chance does not choose
_CLOUDS = 4  # each way
_TIMED = 32  # samples; of images whose pixels have classes it is one
_LEAST = 1e-30  # probability that has a logarithm
_OF_CLASSES = "probabilities"
_Values = tuple[Tensor, ...]
_Function = Callable[..., Tensor]


@dataclass(frozen=True)
class Tried:
    """A graph of 8 bits beside that of 32.

    Attributes
    ----------
    speed
        How many times as fast it is.
    difference
        As of `Written`; of classes, the share of samples or pixels that get another one.
    kept
        Whether it is enough faster, and differs by no more than `export_onnx` allows.
    """

    speed: float
    difference: float
    kept: bool

    def __str__(self) -> str:
        verdict = "kept" if self.kept else "so it stays in 32"
        return f"{self.speed:.2f} times as fast, {self.difference:.1e} different, {verdict}"


@dataclass(frozen=True)
class Part:
    """A graph that is to be written.

    Attributes
    ----------
    name
        Of its file.
    graph
        What it computes.
    network
        Name of the network within.
    model
        The model.
    """

    name: str
    graph: Graph
    network: str
    model: Any

    def traced(self) -> Any:
        """The graph as ONNX has it."""
        onnx, graph = library("onnx"), self.graph
        shapes = {**graph.inputs, graph.output: graph.output_shape}
        free = {
            name: {axis: side for axis, side in enumerate(shape) if isinstance(side, str)}
            for name, shape in shapes.items()
        }
        traced = _Traced(self.model._networks()[self.network].cpu(), graph.function).eval()
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), torch.no_grad():
            path = Path(folder) / f"{self.name}{SUFFIX}"
            # The other exporter of torch takes 10 to 30 s for what this one does in half of one.
            # It warns that sizes are looked at on the way: all kinds of them are tried afterwards.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                traced,
                self.examples()[0],
                path,
                dynamo=False,
                opset_version=OPSET,
                input_names=list(graph.inputs),
                output_names=[graph.output],
                dynamic_axes=free,
            )
            found = onnx.load(path)
        found.graph.output[0].CopyFrom(
            onnx.helper.make_tensor_value_info(
                graph.output, onnx.TensorProto.FLOAT, graph.output_shape
            )
        )
        return found

    def compared(self, traced: Any) -> float:
        """The largest difference from torch.

        Raises
        ------
        SettingError
            If it is too large.
        """
        session = Session(Path(self.name), traced, self.graph)
        difference = self._difference(self.graph.function, session, self.examples())
        if not difference <= TOLERANCE:  # nor if it is no number
            raise SettingError(
                f"The {self.name} as ONNX differs from PyTorch's by {difference:.2g} of the range"
                f" of its output, more than {TOLERANCE:g}; nothing was written."
            )
        return difference

    def tried(self, traced: Any, smaller: Any) -> Tried:
        """The same graph in 8 bits, beside it."""
        wide, narrow = (Session(Path(self.name), one, self.graph) for one in (traced, smaller))
        some = self.examples()
        count = 1 if self.graph.output == _OF_CLASSES and "H" in self.graph.output_shape else _TIMED
        many = self._values(count, self._own_size)
        rounds = [(_seconds(wide, many), _seconds(narrow, many)) for _ in range(_ROUNDS + 1)][1:]
        speed = statistics.median(slow / fast for slow, fast in rounds)
        if self.graph.output == _OF_CLASSES:
            changed = [wide(*one).argmax(1) != narrow(*one).argmax(1) for one in [*some, many]]
            difference = float(torch.cat([one.flatten() for one in changed]).float().mean())
            return Tried(speed, difference, speed > _FASTER and difference <= 1 - INT8_AGREEMENT)
        difference = self._difference(wide, narrow, [*some, many])
        return Tried(speed, difference, speed > _FASTER and difference <= INT8_TOLERANCE)

    def _difference(self, one: _Function, other: _Function, examples: list[_Values]) -> float:
        """The largest, as a share of the range of the one."""
        with torch.inference_mode():
            pairs = [
                [self._measured(function(*values)) for function in (one, other)]
                for values in examples
            ]
        largest = max(float((a - b).abs().max()) for a, b in pairs)
        spread = max(float(a.max()) for a, _ in pairs) - min(float(a.min()) for a, _ in pairs)
        return largest / spread if spread else largest

    def _measured(self, output: Tensor) -> Tensor:
        """What is compared: it counts alike in all columns, and also where a class is certain."""
        if self.graph.output == _OF_CLASSES:
            return output.clamp_min(_LEAST).log()
        scaled: Tensor = scaling_of(self.model).apply(output) if self.graph.restores else output
        return scaled

    @property
    def _own_size(self) -> tuple[int, int]:
        height, width = (1, *self.model.sample_shape_)[-2:]
        return height, width

    def examples(self) -> list[_Values]:
        """Inputs of several numbers, and where they may have any size of several sizes."""
        height, width = self._own_size
        sizes = [(height, width)]
        if any("H" in shape for shape in self.graph.inputs.values()):
            stride = self.model._networks()[self.network].stride
            sizes += [(height + 3, width + 1), (stride, 2 * stride), (3, 5)]
        batches = [self._values(count, sizes[0]) for count in _BATCHES]
        return [*batches, *(self._values(2, size) for size in sizes[1:])]

    def _values(self, count: int, size: tuple[int, int]) -> _Values:
        generator = torch.Generator().manual_seed(0)
        sides = {"N": count, "H": size[0], "W": size[1]}
        values = []
        for name, shape in self.graph.inputs.items():
            own = [sides[side] if isinstance(side, str) else side for side in shape]
            if name == "label":
                classes = len(self.model.classes_)
                values.append(torch.randint(classes, own, generator=generator))
            elif name == "code":
                mean, std = (
                    torch.from_numpy(x) for x in (self.model.code_mean_, self.model.code_std_)
                )
                values.append(mean + std * torch.randn(own, generator=generator))
            else:
                values.append(self._samples(own, generator))
        return tuple(values)

    def _samples(self, shape: list[int], generator: torch.Generator) -> Tensor:
        """Such as the model decodes, where it can; else noise, on clouds where they are images."""
        if self.model.task == "autoencoding" and tuple(shape[1:]) == self.model.sample_shape_:
            decoder = graphs_of(self.model)["network"].get("decode")
            if decoder is not None:
                part = replace(self, graph=decoder, network="network")
                with torch.inference_mode():
                    return decoder.function(*part._values(shape[0], (1, 1))).clone()
        drawn = torch.rand(shape, generator=generator)
        if len(shape) > 2:
            small = torch.rand((shape[0], 1, _CLOUDS, _CLOUDS), generator=generator)
            large = F.interpolate(small, shape[-2:], mode="bicubic").clamp(0, 1)
            drawn = (
                0.8 * large.reshape(shape[0], *[1] * (len(shape) - 3), *shape[-2:])
            ) + drawn / 5
        restored: Tensor = scaling_of(self.model).undo(drawn)
        return restored


class _Traced(nn.Module):
    """A function of tensors, by the weights of a network."""

    def __init__(self, network: Network, function: _Function) -> None:
        super().__init__()
        self.network, self.function = network, function

    def forward(self, *values: Tensor) -> Tensor:
        return self.function(*values)


def _seconds(session: Session, values: _Values) -> float:
    began = time.perf_counter()
    session(*values)
    return time.perf_counter() - began


def quantised(graph: Any) -> Any:
    """The graph with weights of 8 bits; those of its inputs are found as it runs."""
    quantisation, onnx = library("onnxruntime.quantization"), library("onnx")
    with tempfile.TemporaryDirectory() as folder, _quiet():
        path = Path(folder) / f"int8{SUFFIX}"
        quantisation.quantize_dynamic(graph, path)
        smaller = onnx.load(path)
    used = {node.domain for node in smaller.graph.node}
    unused = [one for one in smaller.opset_import if one.domain and one.domain not in used]
    for one in unused:
        smaller.opset_import.remove(one)
    return smaller


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the advice that a library logs."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
