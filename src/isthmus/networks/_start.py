"""A network that starts with the encoder of another one."""

from __future__ import annotations

from itertools import zip_longest

import torch

from isthmus.core.errors import SettingError
from isthmus.networks._base import Network


def start_encoder(network: Network, other: Network) -> None:
    """Give a network the weights of another one's encoder, in place; the decoder stays as it is.

    The encoder is everything that is not in `Network.decoder_modules`.

    Raises
    ------
    SettingError
        If the encoders differ in kind, depth, widths, normalisation, activation or channels; the
        network is then as it was.
    """
    if network.kind != other.kind:
        raise SettingError(f"it is a network '{other.kind}', not a '{network.kind}'")
    own, others = network.encoder_weights(), other.encoder_weights()
    normalised, other_normalised = (
        "batch" if _normalised(one) else "none" for one in (own, others)
    )
    if normalised != other_normalised:
        raise SettingError(
            f"it has normalisation = '{other_normalised}', not '{normalised}'; set it alike for"
            " both networks"
        )
    for name in sorted(own.keys() | others.keys()):
        found, wanted = (
            list(one[name].shape) if name in one else "missing" for one in (others, own)
        )
        if found != wanted:
            raise SettingError(
                f"its '{name}' is {found} where {wanted} belongs; give both the same channels of"
                " images, widths and code_size"
            )
    for layer, other_layer in zip_longest(_layers(network), _layers(other), fillvalue="nothing"):
        if layer != other_layer:
            raise SettingError(
                f"it has {other_layer} where {layer} belongs; give both the same activation"
            )
    with torch.no_grad():
        for name, weight in own.items():
            weight.copy_(others[name])


def _layers(network: Network) -> list[str]:
    """Kinds of the encoder's layers."""
    of_decoder = tuple(f"{name}." for name in network.decoder_modules)
    return [
        type(module).__name__
        for name, module in network.named_modules()
        if not f"{name}.".startswith(of_decoder) and next(module.children(), None) is None
    ]


def _normalised(weights: dict[str, torch.Tensor]) -> bool:
    return any(name.endswith("running_mean") for name in weights)
