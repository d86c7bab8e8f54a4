"""Corruptions C of the input. One file and one registration add one to `CORRUPTIONS`."""

from isthmus.corruption import gaussian
from isthmus.corruption._base import CORRUPTIONS, Corruption

__all__ = ["CORRUPTIONS", "Corruption", "gaussian"]
