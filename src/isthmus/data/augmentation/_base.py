"""What an augmentation is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from isthmus.core.image_batches import as_image_batch
from isthmus.core.registry import Registry


class Augmentation(ABC):
    """A random change of a sample: unlike a corruption it changes input and target alike.

    Attributes
    ----------
    resizes
        Whether images of another size come out, for networks that take any.
    """

    kind: ClassVar[str]
    resizes: ClassVar[bool] = False

    @abstractmethod
    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Changed copy of ``(N, ...)``; `generator` on x's device.

        Type and, unless it `resizes`, shape stay.
        """


class ImageAugmentation(Augmentation):
    """An augmentation of images: a subclass sees them as ``(N, C, H, W)``."""

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Changed copy of images ``(N, H, W)`` or ``(N, C, H, W)``.

        Raises
        ------
        DataError
            If the samples are not images.
        """
        images = as_image_batch(x, f"augmentation '{self.kind}'")
        changed = self.change(images, generator)
        return changed.squeeze(1) if x.ndim == 3 else changed

    @abstractmethod
    def change(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Changed copy of ``(N, C, H, W)``."""


AUGMENTATIONS: Registry[Augmentation] = Registry("augmentation")
