"""What a corruption is: x̃ ~ C(x̃ given x)."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from isthmus.core.errors import DataError
from isthmus.core.image_batches import as_image_batch
from isthmus.core.registry import Registry

_PIXELS = (0.0, 1.0)
_ROUNDING = 1e-6


class Corruption(ABC):
    """C: a random change of the input; the target stays clean.

    Attributes
    ----------
    domain
        Lowest and highest value that the formula is meant for; ``None`` for any.
    clip
        Whether the result is kept in [0, 1], as a camera would; a setting of those that add noise.
    """

    kind: ClassVar[str]
    domain: tuple[float, float] | None = None
    clip: bool = False
    _remedy: ClassVar[str] = "scale them with scaling = 'unit'"

    @abstractmethod
    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Corrupted copy of ``(N, ...)``, same shape and dtype; `generator` on x's device."""

    @property
    def value_range(self) -> tuple[float, float] | None:
        """Lowest and highest value that an input may have; ``None`` for any."""
        return _PIXELS if self.clip else self.domain

    def check_inputs(self, lowest: float, highest: float) -> None:
        """Refuse inputs outside `value_range` with a `DataError`."""
        limits = [
            (self.domain, "", ""),
            (self.value_range, " with clip = true", ", or set clip = false"),
        ]
        for allowed, where, instead in limits:
            low, high = allowed or (-math.inf, math.inf)
            if lowest < low - _ROUNDING or highest > high + _ROUNDING:
                needed = f"of {low:g} or more" if high == math.inf else f"from {low:g} to {high:g}"
                raise DataError(
                    f"The corruption '{self.kind}'{where} needs values {needed}, but the scaled"
                    f" data go from {lowest:g} to {highest:g}; {self._remedy}{instead}."
                )

    def limit(self, x: Tensor) -> Tensor:
        """The last step of those that may leave [0, 1]: x kept there if `clip`."""
        return x.clamp(*_PIXELS) if self.clip else x


class ImageCorruption(Corruption):
    """A corruption of images: a subclass sees them as ``(N, C, H, W)``."""

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Corrupted copy of images ``(N, H, W)`` or ``(N, C, H, W)``.

        Raises
        ------
        DataError
            If the samples are not images.
        """
        images = as_image_batch(x, f"corruption '{self.kind}'")
        return self.change(images, generator).reshape(x.shape)

    @abstractmethod
    def change(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Corrupted copy of ``(N, C, H, W)``."""


def draw(setting: float | tuple[float, float], x: Tensor, generator: torch.Generator) -> Tensor:
    """``(N,)``: for each sample of x the number, or its own uniform draw from the range."""
    low, high = setting if isinstance(setting, tuple) else (setting, setting)
    if low == high:
        return x.new_full((len(x),), low)
    shares = torch.rand(len(x), generator=generator, device=x.device, dtype=x.dtype)
    return low + (high - low) * shares


def beside(values: Tensor | float, x: Tensor) -> Tensor:
    """`values`, one number, ``(N,)`` or ``(N, C)``, with axes of 1 behind to go with x."""
    values = torch.as_tensor(values, dtype=x.dtype, device=x.device)
    return values.reshape(values.shape + (1,) * (x.ndim - values.ndim))


CORRUPTIONS: Registry[Corruption] = Registry("corruption")
