"""How sure a segmentation is of itself, by its probabilities alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Probabilities = NDArray[np.float32]
Labels = NDArray[np.integer]


def pixel_entropy(probabilities: Probabilities) -> NDArray[np.float32]:
    """H = -Σ_k p_k log2 p_k in bits, ``(H, W)``, of probabilities ``(K, H, W)``: 0 to log2 K."""
    entropy = np.zeros(probabilities.shape[1:], np.float32)
    for p in probabilities:
        entropy -= p * np.log2(np.maximum(p, np.finfo(np.float32).tiny))
    return np.maximum(entropy, 0)


class Uncertainty:
    """Entropy and expected Dice of a label map that comes piece by piece, as slices of a volume do.

    Parameters
    ----------
    classes
        Number of classes, K.
    """

    def __init__(self, classes: int) -> None:
        self._pixels, self._entropy, self._inside, self._all = np.zeros((4, classes))

    def add(self, probabilities: Probabilities, labels: Labels) -> NDArray[np.float32]:
        """Count a piece ``(K, H, W)`` with its labels ``(H, W)``; return its `pixel_entropy`."""
        entropy = pixel_entropy(probabilities)
        count = len(self._pixels)
        self._pixels += np.bincount(labels.ravel(), minlength=count)
        self._entropy += np.bincount(labels.ravel(), entropy.ravel(), count)
        for label, p in enumerate(probabilities):
            self._inside[label] += p.sum(where=labels == label, dtype=np.float64)
            self._all[label] += p.sum(dtype=np.float64)
        return entropy

    def entropy(self) -> NDArray[np.float64]:
        """Mean of `pixel_entropy` where each class is predicted, ``(K,)``; NaN where none is."""
        known = self._pixels > 0
        return np.where(known, self._entropy / np.maximum(self._pixels, 1), np.nan)

    def structure_entropy(self) -> float:
        """See the function `structure_entropy`."""
        pixels = self._pixels[1:].sum()
        return float(self._entropy[1:].sum() / pixels if pixels else np.log2(len(self._pixels)))

    def expected_dice(self) -> NDArray[np.float64]:
        """See the function `expected_dice`."""
        whole = np.maximum(self._pixels + self._all, np.finfo(float).tiny)
        return np.asarray((2 * self._inside / whole)[1:])


def structure_entropy(probabilities: Probabilities, labels: Labels | None = None) -> float:
    """Mean of `pixel_entropy` over the pixels of all classes but the background.

    Where nothing is predicted it is log2 K, the most: a structure may have been missed.

    Parameters
    ----------
    probabilities
        ``(K, H, W)``.
    labels
        The label map ``(H, W)``; the most probable classes by default.
    """
    return _of(probabilities, labels).structure_entropy()


def expected_dice(
    probabilities: Probabilities, labels: Labels | None = None
) -> NDArray[np.float64]:
    """Dice to be expected of each class but the background, ``(K - 1,)``, without a reference.

    2 Σ_{i ∈ P} p_i / (|P| + Σ_i p_i), P being the pixels of a class in the label map: the ratio of
    the expected values, if the probabilities can be trusted. Where nothing is predicted it is 0, as
    it is for a structure that is missed.

    Parameters
    ----------
    probabilities
        ``(K, H, W)``.
    labels
        The label map ``(H, W)``; the most probable classes by default.
    """
    return _of(probabilities, labels).expected_dice()


def _of(probabilities: Probabilities, labels: Labels | None) -> Uncertainty:
    found = Uncertainty(len(probabilities))
    found.add(probabilities, probabilities.argmax(0) if labels is None else labels)
    return found
