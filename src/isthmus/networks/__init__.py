"""Encoders f and decoders g. One file and one registration add a network to `NETWORKS`."""

from isthmus.networks import convolutional, dense, linear, one_layer, unet
from isthmus.networks._base import NETWORKS, Network, build_network, count_parameters
from isthmus.networks._images import ImageNetwork
from isthmus.networks.code_activations import CODE_ACTIVATIONS

__all__ = [
    "CODE_ACTIVATIONS",
    "NETWORKS",
    "ImageNetwork",
    "Network",
    "build_network",
    "convolutional",
    "count_parameters",
    "dense",
    "linear",
    "one_layer",
    "unet",
]
