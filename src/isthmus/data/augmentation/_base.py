"""What an augmentation is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from isthmus.core.registry import Registry


class Augmentation(ABC):
    """A random change of a sample: unlike a corruption it changes input and target alike."""

    kind: ClassVar[str]

    @abstractmethod
    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Changed copy of ``(N, ...)``, same shape and dtype; `generator` on x's device."""


AUGMENTATIONS: Registry[Augmentation] = Registry("augmentation")
