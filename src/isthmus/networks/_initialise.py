"""The stated rule for initial weights."""

from __future__ import annotations

import math
from itertools import zip_longest

import torch
from torch import nn


def initialise(network: nn.Module, generator: torch.Generator) -> None:
    """Set all weights of a network, a pure function of the generator's seed.

    - A linear or convolutional layer followed by a rectifier (ReLU, ELU, SiLU, ...) draws from
      N(0, 2 / fan_in) (He et al. 2015); every other one from N(0, 2 / (fan_in + fan_out))
      (Glorot and Bengio 2010). The fan-in of a transposed convolution is the number of inputs
      that reach one output, channels * kernel area / stride². A group of maps counts by itself,
      and a normalisation between a layer and its rectifier changes nothing.
    - A layer that has a `start` of its own calls it instead: the last one of a residual network is
      0, an up-sampling one may interpolate.
    - Biases are 0.
    - Other layers (normalisation) keep their own deterministic rule.
    """
    following = {
        id(layer): after
        for parent in network.modules()
        if isinstance(parent, nn.Sequential)
        for layers in [[layer for layer in parent if not isinstance(layer, nn.BatchNorm2d)]]
        for layer, after in zip_longest(layers, layers[1:])
    }
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            fan_in, fan_out = _fans(module)
            rectified = getattr(following.get(id(module)), "rectifies", False)
            variance = 2 / fan_in if rectified else 2 / (fan_in + fan_out)
            if callable(start := getattr(module, "start", None)):
                start()
            else:
                nn.init.normal_(module.weight, std=math.sqrt(variance), generator=generator)
        elif callable(reset := getattr(module, "reset_parameters", None)):
            reset()
        if isinstance(bias := getattr(module, "bias", None), nn.Parameter):
            nn.init.zeros_(bias)


def _fans(layer: nn.Linear | nn.Conv2d | nn.ConvTranspose2d) -> tuple[float, float]:
    """Numbers of inputs that reach one output, and of outputs that one input reaches."""
    if isinstance(layer, nn.Linear):
        return layer.in_features, layer.out_features
    area = layer.weight[0, 0].numel()
    inputs, outputs = layer.in_channels // layer.groups, layer.out_channels // layer.groups
    steps = math.prod(layer.stride)
    if isinstance(layer, nn.ConvTranspose2d):
        return inputs * area / steps, outputs * area
    return inputs * area, outputs * area / steps
