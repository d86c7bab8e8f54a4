"""Random changes of samples that leave what they show the same. One file, one registration."""

from isthmus.data.augmentation import affine, crop, elastic, flip, intensity, shift
from isthmus.data.augmentation._base import AUGMENTATIONS, Augmentation, ImageAugmentation

__all__ = [
    "AUGMENTATIONS",
    "Augmentation",
    "ImageAugmentation",
    "affine",
    "crop",
    "elastic",
    "flip",
    "intensity",
    "shift",
]
