"""Restoration without a network: the baselines of denoising and dehazing."""

from __future__ import annotations

import math
import warnings
from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError, SettingError
from isthmus.core.registry import Registry
from isthmus.core.settings import PositiveFloat, PositiveInt, Probability
from isthmus.data.chunks import chunks

Image = NDArray[np.float64]  # (C, H, W)
_BLACK = 1e-3  # airlight is taken as at least this bright, so that no division is by 0
_HAZIEST = 0.001  # share of pixels among which the airlight is sought
_EDGE = 1e-3  # variance above which the guided filter keeps an edge
_PENALTIES = np.logspace(-6, 1, 15)  # in units of the greatest eigenvalue
_ROUNDING = 1e-10  # of the greatest eigenvalue, below which one is 0


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


RESTORERS: Registry[Restorer] = Registry("restorer")


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
        # Flat images have no details, NaN is their median; narrow ones are taken for a colour.
        warnings.simplefilter("ignore")
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

        # With one channel on an axis of its own scikit-image 0.26 transposes the result.
        single = len(image) == 1
        restored = denoise_nl_means(
            image[0] if single else image,
            self.patch,
            self.distance,
            0.8 * sigma,
            sigma=sigma,
            channel_axis=None if single else 0,
            preserve_range=True,
        )
        return np.asarray(restored).reshape(image.shape)


