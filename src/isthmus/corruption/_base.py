"""What a corruption is: x̃ ~ C(x̃ given x)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from isthmus.core.registry import Registry


class Corruption(ABC):
    """C: a random change of the input; the target stays clean."""

    kind: ClassVar[str]

    @abstractmethod
    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Corrupted copy of ``(N, ...)``, same shape and dtype; `generator` on x's device."""


CORRUPTIONS: Registry[Corruption] = Registry("corruption")
