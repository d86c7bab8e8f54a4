"""Prediction in batches."""

from isthmus.inference.batched import in_batches

__all__ = ["in_batches"]
