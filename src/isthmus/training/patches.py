"""Pieces of images of any size with their label maps, drawn by seed, epoch and step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isthmus.core.labels import IGNORED
from isthmus.data.augmentation import ImageAugmentation
from isthmus.training.examples import Batch, derive_seed

_PLACES = 4096  # pixels of a class of an image at most, among which centres are drawn


class Patches:
    """Pieces of one size, cut anew in every epoch.

    Every image comes up equally often. A piece lies anywhere; with a chance of `foreground` it is
    made to contain a random pixel of a random class but the background, so that small structures
    are seen. An image that is smaller than a piece is reflected, and what is added is ignored.

    Parameters
    ----------
    images
        ``(C, H, W)`` float32 each, of any sizes.
    labels
        ``(H, W)`` whole numbers each, `IGNORED` for pixels that do not count.
    size
        (h, w) of a piece.
    count
        Pieces of an epoch.
    foreground
        Chance of a piece that is made to contain a structure.
    augmentations
        Applied one after another to the pieces of `batches` and their labels.
    device
        Where batches shall lie.
    """

    def __init__(
        self,
        images: Sequence[NDArray[np.float32]],
        labels: Sequence[NDArray[np.integer]],
        size: tuple[int, int],
        count: int,
        device: torch.device,
        *,
        foreground: float = 0.0,
        augmentations: Sequence[ImageAugmentation] = (),
    ) -> None:
        self._size, self._count, self._device = size, count, device
        pairs = [_both_at_least(*pair, size) for pair in zip(images, labels, strict=True)]
        self._images, self._labels = [image for image, _ in pairs], [label for _, label in pairs]
        self._foreground = foreground
        self._structures = [_structures(label) for label in self._labels] if foreground else []
        self._augmentations = tuple(augmentations)

    def __len__(self) -> int:
        return self._count

    def batches(self, size: int, seed: int, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Batches of one epoch, from step `start` on; the last may be smaller."""
        order = self._order(seed, epoch)
        for step, at in enumerate(range(0, self._count, size)):
            if step >= start:
                yield self._batch(step, order[at : at + size], derive_seed(seed, epoch, step))

    def _order(self, seed: int, epoch: int) -> NDArray[np.int64]:
        """Which image each piece is of: all of them, shuffled, again and again."""
        generator = np.random.default_rng(derive_seed(seed, epoch))
        rounds = -(-self._count // len(self._images))
        shuffled = [generator.permutation(len(self._images)) for _ in range(rounds)]
        return np.concatenate(shuffled)[: self._count]

    def _batch(self, step: int, which: NDArray[np.int64], seed: int) -> Batch:
        draws = np.random.default_rng(seed)
        x, y = self._cut([(number, *self._place(number, draws)) for number in which])
        generator = torch.Generator(self._device).manual_seed(seed)
        for augmentation in self._augmentations:
            x, y = augmentation.together(x, y, generator)
        return Batch(step, x, y, None, generator)

    def _place(self, number: int, draws: np.random.Generator) -> tuple[int, int]:
        """Upper left corner of a piece of an image."""
        free = [
            side - part for side, part in zip(self._labels[number].shape, self._size, strict=True)
        ]
        if draws.random() < self._foreground and (found := self._structures[number]):
            pixels = found[draws.integers(len(found))]
            pixel = pixels[draws.integers(len(pixels))]
            row, column = (
                int(np.clip(place - draws.integers(part), 0, most))
                for place, part, most in zip(pixel, self._size, free, strict=True)
            )
            return row, column
        row, column = (int(draws.integers(most + 1)) for most in free)
        return row, column

    def held_out(self, size: int, seed: int) -> Iterator[Batch]:
        """Pieces that together cover every image, overlapping where they must; not augmented."""
        pieces = [
            (number, row, column)
            for number, label in enumerate(self._labels)
            for row in _starts(label.shape[0], self._size[0])
            for column in _starts(label.shape[1], self._size[1])
        ]
        for step, at in enumerate(range(0, len(pieces), size)):
            x, y = self._cut(pieces[at : at + size])
            generator = torch.Generator(self._device).manual_seed(derive_seed(seed, -1, step))
            yield Batch(step, x, y, None, generator)

    def in_order(self, size: int) -> Iterator[Tensor]:
        """The pieces of `held_out`, without labels."""
        for batch in self.held_out(size, 0):
            yield batch.x

    def _cut(self, pieces: Sequence[tuple[int, int, int]]) -> tuple[Tensor, Tensor]:
        """Images ``(N, C, h, w)`` and labels ``(N, h, w)`` of pieces (image, row, column)."""
        height, width = self._size
        x, y = [], []
        for number, row, column in pieces:
            part = (slice(row, row + height), slice(column, column + width))
            x.append(self._images[number][:, *part])
            y.append(self._labels[number][part])
        labels = torch.from_numpy(np.stack(y).astype(np.int64))
        return torch.from_numpy(np.stack(x)).to(self._device), labels.to(self._device)


def at_least(image: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """An image ``(C, H, W)`` continued by reflection, below and on the right, to a least size."""
    missing = [max(0, part - side) for side, part in zip(image.shape[1:], size, strict=True)]
    beside = [(0, 0), *((0, many) for many in missing)]
    return np.pad(image, beside, mode="reflect") if any(missing) else image


def _both_at_least(
    image: NDArray[np.float32], labels: NDArray[np.integer], size: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.integer]]:
    """An image and its labels, no smaller than a piece."""
    larger = at_least(image, size)
    beside = [(0, more - side) for more, side in zip(larger.shape[1:], labels.shape, strict=True)]
    return larger, np.pad(labels, beside, constant_values=IGNORED)


def _structures(labels: NDArray[np.integer]) -> list[NDArray[np.intp]]:
    """Some pixels ``(n, 2)`` of each class that occurs, but for the background."""
    found = [np.argwhere(labels == label) for label in np.unique(labels) if label > 0]
    return [pixels[:: -(-len(pixels) // _PLACES)] for pixels in found]


def _starts(side: int, part: int) -> list[int]:
    """Where pieces begin that cover a side."""
    count = -(-side // part)
    return [round(place) for place in np.linspace(0, side - part, count)]
