"""Networks as ONNX graphs: those that are written of one, and one that is computed by them."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import NoReturn

import numpy as np
import torch
from torch import Tensor

from isthmus.core.errors import SettingError
from isthmus.data.scaling import Scaling
from isthmus.inference.onnx_files import Graph, Session, Shape
from isthmus.networks import ImageNetwork, Network
from isthmus.networks.code_activations import CodeActivation
from isthmus.networks.conditional import Conditional, labels_of


def autoencoder_graphs(network: Network, scaling: Scaling) -> dict[str, Graph]:
    """Graphs by the network's method that they stand for; the scaling of samples is within.

    ``forward`` is there where it is not the decoder of the encoder: for images of other sizes, and
    where the decoder looks at more than the code.
    """
    sample = _sample(network, scaling)
    free = "H" in sample
    code = ("N", "units" if free else int(np.prod(network.code_shape)))
    told: dict[str, Shape] = {"label": ("N",)} if isinstance(network, Conditional) else {}

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
