"""Label maps and probabilities of one image or of several, for what knows those of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError, SettingError

Array = NDArray[Any]
Labels = NDArray[np.int16]
Probabilities = NDArray[np.float32]
_Result = TypeVar("_Result", bound=Array)


class PredictingMixin:
    """`predict` and `predict_proba` of images: an array gives an array, a list gives a list.

    One image is an array of as many axes as the model's images have: ``(H, W)`` for a model of grey
    ones, ``(C, H, W)`` for one of colour. An array with one axis more holds images of one size,
    ``(N, H, W)`` or ``(N, C, H, W)``, also where N is 1. Images of several sizes come in a list, in
    which a grey one may be ``(1, H, W)`` too.
    """

    if TYPE_CHECKING:  # what the class that is mixed in has

        @property
        def channels(self) -> int: ...
        def _probabilities(self, X: Iterable[Array], flips: bool) -> Iterator[Probabilities]: ...

    @overload
    def predict_proba(self, X: Array, *, flips: bool = ...) -> Probabilities: ...
    @overload
    def predict_proba(self, X: Sequence[Array], *, flips: bool = ...) -> list[Probabilities]: ...
    def predict_proba(
        self, X: Array | Sequence[Array], *, flips: bool = False
    ) -> Probabilities | list[Probabilities]:
        """Probabilities of the classes, ``(K, H, W)``, of an image or of each.

        Parameters
        ----------
        X
            An image, ``(H, W)`` or of a model of colours ``(C, H, W)``; an array with one axis
            more, which gives ``(N, K, H, W)``; or a list of images of any sizes, which gives one.
        flips
            Whether the mean over each image and its mirror images is taken: of the axes that the
            augmentations mirrored too.

        Raises
        ------
        SettingError
            If there are no such axes: what lies the other way round was never seen.
        DataError
            If an image has other channels than the model's, or values that are not finite.
        """
        return self._like_given(X, lambda images: self._probabilities(images, flips))

    @overload
    def predict(self, X: Array, *, flips: bool = ...) -> Labels: ...
    @overload
    def predict(self, X: Sequence[Array], *, flips: bool = ...) -> list[Labels]: ...
    def predict(self, X: Array | Sequence[Array], *, flips: bool = False) -> Labels | list[Labels]:
        """Label maps ``(H, W)``: the most probable class of each pixel; see `predict_proba`."""

        def labels(images: Iterable[Array]) -> Iterator[Labels]:
            return (p.argmax(0).astype(np.int16) for p in self._probabilities(images, flips))

        return self._like_given(X, labels)

    def _like_given(
        self, X: Array | Sequence[Array], find: Callable[[Iterable[Array]], Iterator[_Result]]
    ) -> _Result | list[_Result]:
        if not isinstance(X, np.ndarray) or X.dtype == object:
            return list(find(X))
        if X.ndim <= (2 if self.channels == 1 else 3):
            return next(find([X]))
        if not len(X):
            raise DataError("There are no images; give one at least.")
        return cast(_Result, np.stack(list(find(X))))


def mirror_axes(augmentations: Iterable[dict[str, Any]]) -> list[tuple[int, ...]]:
    """Axes of the mirror images that such a training has seen.

    Raises
    ------
    SettingError
        If it has seen none.
    """
    seen = [spec for spec in augmentations if spec["kind"] == "flip"]
    across, down = (any(spec[axis] for spec in seen) for axis in ("horizontal", "vertical"))
    axes: list[tuple[int, ...]] = []
    axes += [(-1,)] if across else []
    axes += [(-2,)] if down else []
    axes += [(-2, -1)] if across and down else []
    if not axes:
        raise SettingError(
            "This model was not trained on mirror images, which flips would give it; leave it"
            " out, or train with the augmentation 'flip'."
        )
    return axes
