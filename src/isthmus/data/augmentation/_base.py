"""What an augmentation is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from isthmus.core.image_batches import as_image_batch
from isthmus.core.registry import Registry

Outside = Literal["zeros", "reflection"]


class Augmentation(ABC):
    """A random change of a sample: unlike a corruption it changes input and target alike.

    Attributes
    ----------
    resizes
        Whether images of another size come out, for networks that take any.
    moves
        Whether pixels change their place, so that a label map must follow.
    """

    kind: ClassVar[str]
    resizes: ClassVar[bool] = False
    moves: ClassVar[bool] = False

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

    def together(
        self, x: Tensor, labels: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Images and their label maps ``(N, H, W)`` int64, changed by the same draws.

        Labels stay whole numbers; what comes in from outside of the image is -1, to be ignored.
        """
        before = generator.get_state()
        changed = self(x, generator)
        if not self.moves:
            return changed, labels
        after = generator.get_state()
        generator.set_state(before)
        # From 1 on, since 0 is what comes in from outside; float32 holds such numbers exactly.
        moved = self.change_labels(labels.add(1).unsqueeze(1).to(x.dtype), generator)
        generator.set_state(after)
        return changed, moved.squeeze(1).round().long() - 1

    @abstractmethod
    def change(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Changed copy of ``(N, C, H, W)``."""

    def change_labels(self, labels: Tensor, generator: torch.Generator) -> Tensor:
        """The same of maps ``(N, 1, H, W)`` whose values must not be mixed."""
        return self.change(labels, generator)


class Warp(ImageAugmentation):
    """An augmentation that reads every pixel at another place, by interpolation.

    Parameters
    ----------
    outside
        What is read beside the image: ``"zeros"`` (for labels: to be ignored), or its
        ``"reflection"``.
    """

    moves = True

    def __init__(self, *, outside: Outside = "zeros") -> None:
        self.outside = outside

    @abstractmethod
    def places(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Where each pixel is read, ``(N, H, W, 2)``: x and y in units of half the image."""

    def change(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Images moved by bilinear interpolation."""
        return self._read(images, generator, "bilinear")

    def change_labels(self, labels: Tensor, generator: torch.Generator) -> Tensor:
        """Maps moved by taking the nearest value."""
        return self._read(labels, generator, "nearest")

    def _read(self, images: Tensor, generator: torch.Generator, mode: str) -> Tensor:
        places = self.places(images, generator).to(images.dtype)
        return F.grid_sample(
            images, places, mode=mode, padding_mode=self.outside, align_corners=False
        )


AUGMENTATIONS: Registry[Augmentation] = Registry("augmentation")
