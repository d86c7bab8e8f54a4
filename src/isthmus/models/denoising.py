"""The denoising autoencoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from isthmus.core.registry import Spec
from isthmus.corruption import CORRUPTIONS
from isthmus.models._base import MODELS
from isthmus.models.autoencoder import Autoencoder


@MODELS.register("denoising_autoencoder")
@dataclass(kw_only=True, eq=False, repr=False)
class DenoisingAutoencoder(Autoencoder):
    """Autoencoder that is given x̃ ~ C(x̃ given x) and must rebuild x: L(x, g(f(x̃))).

    No labels are used: the targets are made from the data (self-supervised). With the squared error
    the best it can do is the mean of all x that x̃ may have come from, E[x given x̃].
    Source: Vincent et al. 2010; lecture notes 000, 001, 003, 004.

    Parameters
    ----------
    corruption
        C, of `isthmus.corruption.CORRUPTIONS`, drawn anew in each epoch and the same each time for
        validation. Masking, the default, suits any data; images usually get ``"gaussian"`` noise.
    """

    corruption: Annotated[Spec, CORRUPTIONS] = "masking"

    restores: ClassVar[bool] = True

    def denoise(self, X: Any) -> NDArray[np.float32]:
        """g(f(x̃)): restored samples ``(N, ...)`` float32 in the units of the data."""
        return self.reconstruct(X)
