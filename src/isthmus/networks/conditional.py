"""An autoencoder whose decoder is told the class."""

from __future__ import annotations

import copy

import torch
from torch import Tensor
from torch.nn import functional as F

from isthmus.core.errors import DataError
from isthmus.networks._base import Network
from isthmus.networks.code_activations import CodeActivation


class Conditional(Network):
    """r = g(h, c): K values beside the m of the code, of which that of the class is 1, others 0.

    What the class tells need not be in the code, which keeps what varies within a class. Beside a
    code that is a map they are K maps. Source: Sohn, Lee and Yan 2015.

    Parameters
    ----------
    encoder
        A network of m code units, of which f is used.
    decoder
        One of m + K code units, of which g is used.
    """

    def __init__(self, encoder: Network, decoder: Network) -> None:
        super().__init__(encoder.sample_shape, encoder.output_activation)
        # A wrapper is of the kind that it wraps, which no other network tells of an instance.
        self.kind, self.code_shape = encoder.kind, encoder.code_shape  # type: ignore[misc]
        self.classes = decoder.code_shape[0] - encoder.code_shape[0]
        self.encoder, self.decoder = encoder.without_decoder(), decoder.without_encoder()
        self.labels: Tensor | None = None

    @property
    def code_activation(self) -> CodeActivation:
        """That of f."""
        return self.encoder.code_activation

    def given(self, labels: Tensor | None) -> Conditional:
        """The same network for samples of the classes ``(N,)``, or all of one class ``()``."""
        twin = copy.copy(self)  # shares the weights
        twin.labels = labels
        return twin

    def encode(self, x: Tensor) -> Tensor:
        """f(x), which is not told the class."""
        return self.encoder.encode(x)

    def logits(self, code: Tensor) -> Tensor:
        """g(h, c) before its activation; see `labels_of`."""
        told = F.one_hot(labels_of(code, self.labels), self.classes).to(code.dtype)
        told = told.reshape(*told.shape, *[1] * (code.ndim - 2)).expand(-1, -1, *code.shape[2:])
        return self.decoder.logits(torch.cat([code, told], dim=1))


def labels_of(codes: Tensor, labels: Tensor | None) -> Tensor:
    """The class of each code ``(N,)``; of several codes for each label, one after another.

    Raises
    ------
    DataError
        If the classes are not known.
    """
    if labels is None:
        raise DataError(
            "This model's decoder must be told the class of what it decodes; give labels (in"
            " Python y, or model.given(label); on the command line data with classes, or"
            " --class)."
        )
    labels = labels.to(codes.device).reshape(-1)
    return labels.repeat_interleave(len(codes) // len(labels))
