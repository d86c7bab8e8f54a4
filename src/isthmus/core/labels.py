"""What numbers in label maps mean."""

from __future__ import annotations

IGNORED = -1
"""The label of a pixel that has none: it neither trains nor counts."""
