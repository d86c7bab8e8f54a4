"""How sure a segmentation is of itself, by its probabilities alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Probabilities = NDArray[np.float32]


def pixel_entropy(probabilities: Probabilities) -> NDArray[np.float32]:
    """H = -Σ_k p_k log2 p_k in bits, ``(H, W)``, of probabilities ``(K, H, W)``: 0 to log2 K."""
    entropy = np.zeros(probabilities.shape[1:], np.float32)
    for p in probabilities:
        entropy -= p * np.log2(np.maximum(p, np.finfo(np.float32).tiny))
    return np.maximum(entropy, 0)


def structure_entropy(
    probabilities: Probabilities, labels: NDArray[np.integer] | None = None
) -> float:
    """Mean of `pixel_entropy` over the pixels of all classes but the background.

    Where nothing is predicted it is log2 K, the most: a structure may have been missed.

    Parameters
    ----------
    probabilities
        ``(K, H, W)``.
    labels
        The label map ``(H, W)``; the most probable classes by default.
    """
    inside = (probabilities.argmax(0) if labels is None else labels) > 0
    if not inside.any():
        return float(np.log2(len(probabilities)))
    return float(pixel_entropy(probabilities)[inside].mean())


def expected_dice(
    probabilities: Probabilities, labels: NDArray[np.integer] | None = None
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
    labels = probabilities.argmax(0) if labels is None else labels
    found = []
    for label, p in enumerate(probabilities[1:], 1):
        predicted = labels == label
        size = int(predicted.sum())
        inside = p.sum(where=predicted, dtype=np.float64)
        found.append(float(2 * inside / (size + p.sum(dtype=np.float64))) if size else 0.0)
    return np.array(found)
