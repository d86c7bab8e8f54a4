"""Corruptions C of the input. One file and one registration add one to `CORRUPTIONS`."""

from isthmus.corruption import (
    block,
    blur,
    gaussian,
    haze,
    masking,
    poisson,
    salt_and_pepper,
    sometimes,
    speckle,
)
from isthmus.corruption._base import CORRUPTIONS, Corruption, ImageCorruption

__all__ = [
    "CORRUPTIONS",
    "Corruption",
    "ImageCorruption",
    "block",
    "blur",
    "gaussian",
    "haze",
    "masking",
    "poisson",
    "salt_and_pepper",
    "sometimes",
    "speckle",
]
