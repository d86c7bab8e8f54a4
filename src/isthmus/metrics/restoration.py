"""How near a restored image is to the clean one, in the measures of image restoration."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError
from isthmus.metrics._base import METRICS, Metric
from isthmus.metrics.reconstruction import MeanSquaredError

_CAP = 100.0  # dB
_SIGMA = 1.5  # pixels, of the Gaussian window
_WINDOW = 11  # pixels, its side


@METRICS.register("psnr")
class PeakSignalToNoiseRatio(Metric):
    """10 log10(1 / MSE) in dB of each sample, MSE = (1/D) Σ_i (r_i - x_i)², white = 1.

    It is at most 100 dB, an MSE of 1e-10, so that samples restored exactly leave means finite.
    The mean over samples is the figure of the field; it is greater than the ratio of the mean MSE.
    """

    title = "PSNR, dB"
    higher_is_better = True
    unit_range = True

    def __call__(self, target: NDArray[Any], output: NDArray[Any]) -> NDArray[np.float64]:
        """Ratios ``(N,)`` in dB."""
        errors = MeanSquaredError()(target, output)
        return np.asarray(-10 * np.log10(np.maximum(errors, 10 ** (-_CAP / 10))))


@METRICS.register("ssim")
class StructuralSimilarity(Metric):
    """Mean structural similarity of two images, by their local means, contrasts and structure.

    It is the mean over the pixels of
    (2 μ_x μ_r + c₁)(2 σ_xr + c₂) / ((μ_x² + μ_r² + c₁)(σ_x² + σ_r² + c₂)).
    The local means μ, variances σ² and covariance σ_xr are weighted by a Gaussian window of 11 x 11
    pixels, σ = 1.5; c₁ = 0.01², c₂ = 0.03². Pixels whose window leaves the image do not count.
    Colour images have the mean of their channels. Samples that are not images ``(H, W)`` or
    ``(C, H, W)`` of at least 11 x 11 pixels have none, see `applies`.

    Source: Wang, Bovik, Sheikh and Simoncelli 2004, as scikit-image computes it.
    """

    title = "SSIM"
    higher_is_better = True
    unit_range = True

    @classmethod
    def applies(cls, shape: tuple[int, ...]) -> bool:
        """Whether samples of this shape are images no smaller than the window."""
        return len(shape) in (2, 3) and min(shape[-2:]) >= _WINDOW

    def __call__(self, target: NDArray[Any], output: NDArray[Any]) -> NDArray[np.float64]:
        """Similarities ``(N,)`` in [-1, 1]; the outputs may be flat, the targets may not.

        Raises
        ------
        DataError
            If it does not apply to the targets' shape.
        """
        from skimage.metrics import structural_similarity

        target = np.asarray(target, np.float64)
        if not self.applies(target.shape[1:]):
            raise DataError(
                f"SSIM needs images, (H, W) or (C, H, W), of at least {_WINDOW} x {_WINDOW} pixels,"
                f" but a sample has shape {target.shape[1:]}."
            )
        output = np.asarray(output, np.float64).reshape(target.shape)
        return np.array(
            [
                structural_similarity(
                    x,
                    r,
                    data_range=1.0,
                    channel_axis=0 if x.ndim == 3 else None,
                    gaussian_weights=True,
                    sigma=_SIGMA,
                    use_sample_covariance=False,
                )
                for x, r in zip(target, output, strict=True)
            ],
            np.float64,
        )
