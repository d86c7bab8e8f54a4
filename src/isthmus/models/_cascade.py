"""What a cascade of two segmenters is made of: its classes, boxes, and the models themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import PlainValidator, ValidationError
from scipy.ndimage import label
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from isthmus.core.errors import ModelFileError, SettingError
from isthmus.core.registry import Spec, explain, nearest
from isthmus.data.absorbed import absorbed
from isthmus.models._base import MODELS
from isthmus.models._files import Document, SavedModel
from isthmus.models._loading import load
from isthmus.training import Checkpoints, History, Observer, Phases

Labels = NDArray[np.int16]
Box = tuple[slice, ...]
Cases = tuple[list[Any], ...]
"""Images, their label maps, and of volumes the sizes of their voxels."""


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

    def for_first(self, labels: Labels, spacing: Sequence[float] | None = None) -> Labels:
        """A label map or volume for the first network: lesions belong to the organ."""
        table = np.zeros(len(self.names), np.int16)
        table[self.places] = np.arange(len(self.places))
        merged = absorbed(labels, self.lesions, self.organ_places, spacing)
        return np.where(merged < 0, merged, table[merged])

    def for_second(self, labels: Labels) -> Labels:
        """A label map for the second network: all but lesions is background."""
        table = np.zeros(len(self.names), np.int16)
        table[self.lesions] = 1 + np.arange(len(self.lesions))
        return np.where(labels < 0, labels, table[labels])

    def cases_for_first(self, cases: Cases) -> Cases:
        """All label maps for the first network, with their images and sizes."""
        images, maps, *sizes = cases
        return images, [self.for_first(*one) for one in zip(maps, *sizes, strict=True)], *sizes

    def joined(
        self,
        of_first: NDArray[np.float32],
        organ: NDArray[np.bool_],
        lesions: tuple[Box, NDArray[np.float32]] | None,
    ) -> NDArray[np.float32]:
        """Probabilities of all classes ``(K, H, W)`` by those of both networks.

        Parameters
        ----------
        of_first
            ``(L, H, W)``; what is an organ by these is background where `organ` is not set.
        organ
            ``(H, W)``.
        lesions
            A box, and in it those of the lesions ``(J, h, w)``, which count inside the organ.
        """
        p, most = np.zeros((len(self.names), *organ.shape), np.float32), of_first.argmax(0)
        for place, one in zip(self.places, of_first, strict=True):
            p[place] += one
        lost = np.isin(most, self.organs) & ~organ
        p[:, lost], p[0, lost] = 0, 1
        if lesions is not None:
            box, found = lesions
            inside = organ[box]
            found = found[:, inside]
            here = np.zeros((len(p), found.shape[1]), np.float32)
            rest = (1 - found.sum(0)).clip(0)
            here[self.places[most[box][inside]], np.arange(len(rest))] = rest
            here[self.lesions] = found
            p[:, *box][:, inside] = here
        return p


def refuse_unknown(setting: str, given: Sequence[str], known: Sequence[str]) -> None:
    """Refuse names that are none of the known classes."""
    for name in given:
        if name not in known:
            raise SettingError(
                f"{setting} names '{name}'{nearest(name, known)}, but the classes to choose from"
                f" are: {', '.join(known)}."
            )


def large_pieces(mask: NDArray[np.bool_], smallest: float) -> NDArray[np.bool_]:
    """Connected pieces of a mask that are so large a share of it all; sides and corners touch."""
    pieces, _ = label(mask, np.ones((3,) * mask.ndim))
    large = np.bincount(pieces.ravel()) >= smallest * mask.size
    large[0] = False
    return np.asarray(large[pieces])


def box_around(organ: NDArray[np.bool_], margins: NDArray[np.float64]) -> Box:
    """The smallest box ``(h, w)`` or ``(d, h, w)`` of a mask, wider by shares of its sides.

    Parameters
    ----------
    margins
        Before and behind along each axis: above, below, to the left and to the right.
    """
    slices = []
    for axis, (before, after) in enumerate(margins.reshape(-1, 2)):
        others = tuple(each for each in range(organ.ndim) if each != axis)
        places = np.flatnonzero(organ.any(others))
        low, high = int(places[0]), int(places[-1]) + 1
        side = high - low
        low, high = max(0, low - round(before * side)), high + round(after * side)
        slices.append(slice(low, min(high, organ.shape[axis])))
    return tuple(slices)


# -- models ---------------------------------------------------------------------------------------


def _stage(value: Any, task: str) -> Spec:
    """The settings of a segmenter in full; or the folder of one, as it is."""
    if isinstance(value, str) and value not in MODELS:
        return value
    spec = MODELS.check(value)
    _refuse_others(spec["kind"], MODELS[spec["kind"]].task, task)
    return spec


Stage = Annotated[Spec, PlainValidator(partial(_stage, task="segmentation"))]
"""A segmenter that is to be trained, by its settings; or a trained one, by its folder."""
VolumeStage = Annotated[Spec, PlainValidator(partial(_stage, task="volumes"))]
"""The same of volumes."""


class Both(nn.ModuleDict):
    """Both networks, to be counted as one."""

    kind = "cascade"


class _Described(SavedModel):
    """A part of a model's document; its weights are read with those of the whole."""

    def tensors(self, expected: dict[str, Tensor]) -> dict[str, Tensor]:
        # Weights, which have the name of their network, stay shapes; numbers have no such form.
        return {
            name: tensor if "." in name else torch.zeros(tensor.shape)
            for name, tensor in expected.items()
        }


def described(name: str, content: Any, task: str) -> Any:
    """The segmenter of a document within another, still without weights; of images or volumes.

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
    _refuse_others(document.kind, MODELS[document.kind].task, task)
    return MODELS[document.kind].from_saved(_Described(Path(name), document))


def loaded(folder: str, task: str) -> Any:
    """The segmenter of a run or model folder."""
    model = load(Path(folder).expanduser())
    _refuse_others(folder, model.task, task)
    return model


def spec_of(model: Any) -> dict[str, Any]:
    """Settings of a fitted segmenter, in full."""
    check_is_fitted(model)
    return {"kind": model.kind, **model._document().parameters}


def train_stage(
    model: Any, phases: Phases, names: Sequence[str], pairs: Any, held_out: Any = None
) -> None:
    """Fit one segmenter of a cascade, as a phase of its training."""

    def training(observer: Observer, checkpoints: Checkpoints | None) -> History:
        history: History = model.fit(
            *pairs,
            class_names=names,
            validation=held_out,
            observer=observer,
            checkpoints=checkpoints,
        ).history_
        return history

    phases.run(training)


def _refuse_others(what: str, own: str, task: str) -> None:
    if own != task:
        wanted, sort = ("volumes", " of volumes") if task == "volumes" else ("maps", "")
        raise SettingError(
            f"'{what}' gives no label {wanted}; a cascade is made of two segmenters{sort}."
        )
