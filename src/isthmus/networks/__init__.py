"""Encoders f and decoders g. One file and one registration add a network to `NETWORKS`."""

from isthmus.networks import (
    coarse,
    convolutional,
    dense,
    fcn,
    fine,
    linear,
    one_layer,
    pyramid,
    segnet,
    small,
    two_path,
    unet,
    windows,
)
from isthmus.networks._base import NETWORKS, Network, build_network, count_parameters
from isthmus.networks._images import ImageNetwork, pad
from isthmus.networks._initialise import initialise
from isthmus.networks._start import start_encoder
from isthmus.networks._vgg import load_vgg16
from isthmus.networks.code_activations import CODE_ACTIVATIONS

__all__ = [
    "CODE_ACTIVATIONS",
    "NETWORKS",
    "ImageNetwork",
    "Network",
    "build_network",
    "coarse",
    "convolutional",
    "count_parameters",
    "dense",
    "fcn",
    "fine",
    "initialise",
    "linear",
    "load_vgg16",
    "one_layer",
    "pad",
    "pyramid",
    "segnet",
    "small",
    "start_encoder",
    "two_path",
    "unet",
    "windows",
]
