"""The features of an autoencoder of one layer, and a sample as a sum of a few of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from isthmus.core.errors import SettingError
from isthmus.networks import Network

Array = NDArray[Any]


def decoder_columns(network: Network) -> NDArray[np.float32]:
    """Columns of V in r = s'(V h + c), ``(m, *sample_shape)``: what each code unit adds.

    Raises
    ------
    SettingError
        If the network has more than one layer each way.
    """
    if network.single_layer is None:
        raise SettingError(
            "Only an autoencoder of one layer each way is a sum of features; use the network"
            " 'one_layer' or 'linear'."
        )
    units = network.code_shape[0]
    with torch.inference_mode():
        weight = network.single_layer.weight
        zero, each = weight.new_zeros(1, units), torch.eye(units, device=weight.device)
        columns = network.logits(each) - network.logits(zero)
    return columns.float().cpu().numpy()


@dataclass(frozen=True)
class Parts:
    """Samples as sums of few features: s'(c + Σ_k h_k v_k) over the units that add most.

    Attributes
    ----------
    units
        The units, those that add most first, ``(N, count)``.
    coefficients
        h of these, ``(N, count)``.
    partial
        Reconstructions from these units alone, ``(N, *sample_shape)``, in scaled units.
    """

    units: NDArray[np.int64]
    coefficients: NDArray[np.float32]
    partial: NDArray[np.float32]


def largest_parts(network: Network, codes: Array, count: int) -> Parts:
    """The `count` units of each code ``(N, m)`` that add most, by |h_j| ‖v_j‖.

    Source: lecture note 001 (a digit as 1 x 7 + 0.8 x 2 ... of stroke features).

    Raises
    ------
    SettingError
        If the network has more than one layer each way.
    """
    codes = np.asarray(codes, np.float32)
    lengths = np.linalg.norm(decoder_columns(network).reshape(codes.shape[1], -1), axis=1)
    units = np.argsort(-np.abs(codes) * lengths, axis=1, kind="stable")[:, :count]
    coefficients = np.take_along_axis(codes, units, 1)
    few = np.zeros_like(codes)
    np.put_along_axis(few, units, coefficients, 1)
    with torch.inference_mode():
        device = next(network.parameters()).device
        partial = network.decode(torch.tensor(few, device=device)).float().cpu().numpy()
    return Parts(units, coefficients, partial)
