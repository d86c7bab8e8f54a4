"""Restoration without a network: the baselines of denoising and dehazing."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError, SettingError
from isthmus.core.registry import Registry
from isthmus.core.settings import PositiveFloat, PositiveInt, Probability

Image = NDArray[np.float64]  # (C, H, W)
RESTORERS: Registry[Restorer]


class Restorer(ABC):
    """An image restored from a corrupted one by a fixed rule, one image at a time."""

    kind: ClassVar[str]

    def __call__(self, images: NDArray[Any]) -> NDArray[np.float32]:
        """Restored copies, clipped to [0, 1], of images ``(N, H, W)`` or ``(N, C, H, W)``.

        Raises
        ------
        DataError
            If these are not images, or a value is not finite.
        """
        images = np.asarray(images)
        if images.ndim not in (3, 4):
            raise DataError(
                f"The restorer '{self.kind}' needs images, (H, W) or (C, H, W), but a sample has"
                f" shape {images.shape[1:]}."
            )
        if not np.isfinite(images).all():
            raise DataError(f"The restorer '{self.kind}' needs finite values; some are not.")
        restored = np.empty(images.shape, np.float32)
        for number, image in enumerate(images):
            channels = image.astype(np.float64).reshape(-1, *image.shape[-2:])
            restored[number] = np.clip(self.restore(channels), 0, 1).reshape(image.shape)
        return restored

    @abstractmethod
    def restore(self, image: Image) -> Image:
        """Restored ``(C, H, W)``; values outside [0, 1] are clipped by the caller."""


RESTORERS = Registry("restorer")


class _Denoiser(Restorer):
    """A restorer that must know how strong the noise is."""

    def __init__(self, *, sigma: PositiveFloat | None = None) -> None:
        self.sigma = sigma

    def restore(self, image: Image) -> Image:
        """Denoised image; one in which no noise is found stays as it is."""
        sigma = _noise_of(image) if self.sigma is None else self.sigma
        return self.denoise(image, sigma) if sigma > 0 else image

    @abstractmethod
    def denoise(self, image: Image, sigma: float) -> Image:
        """Denoised image ``(C, H, W)``, given the standard deviation of its noise."""


def _noise_of(image: Image) -> float:
    """Mean over the channels of σ = median |d| / 0.6745, d the finest diagonal wavelet details."""
    from skimage.restoration import estimate_sigma

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the median of no details, in flat images
        found = estimate_sigma(image, channel_axis=0)
    return float(np.nan_to_num(found).mean())


@RESTORERS.register("non_local_means")
class NonLocalMeans(_Denoiser):
    """Each pixel is the mean of those near it whose patches look alike.

    Weights are exp(-max(d² - 2σ², 0) / h²), d² the mean squared difference of two patches, with
    h = 0.8 σ. Colours are compared together.
    Sources: Buades, Coll and Morel 2005, 2011; Darbon et al. 2008, as scikit-image computes it.

    Parameters
    ----------
    sigma
        σ, the standard deviation of the noise, white being 1; ``None`` estimates it in each image.
    patch
        Side of a patch.
    distance
        How far off, in rows and in columns, patches are compared.
    """

    def __init__(
        self,
        *,
        sigma: PositiveFloat | None = None,
        patch: PositiveInt = 5,
        distance: PositiveInt = 6,
    ) -> None:
        super().__init__(sigma=sigma)
        self.patch = patch
        self.distance = distance

    def denoise(self, image: Image, sigma: float) -> Image:
        """Denoised image."""
        from skimage.restoration import denoise_nl_means

        return np.asarray(
            denoise_nl_means(
                image,
                self.patch,
                self.distance,
                0.8 * sigma,
                sigma=sigma,
                channel_axis=0,
                preserve_range=True,
            )
        )


@RESTORERS.register("wavelet")
class Wavelet(_Denoiser):
    """Wavelet coefficients shrunk towards 0 by σ² / σ_x, σ_x² their variance without the noise.

    Source: Chang, Yu and Vetterli 2000 (BayesShrink), as scikit-image computes it with the
    Daubechies wavelet of two vanishing moments. Channels are treated one by one.

    Parameters
    ----------
    sigma
        σ, the standard deviation of the noise, white being 1; ``None`` estimates it in each image.
    """

    def denoise(self, image: Image, sigma: float) -> Image:
        """Denoised image."""
        from skimage.restoration import denoise_wavelet

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # small images: all is near the border
            return np.asarray(
                denoise_wavelet(image, sigma, "db2", channel_axis=0, rescale_sigma=False)
            )


@RESTORERS.register("total_variation")
class TotalVariation(Restorer):
    """The image u of least ‖u - x‖² / 2 + weight · Σ |∇u|: flat regions with sharp edges.

    Source: Rudin, Osher and Fatemi 1992; Chambolle 2004, as scikit-image computes it.

    Parameters
    ----------
    weight
        Of the total variation: more removes more noise, and detail.
    """

    def __init__(self, *, weight: PositiveFloat = 0.1) -> None:
        self.weight = weight

    def restore(self, image: Image) -> Image:
        """Denoised image."""
        from skimage.restoration import denoise_tv_chambolle

        return np.asarray(denoise_tv_chambolle(image, self.weight, channel_axis=0))


@RESTORERS.register("median")
class Median(Restorer):
    """Each pixel is the median of the square about it, channel by channel: for salt and pepper.

    Parameters
    ----------
    size
        Side of the square, odd; beyond the border the image is mirrored.
    """

    def __init__(self, *, size: PositiveInt = 3) -> None:
        if size % 2 == 0:
            raise SettingError(f"restorer 'median': size must be odd, but it is {size}.")
        self.size = size

    def restore(self, image: Image) -> Image:
        """Filtered image."""
        from scipy.ndimage import median_filter

        return np.asarray(median_filter(image, size=(1, self.size, self.size)))
