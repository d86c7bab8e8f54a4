"""Images of any number of channels, seen in one way."""

from __future__ import annotations

from torch import Tensor

from isthmus.core.errors import DataError


def as_image_batch(x: Tensor, what: str) -> Tensor:
    """View of images ``(N, H, W)`` or ``(N, C, H, W)`` as ``(N, C, H, W)``.

    Parameters
    ----------
    what
        Who needs images, for the message: "augmentation 'affine'".

    Raises
    ------
    DataError
        If the samples are not images.
    """
    if x.ndim not in (3, 4):
        raise DataError(
            f"The {what} needs images, (H, W) or (C, H, W), but a sample"
            f" has shape {tuple(x.shape[1:])}."
        )
    return x.unsqueeze(1) if x.ndim == 3 else x