@RESTORERS.register("wavelet")
class Wavelet(_Denoiser):
    """Wavelet coefficients shrunk towards 0 by σ² / σ_x, σ_x² their variance without the noise.

    The wavelet is the symlet of 4 vanishing moments, on all levels that the image admits: the usual
    three fewer leave coarse noise. Channels are treated one by one.
    Source: Chang, Yu and Vetterli 2000 (BayesShrink), as scikit-image computes it.

    Parameters
    ----------
    sigma
        σ, the standard deviation of the noise, white being 1; ``None`` estimates it in each image.
    """

    def denoise(self, image: Image, sigma: float) -> Image:
        """Denoised image."""
        import pywt
        from skimage.restoration import denoise_wavelet

        levels = max(1, pywt.dwtn_max_level(image.shape[1:], "sym4"))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # small images: all is near the border
            return np.asarray(
                denoise_wavelet(image, sigma, "sym4", wavelet_levels=levels, channel_axis=0)
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


@RESTORERS.register("dark_channel")
class DarkChannel(Restorer):
    """Haze removed: J = (I - A) / max(t, t₀) + A, as if every patch held something dark.

    - the dark channel of I is its least value over the channels and the patch about a pixel;
    - the airlight A ``(C,)`` is the brightest colour among the 0.1 % of pixels whose dark channel
      is greatest;
    - the transmission is t = 1 - omega · dark(I / A), then smoothed along the edges of the mean
      of the channels by a guided filter of four times the patch in radius, ε = 0.001.

    Grey images are taken as colour of one channel; there the rule also darkens what is white.
    Sources: He, Sun and Tang 2009, 2011; "Guided image filtering" 2010, in place of soft matting.

    Parameters
    ----------
    patch
        Side of a patch in pixels.
    omega
        Share of the haze to remove; a little of it keeps distance visible.
    least_transmission
        t₀: the thickest haze is not undone fully, since there noise would be all that is seen.
    """

    def __init__(
        self,
        *,
        patch: PositiveInt = 15,
        omega: Probability = 0.95,
        least_transmission: PositiveFloat = 0.1,
    ) -> None:
        self.patch = patch
        self.omega = omega
        self.least_transmission = least_transmission

    def restore(self, image: Image) -> Image:
        """Image without haze."""
        air = self.airlight(image)[:, None, None]
        haze = self._dark(image / np.maximum(air, _BLACK))
        guide = image.mean(0)
        transmission = _guided_filter(guide, 1 - self.omega * haze, 4 * self.patch, _EDGE)
        return np.asarray((image - air) / np.maximum(transmission, self.least_transmission) + air)

    def airlight(self, image: Image) -> NDArray[np.float64]:
        """A ``(C,)`` of an image ``(C, H, W)``."""
        dark = self._dark(image).ravel()
        hazy = np.argsort(-dark, kind="stable")[: max(1, round(_HAZIEST * dark.size))]
        colours = image.reshape(len(image), -1)[:, hazy]
        return np.asarray(colours[:, colours.sum(0).argmax()])

    def _dark(self, image: Image) -> NDArray[np.float64]:
        from scipy.ndimage import minimum_filter

        return np.asarray(minimum_filter(image.min(0), self.patch))


def _guided_filter(
    guide: NDArray[np.float64], values: NDArray[np.float64], radius: int, edge: float
) -> NDArray[np.float64]:
    """Values ``(H, W)`` as a · guide + b, each the mean of the ridge fits of windows nearby.

    In each window ``values ≈ a · guide + b`` is fitted with the penalty ``edge · a²`` (He 2010).
    """
    from scipy.ndimage import uniform_filter

    def mean(array: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(uniform_filter(array, 2 * radius + 1))

    centre, level = mean(guide), mean(values)
    slope = (mean(guide * values) - centre * level) / (mean(guide**2) - centre**2 + edge)
    return mean(slope) * guide + mean(level - slope * centre)


class LinearRestorer:
    """Ridge regression of clean on corrupted samples, the best that is linear: Wᵀ x̃ + b.

    W minimises ‖Y - X W‖² + λ ‖W‖² with X and Y centred; b makes up for the means. Samples of any
    one shape are taken as vectors of D values, so that a pixel may depend on all others and on all
    channels. λ is the one of 10⁻⁶, 10⁻⁵·⁵, ..., 10 times the greatest eigenvalue of XᵀX whose
    generalised cross-validation error is least: N ‖Y - X W‖² / (N - 1 - Σ_k Λ_k / (Λ_k + λ))²,
    Λ_k the eigenvalues of XᵀX. No sample has to be held out for it. The fit takes about 60 D²
    bytes of memory, and one pass over the samples.

    Source: Golub, Heath and Wahba 1979.

    Attributes
    ----------
    weight : ndarray of float32
        W ``(D, D)``, of a target value in each column.
    intercept : ndarray of float32
        b ``(D,)``.
    penalty : float
        λ.
    value_range : tuple of float
        Least and greatest value of the clean samples, to which results are clipped.
    """

    def fit(self, corrupted: NDArray[Any], clean: NDArray[Any]) -> LinearRestorer:
        """Learn from pairs ``(N, ...)`` of the same shape, N at least 2.

        Raises
        ------
        DataError
            If shapes differ, pairs are too few, or a value is not finite.
        """
        corrupted, clean = np.asarray(corrupted), np.asarray(clean)
        if corrupted.shape != clean.shape or len(clean) < 2:
            raise DataError(
                "A linear restorer needs at least 2 pairs of one shape, but the corrupted samples"
                f" are {corrupted.shape} and the clean ones {clean.shape}."
            )
        count = len(clean)
        gram, cross, energy, mean_x, mean_y = _moments(corrupted, clean)
        eigenvalues, basis = np.linalg.eigh(gram)
        greatest = float(eigenvalues[-1])
        real = eigenvalues > _ROUNDING * greatest
        eigenvalues, basis = eigenvalues[real], basis[:, real]
        cross = basis.T @ cross
        explained = np.square(cross).sum(1) / eigenvalues
        rest = max(energy - float(explained.sum()), 0.0)  # what not even the least penalty explains

        def error(penalty: float) -> float:
            missed = penalty / (eigenvalues + penalty)
            squares = rest + float((explained * missed**2).sum())
            return squares / float(count - 1 - len(missed) + missed.sum()) ** 2

        self.penalty = min((greatest * _PENALTIES).tolist(), key=error)
        weight = basis @ (cross / (eigenvalues + self.penalty)[:, None])
        self.weight = weight.astype(np.float32)
        self.intercept = (mean_y - mean_x @ weight).astype(np.float32)
        self.value_range = float(clean.min()), float(clean.max())
        return self

    def __call__(self, corrupted: NDArray[Any]) -> NDArray[np.float32]:
        """Restored samples ``(N, ...)`` of the fitted shape, clipped.

        Raises
        ------
        DataError
            If it is not fitted, or to samples of another size.
        """
        corrupted = np.asarray(corrupted)
        size = math.prod(corrupted.shape[1:])
        if not hasattr(self, "weight"):
            raise DataError("The linear restorer is not fitted yet; call fit first.")
        if size != len(self.weight):
            raise DataError(
                f"The linear restorer is fitted to samples of {len(self.weight)} values, but these"
                f" have {size}."
            )
        flat = corrupted.reshape(len(corrupted), size).astype(np.float32)
        restored = np.clip(flat @ self.weight + self.intercept, *self.value_range)
        return np.asarray(restored.reshape(corrupted.shape), np.float32)


def _moments(
    corrupted: NDArray[Any], clean: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any], float, NDArray[Any], NDArray[Any]]:
    """XᵀX, XᵀY and ‖Y‖² of the centred samples, and the means, all in float64."""
    count, size = len(clean), math.prod(clean.shape[1:])
    gram, cross, energy = np.zeros((size, size)), np.zeros((size, size)), 0.0
    mean_x, mean_y = np.zeros(size), np.zeros(size)
    first_x, first_y = _flat(corrupted[:1])[0], _flat(clean[:1])[0]
    for start, part in chunks(corrupted):
        # Less a sample, so that little is lost where values are large and vary little.
        x, y = _flat(part) - first_x, _flat(clean[start : start + len(part)]) - first_y
        gram += x.T @ x
        cross += x.T @ y
        energy += float(np.square(y).sum())
        mean_x += x.sum(0) / count
        mean_y += y.sum(0) / count
    gram -= count * np.outer(mean_x, mean_x)
    cross -= count * np.outer(mean_x, mean_y)
    energy -= count * float(mean_y @ mean_y)
    return gram, cross, energy, first_x + mean_x, first_y + mean_y


def _flat(samples: NDArray[Any]) -> NDArray[np.float64]:
    values = np.asarray(samples, np.float64).reshape(len(samples), -1)
    if not np.isfinite(values).all():
        raise DataError("A linear restorer needs finite values, but some are NaN or infinite.")
    return values
