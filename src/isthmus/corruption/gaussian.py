"""Additive Gaussian noise."""

from __future__ import annotations

import torch
from torch import Tensor

from isthmus.core.errors import SettingError
from isthmus.core.settings import PositiveFloat, PositiveFloatOrRange
from isthmus.corruption._base import CORRUPTIONS, Corruption, beside, draw


@CORRUPTIONS.register("gaussian")
class Gaussian(Corruption):
    """x̃ = x + (σ / white) ε with ε ~ N(0, I), clipped to [0, 1] if `clip`.

    Source: lecture note 001 ("noise factor 0.5"); a range of σ is blind denoising (Zhang et al.
    2017).

    Parameters
    ----------
    sigma
        σ, the standard deviation (0.5 is the notes' noise factor), or the range from which each
        sample draws its own, uniformly.
    white
        What σ counts as white. 1 gives σ in units of the scaled data; 255 gives it in steps of
        8-bit images, so that ``sigma=25, white=255`` is the field's "sigma 25" of data in [0, 1].
    clip
        Keep pixels in [0, 1], as a camera would.
    """

    def __init__(
        self,
        *,
        sigma: PositiveFloatOrRange = 0.5,
        white: PositiveFloat = 1.0,
        clip: bool = True,
    ) -> None:
        self.sigma = sigma
        self.white = white
        self.clip = clip

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Noisy copy of x."""
        noise = torch.randn(x.shape, generator=generator, device=x.device, dtype=x.dtype)
        return self.corrupt(x, noise, draw(self.sigma, x, generator))

    def corrupt(self, x: Tensor, noise: Tensor, sigma: Tensor | float | None = None) -> Tensor:
        """The formula, for a given ε and, where the setting is a range, a given σ ``(N,)``.

        Raises
        ------
        SettingError
            If the setting is a range and no σ is given.
        """
        given = self.sigma if sigma is None else sigma
        if isinstance(given, tuple):
            raise SettingError(
                f"The sigma of the corruption '{self.kind}' is a range, {given}; give `corrupt`"
                " the sigma of each sample."
            )
        return self.limit(x + beside(given, x) / self.white * noise)
