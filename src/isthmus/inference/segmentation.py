"""Class probabilities of images of any size, by a network for label maps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from isthmus.inference.tiled import tiled
from isthmus.networks import ImageNetwork, pad

Array = NDArray[np.float32]
WHOLE = 2**21  # pixels of an image that is not tiled
_TILE = 1024  # side of a tile, at least


def class_probabilities(
    network: ImageNetwork,
    image: Array,
    device: torch.device,
    *,
    flips: Sequence[tuple[int, ...]] = (),
) -> Array:
    """Softmax of the network's logits, ``(K, H, W)``, of an image ``(C, H, W)``.

    An image of more than `WHOLE` pixels is cut into tiles that overlap by what the network looks at
    around a pixel (`Network.reach`), so that the result is that of the whole image; memory beside
    image and result does not grow with it.

    Parameters
    ----------
    flips
        Axes of mirror images, such as ``(-1,)`` for left to right; the mean over the image and
        these is taken, each at the cost of one more image.
    """

    def probabilities(tiles: Array) -> Array:
        x = torch.from_numpy(tiles).to(device)
        with torch.inference_mode():
            outputs = [network(x.flip(by)).flip(by) for by in [(), *flips]]
            return np.asarray(torch.stack(outputs).mean(0).float().cpu().numpy())

    network.to(device)
    height, width = image.shape[1:]
    if height * width <= WHOLE:
        return np.asarray(probabilities(image[None])[0])
    # All sides are multiples of the stride, so that every tile begins on the network's grid.
    stride = network.stride
    margin = -(-network.reach // stride) * stride
    largest = -(-max(_TILE, 4 * margin) // stride) * stride
    padded = pad(torch.from_numpy(image), stride).numpy()
    down, across = (0 if side <= largest else 2 * margin for side in padded.shape[1:])
    tile = (
        _fitting(padded.shape[1], largest, down, stride),
        _fitting(padded.shape[2], largest, across, stride),
    )
    whole = tiled(probabilities, padded, tile, (down, across), margin=margin, pixels=1)
    return whole[:, :height, :width]


def _fitting(side: int, largest: int, overlap: int, stride: int) -> int:
    """The smallest tiles that cover a side by as few as the largest would."""
    count = -(-(max(side, largest) - overlap) // (largest - overlap))
    return -(-(side + (count - 1) * overlap) // count // stride) * stride


def resized(image: Array, size: tuple[int, int]) -> Array:
    """An image ``(C, h, w)`` brought to (H, W) by bilinear interpolation, antialiased."""
    if image.shape[1:] == size:
        return image
    scaled = F.interpolate(
        torch.from_numpy(np.ascontiguousarray(image))[None], size, mode="bilinear", antialias=True
    )
    return np.asarray(scaled[0].numpy())


def resized_labels(labels: NDArray[np.integer], size: tuple[int, int]) -> NDArray[np.int16]:
    """A label map ``(h, w)`` brought to (H, W), each pixel that of the nearest."""
    if labels.shape == size:
        return labels.astype(np.int16)
    maps = torch.from_numpy(labels.astype(np.float32))[None, None]
    return np.asarray(F.interpolate(maps, size, mode="nearest-exact")[0, 0].numpy(), np.int16)
