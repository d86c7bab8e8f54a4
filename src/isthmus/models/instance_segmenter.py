"""The instance segmenter: label maps of pixel classes, cut into single objects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from itertools import product
from typing import Annotated, Any, ClassVar, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isthmus.core.errors import DataError
from isthmus.core.labels import IGNORED
from isthmus.core.registry import Spec
from isthmus.core.settings import Fraction, PositiveFloat, PositiveInt
from isthmus.inference.borders import BORDERS, Borders, Relief
from isthmus.inference.instances import Cut, Instances, cut_objects
from isthmus.metrics.instances import instance_scores
from isthmus.models._base import MODELS
from isthmus.models._files import Document
from isthmus.models._pairs import check_images, check_maps
from isthmus.models.segmenter import Segmenter
from isthmus.training import Checkpoints, Observer

Array = NDArray[Any]
_RISES = (1.0, 0.5, 1.5, 2.0, 3.0)  # of the same score the first is taken
_PROBABILITIES = (0.5, 0.4, 0.6, 0.7)
_TRIED = 32  # images at most on which a cut is chosen
_CUT = "cut"


@MODELS.register("instance_segmenter")
@dataclass(kw_only=True, eq=False, repr=False)
class InstanceSegmenter(Segmenter):
    """A number for every object: a `Segmenter` of pixel classes, and a watershed of what it says.

    `borders` makes pixel classes of the objects, so that touching ones can be told apart. The
    network learns these, and of their probabilities a relief is made, which is high inside of
    objects and low between them; its maxima are the seeds of the objects, see
    `isthmus.inference.instances.cut_objects`.

    Parameters
    ----------
    borders
        Of `isthmus.inference.borders.BORDERS`.
    seed_rise
        Pixels that a seed rises above the way to any higher one: larger joins, smaller splits. By
        default the value from 0.5 to 3 with the greatest mean TP / (TP + FP + FN)
        (`isthmus.metrics.INSTANCE_MEASURES`) on the validation images, or on those of the training
        if there are none, on 32 at most.
    object_probability
        Least probability of any object at its pixels; by default chosen likewise, 0.4 to 0.7.
    smallest
        Pixels of the smallest object; by default the area that one object of a hundred in the
        training images does not reach.

    All other parameters, sizes and attributes are those of `isthmus.Segmenter`. Its methods see the
    pixel classes, so does `classes_`.

    Attributes
    ----------
    cut_ : isthmus.inference.instances.Cut
        The three numbers in use.
    """

    borders: Annotated[Spec, BORDERS] = "class"
    seed_rise: PositiveFloat | None = None
    object_probability: Fraction | None = None
    smallest: PositiveInt | None = None

    task: ClassVar[str] = "instances"

    def _take_settings(self, own: dict[str, Any]) -> None:
        super()._take_settings(own)
        self._borders = BORDERS.build(own["borders"])

    # -- fitting ----------------------------------------------------------------------------

    def fit(
        self,
        X: Sequence[Array],
        y: Sequence[Array],
        *,
        classes: Sequence[Array] | None = None,
        class_names: Sequence[str] | None = None,
        validation: tuple[Sequence[Array], ...] | None = None,
        observer: Observer | None = None,
        checkpoints: Checkpoints | None = None,
    ) -> Self:
        """Train on images and their instance maps.

        Parameters
        ----------
        X
            Images ``(H, W)`` or ``(C, H, W)``, of any sizes.
        y
            Instance maps ``(H, W)``: 0 for the background, another number for each object, -1 where
            a pixel shall not count.
        classes
            Label maps ``(H, W)`` with the class, from 1 on, of each pixel of an object; all objects
            are of class 1 by default.
        class_names
            Of all classes, the background first.
        validation
            Held-out images, instance maps and, where `classes` are given, label maps.
        observer, checkpoints
            As of every autoencoder.
        """
        taught = _examples(X, y, classes)
        held_out = None if validation is None else _examples(*validation)
        names = list(class_names or _names(taught))
        borders = BORDERS.build(self.borders)

        def pairs(some: _Examples) -> tuple[list[Array], list[Array]]:
            labels = check_maps(some.labels, some.images, len(names))
            return some.images, pixel_maps(borders, some.objects, labels, len(names) - 1)

        super().fit(
            *pairs(taught),
            class_names=borders.pixel_classes(names),
            validation=None if held_out is None else pairs(held_out),
            observer=observer,
            checkpoints=checkpoints,
        )
        self.data_ |= {"class_names": names}
        self._choose_cut(held_out or taught, _usual_smallest(taught.objects))
        return self

    def _choose_cut(self, some: _Examples, smallest: int) -> None:
        """Take the cut with the greatest mean score on some images."""
        own = self.settings_
        rises, probabilities = (
            tried if own[name] is None else (own[name],)
            for name, tried in (("seed_rise", _RISES), ("object_probability", _PROBABILITIES))
        )
        cuts = [Cut(*both, own["smallest"] or smallest) for both in product(rises, probabilities)]
        totals = np.zeros(len(cuts))
        places = np.unique(np.linspace(0, len(some.images) - 1, _TRIED).astype(int))
        for place in places if len(cuts) > 1 else ():
            (p,) = self.predict_proba([some.images[place]])
            relief = self.relief(p)
            scores = [
                instance_scores(cut_objects(relief, cut).map, some.objects[place]).ap_mean
                for cut in cuts
            ]
            totals += np.nan_to_num(scores)
        best = cuts[int(totals.argmax())]
        self._take_numbers({_CUT: np.array(astuple(best), np.float32)})

    # -- saving -----------------------------------------------------------------------------

    def _numbers(self) -> dict[str, Tensor]:
        return {_CUT: torch.tensor(astuple(self.cut_), dtype=torch.float32)}

    def _number_shapes(self, document: Document) -> dict[str, tuple[int, ...]]:
        return {_CUT: (len(fields(Cut)),)}

    def _take_numbers(self, numbers: dict[str, Array]) -> None:
        rise, probability, smallest = numbers[_CUT].tolist()
        self.cut_ = Cut(rise, probability, int(smallest))

    # -- using ------------------------------------------------------------------------------

    def predict(  # type: ignore[override]  # objects instead of classes
        self, X: Array | Sequence[Array], *, flips: bool = False
    ) -> Array | list[Array]:
        """Instance maps ``(H, W)`` int32: 0 for the background, 1 to n for the objects.

        Of an image, of a stack or of a list, see `Segmenter.predict_proba`.
        """

        def maps(images: Iterable[Array]) -> Iterator[Array]:
            return (self.objects_of(p).map for p in self._probabilities(images, flips))

        return self._like_given(X, maps)

    def predict_objects(self, X: Sequence[Array], *, flips: bool = False) -> list[Instances]:
        """Objects of images, with their classes and boxes; `flips` as of `Segmenter`."""
        return [self.objects_of(p) for p in self._probabilities(X, flips)]

    def objects_of(self, probabilities: NDArray[np.float32]) -> Instances:
        """Objects by the probabilities of the pixel classes ``(C, H, W)`` of one image."""
        return cut_objects(self.relief(probabilities), self.cut_)

    def relief(self, probabilities: NDArray[np.float32]) -> Relief:
        """What objects are cut from, by the probabilities of the pixel classes of one image."""
        return self._borders.relief(probabilities, len(self.data_["class_names"]) - 1)


def pixel_maps(
    borders: Borders, objects: Sequence[Array], classes: Sequence[Array], count: int
) -> list[NDArray[np.int16]]:
    """Label maps of pixel classes (`Borders.targets`), -1 where `classes` are."""
    return [
        np.where(label < 0, np.int16(IGNORED), borders.targets(one, label, count))
        for one, label in zip(objects, classes, strict=True)
    ]


class _Examples(NamedTuple):
    """Images, objects 1 to n of each, and the class of each of their pixels, -1 to ignore it."""

    images: list[Array]
    objects: list[NDArray[np.int32]]
    labels: list[Array]


def _examples(
    X: Sequence[Array], y: Sequence[Array], classes: Sequence[Array] | None = None
) -> _Examples:
    """Images with their instance maps, checked.

    Raises
    ------
    DataError
        If they do not fit together, or are no instance maps.
    """
    images, maps = check_images(X), [np.asarray(one) for one in y]
    if len(maps) != len(images) or (classes is not None and len(classes) != len(images)):
        raise DataError(
            f"There are {len(maps)} instance maps for {len(images)} images; give one each, and a"
            " label map each where there are classes."
        )
    for one, image in zip(maps, images, strict=True):
        if one.shape != image.shape[-2:] or one.dtype.kind not in "iu":
            raise DataError(
                f"An instance map is {one.dtype} of shape {one.shape}, but its image"
                f" {image.shape[-2:]}; give whole numbers of the same size."
            )
    own = [(one > 0).astype(np.int16) for one in maps] if classes is None else classes
    labels = [np.where(one < 0, IGNORED, label) for one, label in zip(maps, own, strict=True)]
    objects = [np.where(label > 0, one, 0) for one, label in zip(maps, labels, strict=True)]
    return _Examples(images, [_from_one(one) for one in objects], labels)


def _from_one(objects: Array) -> NDArray[np.int32]:
    """Objects as 1 to n in the order of their numbers; 0 stays 0."""
    numbers, places = np.unique(objects, return_inverse=True)
    return (places.reshape(objects.shape) + int(numbers[0] != 0)).astype(np.int32)


def _names(some: _Examples) -> list[str]:
    count = max(int(one.max(initial=1)) for one in some.labels)
    numbered = [f"class {label}" for label in range(1, count + 1)]
    return ["background", *(numbered if count > 1 else ["object"])]


def _usual_smallest(maps: list[NDArray[np.int32]]) -> int:
    """The area that one object of a hundred does not reach."""
    areas = np.concatenate([np.bincount(one.ravel())[1:] for one in maps])
    return max(1, int(np.percentile(areas, 1))) if len(areas) else 1
