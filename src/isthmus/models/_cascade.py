"""What a cascade of two segmenters is made of: its classes, boxes, and the models themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import PlainValidator, ValidationError
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from isthmus.core.errors import ModelFileError, SettingError
from isthmus.core.registry import Spec, explain, nearest
from isthmus.data.absorbed import absorbed
from isthmus.models._base import MODELS
from isthmus.models._files import Document, SavedModel, load

Labels = NDArray[np.int16]
Box = tuple[slice, slice]


# -- classes --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Roles:
    """Which classes the two networks find.

    Attributes
    ----------
    names
        All classes, the background first.
    first_names
        The classes of the first network.
    organs
        Labels of the first network.
    lesions
        Labels among all classes; label j + 1 of the second network is the j-th of these.
    places
        For each label of the first network, that among all classes; 0 where it is none of them.
    """

    names: tuple[str, ...]
    first_names: tuple[str, ...]
    organs: list[int]
    lesions: list[int]
    places: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        names: Sequence[str],
        organs: Sequence[str],
        lesions: Sequence[str],
        first: Sequence[str] | None,
    ) -> Self:
        """Number the classes; `first` are those of the first network, where it has its own.

        Raises
        ------
        SettingError
            If a class is unknown, or no organ is left.
        """
        lesions = lesions or names[-1:]
        refuse_unknown("lesions", lesions, names[1:])
        found = list(first or [name for name in names if name not in lesions])
        organs = organs or [name for name in found[1:] if name not in lesions]
        refuse_unknown("organs", organs, found[1:])
        if not organs:
            raise SettingError(
                f"The classes {', '.join(names)} have no organ in which {', '.join(lesions)} could"
                " lie; name the organ in the label maps, or give the run of a segmenter that finds"
                " it as first."
            )
        known = {name: place for place, name in enumerate(names) if name not in lesions}
        return cls(
            tuple(names),
            tuple(found),
            [found.index(name) for name in organs],
            [names.index(name) for name in lesions],
            np.array([known.get(name, 0) for name in found]),
        )

    @property
    def lesion_names(self) -> list[str]:
        """Names of the lesions."""
        return [self.names[one] for one in self.lesions]

    @property
    def organ_names(self) -> list[str]:
        """Names of the organs."""
        return [self.first_names[one] for one in self.organs]

    @property
    def organ_places(self) -> list[int]:
        """Labels of the organs among all classes; without those that are none of them."""
        return [int(place) for place in self.places[self.organs] if place]

    def for_first(self, labels: Labels) -> Labels:
        """A label map for the first network: lesions belong to the organ."""
        table = np.zeros(len(self.names), np.int16)
        table[self.places] = np.arange(len(self.places))
        merged = absorbed(labels, self.lesions, self.organ_places)
        return np.where(merged < 0, merged, table[merged])

    def for_second(self, labels: Labels) -> Labels:
        """A label map for the second network: all but lesions is background."""
        table = np.zeros(len(self.names), np.int16)
        table[self.lesions] = 1 + np.arange(len(self.lesions))
        return np.where(labels < 0, labels, table[labels])


def refuse_unknown(setting: str, given: Sequence[str], known: Sequence[str]) -> None:
    """Refuse names that are none of the known classes."""
    for name in given:
        if name not in known:
            raise SettingError(
                f"{setting} names '{name}'{nearest(name, known)}, but the classes to choose from"
                f" are: {', '.join(known)}."
            )


def box_around(organ: NDArray[np.bool_], margins: NDArray[np.float64]) -> Box:
    """Rows and columns of a mask, wider by shares of its height and width.

    Parameters
    ----------
    margins
        Above, below, to the left and to the right.
    """
    slices = []
    for axis, (before, after) in enumerate(margins.reshape(2, 2)):
        places = np.flatnonzero(organ.any(1 - axis))
        low, high = int(places[0]), int(places[-1]) + 1
        side = high - low
        low, high = max(0, low - round(before * side)), high + round(after * side)
        slices.append(slice(low, min(high, organ.shape[axis])))
    return slices[0], slices[1]


# -- models ---------------------------------------------------------------------------------------


def _stage(value: Any) -> Spec:
    """The settings of a segmenter in full; or the folder of one, as it is."""
    if isinstance(value, str) and value not in MODELS:
        return value
    spec = MODELS.check(value)
    _refuse_others(spec["kind"], MODELS[spec["kind"]].task)
    return spec


Stage = Annotated[Spec, PlainValidator(_stage)]
"""A segmenter that is to be trained, by its settings; or a trained one, by its folder."""


class Both(nn.ModuleDict):
    """Both networks, to be counted as one."""

    kind = "cascade"


class _Described(SavedModel):
    """A part of a model's document; its weights are read with those of the whole."""

    def tensors(self, expected: dict[str, Tensor]) -> dict[str, Tensor]:
        return expected


def described(name: str, content: Any) -> Any:
    """The segmenter of a document within another, still without weights.

    Raises
    ------
    ModelFileError
        If it is damaged.
    """
    try:
        document = Document.model_validate(content)
    except ValidationError as error:
        reason = explain(error, Document, f"model.json: data.{name}")
        raise ModelFileError(f"{reason.removesuffix('.')}; copy the model again.") from None
    _refuse_others(document.kind, MODELS[document.kind].task)
    return MODELS[document.kind].from_saved(_Described(Path(name), document))


def loaded(folder: str) -> Any:
    """The segmenter of a run or model folder."""
    model = load(Path(folder).expanduser())
    _refuse_others(folder, model.task)
    return model


def spec_of(model: Any) -> dict[str, Any]:
    """Settings of a fitted segmenter, in full."""
    check_is_fitted(model)
    return {"kind": model.kind, **model._document().parameters}


def _refuse_others(what: str, task: str) -> None:
    if task != "segmentation":
        raise SettingError(f"'{what}' gives no label maps; a cascade is made of two segmenters.")
