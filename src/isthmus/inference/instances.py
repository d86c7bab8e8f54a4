"""Single objects, cut from a relief by a watershed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from isthmus.inference.borders import Relief


class Instances(NamedTuple):
    """The objects of an image.

    Attributes
    ----------
    map : ndarray of int32
        ``(H, W)``: 0 for the background, 1 to n for the objects.
    classes : ndarray of int16
        ``(n,)``: class of each object, from 1 on.
    """

    map: NDArray[np.int32]
    classes: NDArray[np.int16]

    @property
    def class_map(self) -> NDArray[np.int16]:
        """Class of each pixel ``(H, W)``, 0 for the background."""
        return np.asarray(np.append(np.int16(0), self.classes)[self.map])

    @property
    def boxes(self) -> NDArray[np.int64]:
        """The box around each object, ``(n, 4)``: y0, x0 and, one beyond its pixels, y1, x1."""
        from scipy.ndimage import find_objects

        places = find_objects(self.map)
        ends = [(y.start, x.start, y.stop, x.stop) for y, x in places]
        return np.array(ends, np.int64).reshape(-1, 4)


@dataclass(frozen=True)
class Cut:
    """How objects are cut from a relief.

    Attributes
    ----------
    rise
        Pixels by which the seed of an object rises above the way to any higher one, see
        `cut_objects`.
    object
        Pixels with at least this probability of any object belong to one.
    smallest
        Pixels of the smallest object that is kept.
    """

    rise: float = 1.0
    object: float = 0.5
    smallest: int = 1


def cut_objects(relief: Relief, cut: Cut) -> Instances:
    """Flood the relief from its seeds, drop what is small, fill holes, and name the classes.

    What is flooded is h d, smoothed by a Gaussian of one pixel: the height h of the relief by the
    distance d, in pixels, to what is no object. So a seam that the network sees parts objects, and
    so does a waist of their outline. Seeds are the maxima of h d whose prominence is `Cut.rise`
    at least. The class of an object is that for which most speaks, summed over its pixels.
    """
    from scipy.ndimage import distance_transform_edt, gaussian_filter, label, sum_labels
    from skimage.morphology import local_maxima, reconstruction
    from skimage.segmentation import watershed

    mask = relief.objects >= cut.object
    if mask.all():  # then the edge of the image is the rim
        depth = distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    else:
        depth = distance_transform_edt(mask)
    hill = gaussian_filter(relief.height * depth, 1.0).astype(np.float32)
    flat = np.pad(hill, 1)
    flat = reconstruction(flat - np.float32(cut.rise), flat)  # without its peaks
    seeds = label(local_maxima(flat)[1:-1, 1:-1], np.ones((3, 3)))[0]
    found = fill_holes(renumbered(watershed(-hill, seeds, mask=mask), cut.smallest))
    numbers = np.arange(1, int(found.max(initial=0)) + 1)
    votes = [sum_labels(one, found, numbers) for one in relief.classes]
    return Instances(found, (1 + np.argmax(votes, 0)).astype(np.int16))


def renumbered(objects: NDArray[Any], smallest: int = 1) -> NDArray[np.int32]:
    """Objects of at least `smallest` pixels as 1 to n, in the order of their numbers."""
    kept = np.bincount(objects.ravel()) >= max(1, smallest)
    kept[0] = False
    return np.asarray(np.where(kept, np.cumsum(kept), 0).astype(np.int32)[objects])


def fill_holes(objects: NDArray[np.int32]) -> NDArray[np.int32]:
    """Give background that one object encloses to that object; the map is changed and returned."""
    from scipy.ndimage import binary_fill_holes, find_objects

    for number, place in enumerate(find_objects(objects), 1):
        if place is not None:
            part = objects[place]
            part[binary_fill_holes(part == number) & (part == 0)] = number
    return objects
