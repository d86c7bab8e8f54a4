"""What all tests share: one thread, the place of real data, examples that do not change."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import numpy as np
import pytest
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

hypothesis.settings.register_profile("isthmus", derandomize=True, deadline=None, max_examples=30)
hypothesis.settings.load_profile("isthmus")

_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
if _DATA.is_dir():
    os.environ.setdefault("ISTHMUS_DATA", str(_DATA))


@pytest.fixture(scope="session", autouse=True)
def _repeatable_torch() -> None:
    """Sums in one order, and no test that passes because another one was warned before it."""
    import torch

    torch.set_num_threads(1)
    torch.set_warn_always(True)


@pytest.fixture
def seeded() -> Callable[[int], torch.Generator]:
    """A new random generator of a given seed."""
    import torch

    return lambda seed: torch.Generator().manual_seed(seed)


@pytest.fixture
def digits() -> NDArray[np.float32]:
    """The 1797 images of scikit-learn's digits, ``(1797, 8, 8)`` float32 in [0, 1]."""
    from sklearn.datasets import load_digits

    return load_digits().images.astype(np.float32) / 16
