"""Batches by index, in an order that is a pure function of seed, epoch and step."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isthmus.core.errors import SettingError
from isthmus.data.augmentation import Augmentation
from isthmus.data.scaling import Scaling

Target = Literal["sample", "same_class", "label"]
_LOOK_AT = 4096  # samples at a time when their range is found
_IN_MEMORY = 4 * 2**30  # bytes of float32 up to which samples are scaled once and kept


def derive_seed(*numbers: int) -> int:
    """A seed of 63 bits that depends on all numbers, the same on every machine."""
    text = "/".join(map(str, numbers)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest()) >> 1


class Stream(Protocol):
    """Where batches come from: `Examples`, or `isthmus.training.Patches`."""

    def __len__(self) -> int:
        """Samples of an epoch."""

    def batches(self, size: int, seed: int, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Batches of one epoch, from step `start` on: a pure function of the arguments."""

    def held_out(self, size: int, seed: int) -> Iterator[Batch]:
        """All samples, unchanged, with the same random draws each time."""

    def in_order(self, size: int) -> Iterator[Tensor]:
        """Inputs of all samples, unchanged."""


class Rows:
    """Some samples of an array, read only when indexed, so that the others stay on the disk."""

    def __init__(self, samples: NDArray[Any], rows: NDArray[np.int64]) -> None:
        self.base = samples
        self.dtype, self.ndim = samples.dtype, samples.ndim
        self.shape = (len(rows), *samples.shape[1:])
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, which: Any) -> NDArray[Any]:
        """Samples at places (numbers or a slice) of this set."""
        part: NDArray[Any] = self.base[self.rows[which]]
        return part


@dataclass(frozen=True)
class Batch:
    """What one step is taken on.

    Attributes
    ----------
    step
        Its number in the epoch.
    x
        Inputs ``(B, ...)``, before the corruption.
    y
        Targets ``(B, ...)``.
    labels
        Classes ``(B,)`` int64, where they are known.
    generator
        For all that is random in this step, on the device of x.
    """

    step: int
    x: Tensor
    y: Tensor
    labels: Tensor | None
    generator: torch.Generator

    def __len__(self) -> int:
        return len(self.x)


class Examples:
    """Scaled samples with their targets, ready to be indexed.

    Samples that fit are scaled once and kept as one float32 tensor on the device. Larger or
    memory-mapped ones stay where they are, and each batch is read, scaled and moved by itself.

    Parameters
    ----------
    samples
        ``(N, ...)`` of any real type, or some `Rows` of them.
    scaling
        Fitted scaling.
    device
        Where batches shall lie.
    augmentations
        Applied one after another to every batch of `batches`, not to `held_out` and `in_order`.
    labels
        Class of each sample ``(N,)``, numbered from 0.
    target
        y: the ``"sample"`` itself, another one of the ``"same_class"``, drawn anew each time (the
        sample itself where its class has no other), or its ``"label"``.

    Raises
    ------
    SettingError
        If the target needs labels and there are none.
    """

    def __init__(
        self,
        samples: NDArray[Any] | Rows,
        scaling: Scaling,
        device: torch.device,
        *,
        augmentations: Sequence[Augmentation] = (),
        labels: NDArray[np.int64] | None = None,
        target: Target = "sample",
    ) -> None:
        if target != "sample" and labels is None:
            raise SettingError(f"The target '{target}' needs the labels of the samples.")
        self._samples = samples
        self._scaling = scaling
        self._device = device
        self._augmentations = tuple(augmentations)
        self._labels = None if labels is None else torch.tensor(labels, dtype=torch.int64)
        self._target = target
        self._partners = _Partners(self._labels) if self._labels is not None else None
        self._tensor: Tensor | None = None
        if 4 * math.prod(samples.shape) <= _IN_MEMORY and not _is_mapped(samples):
            self._tensor = self._load(slice(None))

    def __len__(self) -> int:
        return len(self._samples)

    def _load(self, which: Any) -> Tensor:
        values = np.array(self._samples[which], np.float32, order="C")  # its own, writable copy
        scaled: Tensor = self._scaling.apply(torch.from_numpy(values))
        return scaled.to(self._device)

    def __getitem__(self, which: Tensor) -> Tensor:
        """Scaled samples at the given places of this set, ``(len(which), ...)`` float32."""
        if self._tensor is None:
            return self._load(which.numpy())
        return self._tensor[which.to(self._device)]

    def batches(self, size: int, seed: int, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Batches of one epoch in shuffled order, from step `start` on.

        The last batch may be smaller; none is dropped.
        """
        order = torch.randperm(
            len(self), generator=torch.Generator().manual_seed(derive_seed(seed, epoch))
        )
        for step, which in enumerate(order.split(size)):
            if step >= start:
                yield self._batch(step, which, derive_seed(seed, epoch, step), self._augmentations)

    def held_out(self, size: int, seed: int) -> Iterator[Batch]:
        """All samples in their own order, not augmented, with the same random draws each time."""
        for step, which in enumerate(torch.arange(len(self)).split(size)):
            yield self._batch(step, which, derive_seed(seed, -1, step), ())

    def in_order(self, size: int) -> Iterator[Tensor]:
        """All samples in their own order, unchanged, in batches."""
        for which in torch.arange(len(self)).split(size):
            yield self[which]

    def value_range(self) -> tuple[float, float]:
        """Least and greatest value of the scaled samples, not augmented."""
        ends = [(float(x.min()), float(x.max())) for x in self.in_order(_LOOK_AT)]
        return min(low for low, _ in ends), max(high for _, high in ends)

    def _batch(
        self, step: int, which: Tensor, seed: int, augmentations: Sequence[Augmentation]
    ) -> Batch:
        generator = torch.Generator(self._device).manual_seed(seed)

        def samples(places: Tensor) -> Tensor:
            x = self[places]
            for augmentation in augmentations:
                x = augmentation(x, generator)
            return x

        x = samples(which)
        labels = None if self._labels is None else self._labels[which].to(self._device)
        if self._target == "label" and labels is not None:
            return Batch(step, x, labels, labels, generator)
        if self._target == "same_class" and self._partners is not None:
            # Another seed than the generator's, or partners would go with the other draws.
            own = torch.Generator().manual_seed(derive_seed(seed, 1))
            partners = self._partners.draw(which, own)
            return Batch(step, x, samples(partners), labels, generator)
        return Batch(step, x, x, labels, generator)


class _Partners:
    """Another sample of the class of each."""

    def __init__(self, labels: Tensor) -> None:
        self._by_class = torch.argsort(labels, stable=True)
        self._rank = torch.argsort(self._by_class)  # place of each sample in that order
        _, member, counts = torch.unique(labels, return_inverse=True, return_counts=True)
        self._counts, self._starts = counts[member], (counts.cumsum(0) - counts)[member]

    def draw(self, which: Tensor, generator: torch.Generator) -> Tensor:
        """Places of partners: a step of 1 to n - 1 round the circle of the n of a class."""
        others = self._counts[which] - 1
        share = torch.rand(len(which), generator=generator, dtype=torch.float64)
        step = 1 + (share * others).long()
        start, count = self._starts[which], self._counts[which]
        return self._by_class[start + (self._rank[which] - start + step) % count]


def _is_mapped(array: Any) -> bool:
    """Whether an array, or one that it is a view of, lies in a file."""
    while array is not None:
        if isinstance(array, np.memmap):
            return True
        array = getattr(array, "base", None)
    return False
