"""Batches by index, in an order that is a pure function of seed, epoch and step."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isthmus.data.augmentation import Augmentation
from isthmus.data.scaling import Scaling

_IN_MEMORY = 4 * 2**30  # bytes of float32 up to which samples are scaled once and kept


def derive_seed(*numbers: int) -> int:
    """A seed of 63 bits that depends on all numbers, the same on every machine."""
    text = "/".join(map(str, numbers)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest()) >> 1


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


class Examples:
    """Scaled samples, ready to be indexed.

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
        Applied one after another to every batch of `batches`, not to `in_order`.
    """

    def __init__(
        self,
        samples: NDArray[Any] | Rows,
        scaling: Scaling,
        device: torch.device,
        *,
        augmentations: Sequence[Augmentation] = (),
    ) -> None:
        self._samples = samples
        self._scaling = scaling
        self._device = device
        self._augmentations = tuple(augmentations)
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

    def batches(
        self, size: int, seed: int, epoch: int, start: int = 0
    ) -> Iterator[tuple[int, Tensor, torch.Generator]]:
        """Batches of one epoch in shuffled order, from step `start` on.

        Yields the step's number, the samples ``(B, ...)`` and a generator for all that is random
        in this step. The last batch may be smaller; none is dropped.
        """
        order = torch.randperm(
            len(self), generator=torch.Generator().manual_seed(derive_seed(seed, epoch))
        )
        generator = torch.Generator(self._device)
        for step, which in enumerate(order.split(size)):
            if step < start:
                continue
            generator.manual_seed(derive_seed(seed, epoch, step))
            x = self[which]
            for augmentation in self._augmentations:
                x = augmentation(x, generator)
            yield step, x, generator

    def in_order(self, size: int) -> Iterator[Tensor]:
        """All samples in their own order, unchanged, in batches."""
        for which in torch.arange(len(self)).split(size):
            yield self[which]


def _is_mapped(array: Any) -> bool:
    """Whether an array, or one that it is a view of, lies in a file."""
    while array is not None:
        if isinstance(array, np.memmap):
            return True
        array = getattr(array, "base", None)
    return False
