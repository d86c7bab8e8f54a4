"""Models to be exported, and how near what they do must be."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from support.models import fit, quick

Array = NDArray[Any]


def fitted(samples: Array, kind: str = "autoencoder", **settings: Any) -> Any:
    return fit(quick(kind, **{"code_size": 4, "epochs": 1, **settings}), samples)


def near(found: Any, wanted: Any) -> None:
    """Within 1e-4 of the range of what is wanted."""
    assert found.shape == wanted.shape
    assert found.dtype == wanted.dtype
    assert np.abs(found - wanted).max() <= 1e-4 * np.ptp(wanted)
