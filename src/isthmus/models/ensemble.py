"""Several segmenters as one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import SettingError
from isthmus.models._predicting import PredictingMixin
from isthmus.models.segmenter import Segmenter

Array = NDArray[Any]


class Ensemble(PredictingMixin):
    """The mean of the probabilities of several segmenters.

    Parameters
    ----------
    members
        Fitted segmenters of the same classes, for images of as many channels.

    Attributes
    ----------
    class_names : list of str
        Of all classes, the background first.
    channels : int
        1 for grey images, 3 for colour.

    Raises
    ------
    SettingError
        If there is none, or they have other classes or channels.
    """

    channels: int

    def __init__(self, members: Sequence[Segmenter]) -> None:
        if not members:
            raise SettingError("An ensemble needs a model at least; give one.")
        self.members = list(members)
        first, *others = [(names_of_classes(one), one.channels) for one in members]
        self.class_names, self.channels = first
        for number, other in enumerate(others, 2):
            if other != first:
                raise SettingError(
                    f"Model {number} {_described(*other)}, but the first one {_described(*first)};"
                    " an ensemble takes models of the same classes and channels."
                )

    def _probabilities(self, X: Iterable[Array], flips: bool) -> Iterator[NDArray[np.float32]]:
        for image in X:
            first, *others = self.members
            (total,) = first.predict_proba([image], flips=flips)
            for member in others:
                total += member.predict_proba([image], flips=flips)[0]
            total /= len(self.members)
            yield total


def names_of_classes(model: Segmenter) -> list[str]:
    """Names of a fitted segmenter's classes, the background first."""
    names = model.data_.get("class_names") or map(str, model.classes_)
    return list(names)


def _described(names: list[str], channels: int) -> str:
    return f"has the classes {', '.join(names)} and takes {channels}-channel images"
