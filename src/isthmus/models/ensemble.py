"""Several segmenters as one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import SettingError
from isthmus.models._predicting import PredictingMixin
from isthmus.models._slices import Sliceable
from isthmus.models._volumes import PredictingVolumesMixin, Spacing
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
        self.members = list(members)
        told = [f"{_classes(one)} and takes {one.channels}-channel images" for one in members]
        _refuse_unlike(told, "the same classes and channels")
        self.class_names, self.channels = names_of_classes(members[0]), members[0].channels

    def _probabilities(self, X: Iterable[Array], flips: bool) -> Iterator[NDArray[np.float32]]:
        for image in X:
            first, *others = self.members
            (total,) = first.predict_proba([image], flips=flips)
            for member in others:
                total += member.predict_proba([image], flips=flips)[0]
            total /= len(self.members)
            yield total


class VolumeEnsemble(PredictingVolumesMixin):
    """The mean of the probabilities of several segmenters of volumes, of whatever planes.

    While all have slices in one plane, no more than a slice of each is in memory; of those in
    another plane than the first one's the probabilities of a whole volume are.

    Parameters
    ----------
    members
        Fitted segmenters of volumes, of the same classes.

    Attributes
    ----------
    class_names : list of str
        Of all classes, the background first.
    axis_ : int
        Of the first member.

    Raises
    ------
    SettingError
        If there is none, or they have other classes.
    """

    def __init__(self, members: Sequence[Any]) -> None:
        self.members = list(members)
        _refuse_unlike([*map(_classes, members)], "the same classes")
        self.class_names, self.axis_ = names_of_classes(members[0]), members[0].axis_

    @property
    def axes_(self) -> set[int]:
        """Those of all members."""
        return set().union(*(one.axes_ for one in self.members))

    def _of_slices(
        self, volume: Sliceable, size: Spacing, flips: bool
    ) -> Iterator[NDArray[np.float32]]:
        found = [one.by_slice(volume, size, axis=self.axis_, flips=flips) for one in self.members]
        for parts in zip(*found, strict=True):
            yield sum(parts[1:], parts[0]) / np.float32(len(parts))


def names_of_classes(model: Any) -> list[str]:
    """Names of a fitted segmenter's classes, the background first."""
    names = model.data_.get("class_names") or map(str, model.classes_)
    return list(names)


def _classes(model: Any) -> str:
    return f"has the classes {', '.join(names_of_classes(model))}"


def _refuse_unlike(told: Sequence[str], alike: str) -> None:
    """Refuse members of which not all is told the same, and none."""
    if not told:
        raise SettingError("An ensemble needs a model at least; give one.")
    for number, words in enumerate(told, 1):
        if words != told[0]:
            raise SettingError(
                f"Model {number} {words}, but the first one {told[0]}; an ensemble takes models of"
                f" {alike}."
            )
