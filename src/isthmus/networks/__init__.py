"""Encoders f and decoders g. One file and one registration add a network to `NETWORKS`."""

from isthmus.networks import convolutional, dense, linear
from isthmus.networks._base import NETWORKS, Network, build_network, count_parameters

__all__ = [
    "NETWORKS",
    "Network",
    "build_network",
    "convolutional",
    "count_parameters",
    "dense",
    "linear",
]
