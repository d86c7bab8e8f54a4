"""Activations by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from isthmus.networks.code_activations import CODE_ACTIVATIONS, CodeActivation

Activation = Literal["none", "relu", "leaky_relu", "elu", "silu", "gelu", "tanh", "sigmoid"]
OutputActivation = Literal["none", "sigmoid", "relu", "softmax"]


def activation(name: Activation) -> CodeActivation:
    """A new module for the end of a hidden layer."""
    return CODE_ACTIVATIONS.build(name, 0)


def _softmax_over_classes(logits: Tensor) -> Tensor:
    return torch.softmax(logits, dim=1)


OUTPUT_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "none": nn.Identity(),
    "sigmoid": torch.sigmoid,
    "relu": torch.relu,
    "softmax": _softmax_over_classes,
}
"""Activation of the decoder's last layer, chosen by what the targets can be.

``none``
    Targets are any real numbers (standardised tables, signed signals). An activation could not
    reach them (a ReLU never gives -1) or would saturate, and its gradient would vanish.
``sigmoid``
    Targets lie in [0, 1] (pixels, bits, probabilities): every output is a valid pixel.
``relu``
    Targets are non-negative and unbounded (counts, intensities): no output is below 0.
``softmax``
    Targets are class probabilities along dimension 1 (one-hot label maps).
"""
