"""Prediction in batches and in tiles."""

from isthmus.inference.batched import in_batches
from isthmus.inference.tiled import tiled

__all__ = ["in_batches", "tiled"]
