"""Objects by Otsu's threshold: what an instance segmenter has to beat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.filters import threshold_otsu

from isthmus.inference.instances import fill_holes, renumbered
from isthmus.metrics.instances import instance_scores

Array = NDArray[Any]
_DISTANCES = (3, 5, 7, 10, 14)  # pixels between seeds that are tried
_TRIED = 32  # images at most on which one is chosen


def otsu_mask(image: Array) -> NDArray[np.bool_]:
    """The side of Otsu's threshold with fewer pixels, of an image ``(H, W)`` or ``(C, H, W)``."""
    grey = image if image.ndim == 2 else image.mean(0)
    if grey.min() == grey.max():
        return np.zeros(grey.shape, np.bool_)
    bright = grey > threshold_otsu(grey)
    return np.asarray(bright if 2 * bright.sum() <= bright.size else ~bright)


def otsu_components(image: Array, smallest: int) -> NDArray[np.int32]:
    """Connected parts of the mask, without what is small."""
    from scipy.ndimage import label

    return fill_holes(renumbered(label(otsu_mask(image))[0], smallest))


def otsu_watershed(image: Array, smallest: int, apart: int) -> NDArray[np.int32]:
    """The mask flooded from the maxima of its distance transform that are so many pixels apart."""
    from scipy.ndimage import distance_transform_edt, gaussian_filter, label
    from skimage.feature import peak_local_max
    from skimage.segmentation import watershed

    mask = otsu_mask(image)
    distance = gaussian_filter(distance_transform_edt(mask), 1.0)
    seeds = np.zeros(mask.shape, np.int32)
    peaks = peak_local_max(
        distance, min_distance=apart, labels=label(mask)[0], exclude_border=False
    )
    seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    return fill_holes(renumbered(watershed(-distance, seeds, mask=mask), smallest))


def best_distance(images: Sequence[Array], objects: Sequence[Array], smallest: int) -> int:
    """The distance between seeds with the greatest score on some training images."""
    places = np.unique(np.linspace(0, len(images) - 1, _TRIED).astype(int))
    means = [
        np.nan_to_num(
            [
                instance_scores(otsu_watershed(images[i], smallest, apart), objects[i]).ap_mean
                for i in places
            ]
        ).mean()
        for apart in _DISTANCES
    ]
    return _DISTANCES[int(np.argmax(means))]
