"""Settings with which each network is small enough for a test."""

from __future__ import annotations

from typing import Any

SMALL: dict[str, dict[str, Any]] = {
    "fcn": {"width": 2},
    "segnet": {"width": 4},
    "coarse": {"width": 2},
    "fine": {"width": 3},
    "two_path": {"width": 3},
    "windows": {"window": 7, "channels": (4,)},
    "pyramid": {"channels": (4,), "scales": 2, "hidden": 24},
    "small": {"channels": (4, 6)},
}
