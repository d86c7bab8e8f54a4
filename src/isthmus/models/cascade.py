"""Two segmenters, one after the other: an organ, and what is diseased within it."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import PlainValidator, ValidationError
from scipy.ndimage import label
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from isthmus.core.errors import DataError, ModelFileError, SettingError
from isthmus.core.registry import Spec, check_settings, explain, nearest
from isthmus.core.settings import Device, Fraction, NonNegativeFloat, NonNegativeInt, PositiveFloat
from isthmus.data.absorbed import absorbed
from isthmus.data.fingerprint import fingerprint_of_all
from isthmus.models._base import MODELS
from isthmus.models._estimator import seed_of
from isthmus.models._files import Document, SavedModel, load
from isthmus.models._pairs import check_images, check_maps
from isthmus.models._saving import SavingMixin
from isthmus.models.ensemble import names_of_classes
from isthmus.networks import Network
from isthmus.training import Checkpoints, ConsoleProgress, History, Observer, Phases, Plan, State

Array = NDArray[Any]
Labels = NDArray[np.int16]
Box = tuple[slice, slice]
_STAGES = ("first", "second")
_TOUCHING = np.ones((3, 3))  # pixels of one piece share a side or a corner


def _stage(value: Any) -> Spec:
    """The settings of a segmenter in full; or the folder of one, as it is."""
    if isinstance(value, str) and value not in MODELS:
        return value
    spec = MODELS.check(value)
    _refuse_others(spec["kind"], MODELS[spec["kind"]].task)
    return spec


Stage = Annotated[Spec, PlainValidator(_stage)]


@MODELS.register("cascade")
@dataclass(kw_only=True, eq=False, repr=False)
class Cascade(SavingMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A segmenter that finds an organ, and one that finds lesions in the organ's box.

    The first sees whole images; lesions are to it a piece of the organ that is nearest. The second
    sees only the box around the organ, with a margin. It is trained on the boxes of the reference,
    each side with a margin drawn from 0 to twice the margin, so that it does not rely on exact
    boxes; where the label maps have no organ, on those that the first finds. A lesion counts only
    inside the organ:

        P(lesion) = P₂(lesion) where argmax P₁ is an organ, else 0; elsewhere P = P₁.

    Where no organ is found there is no lesion. Source: Lizzi et al. 2021 (two U-Nets).

    Parameters
    ----------
    first, second
        Settings of a segmenter that is trained, such as ``{"kind": "segmenter", "size": 64}``; or
        the folder of a run or model, which is taken as it is, its classes by their names.
    organs
        Classes of the first that together are the organ; all but its background by default.
    lesions
        Classes that the second finds; by default the last one. The first finds all others.
    margin
        Share of the box's height and width that is added at each side.
    smallest
        Share of the image below which a connected piece of organ is none.
    minutes
        For both together, half of it each; of one whose settings have minutes those count.
    device
        Of both.
    random_state, verbose
        As of every autoencoder; a segmenter's own seed comes first.

    Attributes
    ----------
    first_, second_ : estimator
        The fitted segmenters.
    classes_ : ndarray of int64
        0, ..., K - 1.
    history_ : list of dict
        As of `Segmenter`, of both, with their ``phase``, 1 or 2.

    Raises
    ------
    SettingError
        From `fit`, for settings that cannot be used, or classes that are not there.
    ModelFileError
        From `fit`, if a folder holds no model.
    DataError
        For images or label maps that cannot be used.
    """

    first: Stage = "segmenter"
    second: Stage = "segmenter"
    organs: tuple[str, ...] = ()
    lesions: tuple[str, ...] = ()
    margin: NonNegativeFloat = 0.1
    smallest: Fraction = 0.001
    minutes: PositiveFloat | None = None
    device: Device = "auto"
    random_state: NonNegativeInt | np.random.RandomState | None = None
    verbose: bool = False

    task: ClassVar[str] = "segmentation"

    @classmethod
    def of(
        cls,
        first: Any,
        second: Any,
        *,
        organs: Sequence[str] = (),
        lesions: Sequence[str] = (),
        margin: float = 0.1,
        smallest: float = 0.001,
    ) -> Self:
        """The cascade of two fitted segmenters.

        Its classes are those of the first, then the lesions: by default all of the second but its
        background.

        Raises
        ------
        SettingError
            If they take images of other channels, or do not know the classes.
        """
        chosen = tuple(lesions) or tuple(names_of_classes(second)[1:])
        model = cls(
            first=_spec_of(first),
            second=_spec_of(second),
            organs=tuple(organs),
            lesions=chosen,
            margin=margin,
            smallest=smallest,
            random_state=0,
        )
        model._take_settings(check_settings(cls, model.get_params(deep=False), cls.__name__))
        names = [*(name for name in names_of_classes(first) if name not in chosen), *chosen]
        model._take_classes(names, names_of_classes(first))
        model._take_stages(first, second)
        model._describe(names, {})
        return model

    def in_full(self) -> Cascade:
        """The same with all classes of the first, also those that the label maps had not."""
        check_is_fitted(self)
        chosen = [self._names[one] for one in self._lesions]
        return type(self).of(
            self.first_,
            self.second_,
            organs=self.organs,
            lesions=chosen,
            margin=self.margin,
            smallest=self.smallest,
        )

    # -- settings ---------------------------------------------------------------------------

    @property
    def uses_labels(self) -> bool:
        """Whether `fit` looks at labels: at label maps."""
        return True

    def _take_settings(self, own: dict[str, Any]) -> None:
        self.parameters_, self.settings_ = own, {**own, "augmentations": ()}
        self.seed_ = seed_of(own["random_state"])

    def _take_classes(self, names: Sequence[str], first: Sequence[str] | None) -> None:
        """Number the classes of the whole; of the first network, where it has its own."""
        lesions = self.lesions or (names[-1],)
        _refuse_unknown("lesions", lesions, names[1:])
        found = list(first or [name for name in names if name not in lesions])
        organs = self.organs or tuple(name for name in found[1:] if name not in lesions)
        _refuse_unknown("organs", organs, found[1:])
        if not organs:
            raise SettingError(
                f"The classes {', '.join(names)} have no organ in which {', '.join(lesions)} could"
                " lie; name the organ in the label maps, or give the run of a segmenter that finds"
                " it as first."
            )
        self._names, self._first_names = list(names), found
        self._lesions = [names.index(name) for name in lesions]
        self._organs = [found.index(name) for name in organs]
        known = {name: place for place, name in enumerate(names) if name not in lesions}
        self._places = np.array([known.get(name, 0) for name in found])  # of the first's classes

    def _take_stages(self, first: Any, second: Any) -> None:
        channels = [one.sample_shape_[0] for one in (first, second)]
        if channels[0] != channels[1]:
            raise SettingError(
                f"The first network takes images of {channels[0]} channels, the second of"
                f" {channels[1]}; cascade two of the same."
            )
        names, wanted = names_of_classes(second), [self._names[one] for one in self._lesions]
        _refuse_unknown("lesions", wanted, names[1:])
        self._of_second = [names.index(name) for name in wanted]
        self.first_, self.second_ = first, second
        self.network_ = cast(Network, _Both({"first": first.network_, "second": second.network_}))
        self.sample_shape_, self.sample_dtype_ = first.sample_shape_, first.sample_dtype_
        scales = [one.settings_["intensities"] for one in (first, second)]
        scales.sort(key=lambda spec: spec["kind"] != "unit")  # the one that needs alike types
        self.settings_ = {**self.settings_, "intensities": scales[0]}

    def _describe(self, names: Sequence[str], content: dict[str, Any]) -> None:
        """What is saved beside the settings; the networks as documents of their own."""
        self.classes_ = np.arange(len(names))
        stages = {
            name: getattr(self, f"{name}_")._document().model_copy(update={"history": []})
            for name in _STAGES
        }
        documents = {name: one.model_dump(mode="json") for name, one in stages.items()}
        self.data_ = {**content, "class_names": list(names), **documents}
        self.history_: History = []

    @property
    def stages(self) -> dict[str, Any]:
        """The fitted segmenters by name."""
        return {name: getattr(self, f"{name}_") for name in _STAGES}

    # -- fitting ----------------------------------------------------------------------------

    def fit(
        self,
        X: Sequence[Array],
        y: Sequence[Array],
        *,
        class_names: Sequence[str] | None = None,
        validation: tuple[Sequence[Array], Sequence[Array]] | None = None,
        observer: Observer | None = None,
        checkpoints: Checkpoints | None = None,
    ) -> Self:
        """Train both on images and label maps of background, organs and lesions.

        Parameters are those of `Segmenter.fit`.
        """
        self.__dict__.pop("history_", None)
        own = check_settings(type(self), self.get_params(deep=False), type(self).__name__)
        images = check_images(X)
        maps = check_maps(y, images, None if class_names is None else len(class_names))
        most = max(2, 1 + max(int(one.max()) for one in maps))
        names = [str(one) for one in (range(most) if class_names is None else class_names)]
        self._take_settings(own)
        given = {name: _loaded(own[name]) for name in _STAGES if isinstance(own[name], str)}
        self._take_classes(names, names_of_classes(given["first"]) if "first" in given else None)
        held_out = None
        if validation is not None:
            others = check_images(validation[0], 1 if images[0].ndim == 2 else len(images[0]))
            held_out = others, check_maps(validation[1], others, len(names))
        if observer is None and own["verbose"]:
            observer = ConsoleProgress()
        observer = observer or Observer()
        phases = Phases(observer, checkpoints)

        first = given.get("first")
        if first is None:
            pairs = [self._of_organ(*part) for part in (held_out, (images, maps)) if part]
            first = self._new_stage("first", given)
            _train(first, phases, self._first_names, *reversed(pairs))
        self.first_ = first
        second = given.get("second")
        if second is None:
            random = np.random.default_rng(self.seed_)
            boxes = self._of_lesions(images, maps, random)
            if not boxes[0]:
                organs = [self._first_names[one] for one in self._organs]
                raise DataError(
                    f"No image has an organ ({', '.join(organs)}) for the second network to learn"
                    " in; correct the label maps, or `organs`."
                )
            aside = self._of_lesions(*held_out, None) if held_out else None
            lesions = [names[one] for one in self._lesions]
            second = self._new_stage("second", given)
            _train(second, phases, [names[0], *lesions], boxes, aside if aside and aside[0] else None)
        if len(given) == len(_STAGES):  # nothing to train, of which observers wait to hear
            observer.started(Plan(0, 1, 1.0, {}, {}), State(), 1)
            observer.finished()
        self._take_stages(first, second)
        content = {"samples": len(images), "fingerprint": fingerprint_of_all(images)}
        self._describe(names, content)
        self.history_ = phases.history
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "history_")

    def _new_stage(self, name: str, given: dict[str, Any]) -> Any:
        """A segmenter to be trained."""
        own, minutes = dict(self.settings_[name]), self.settings_["minutes"]
        own["device"] = self.settings_["device"]
        if own["random_state"] is None:
            own["random_state"] = self.seed_ + _STAGES.index(name)
        if minutes is not None and own.get("minutes") is None:
            own["minutes"] = minutes / (len(_STAGES) - len(given))
        return MODELS.build(own)

    def _of_organ(
        self, images: Sequence[Array], maps: Sequence[Labels]
    ) -> tuple[Sequence[Array], list[Labels]]:
        """Images and label maps of the first network: lesions belong to the organ."""
        organs = self._places[self._organs].tolist()
        number = {place: one for one, place in enumerate(self._places)}
        table = np.array([number.get(one, 0) for one in range(len(self._names))], np.int16)
        merged = [absorbed(one, self._lesions, organs) for one in maps]
        return images, [np.where(one < 0, one, table[one]) for one in merged]

    def _of_lesions(
        self,
        images: Sequence[Array],
        maps: Sequence[Labels],
        random: np.random.Generator | None,
    ) -> tuple[list[Array], list[Labels]]:
        """Boxes and their label maps of the second network, of images that have the organ."""
        table = np.zeros(len(self._names), np.int16)
        table[self._lesions] = 1 + np.arange(len(self._lesions))
        labelled = [place for place in self._places[self._organs].tolist() if place]
        boxes, parts = [], []
        for image, one in zip(images, maps, strict=True):
            if labelled:
                organ = np.isin(one, [*labelled, *self._lesions])
            else:
                organ = self._organ(self.first_.predict_proba([image])[0])
            if organ.any():
                sides = np.full(4, 1.0) if random is None else random.uniform(0, 2, 4)
                box = _box(organ, self.settings_["margin"] * sides)
                boxes.append(image[..., *box])
                parts.append(np.where(one < 0, one, table[one])[box])
        return boxes, parts

    # -- saving -----------------------------------------------------------------------------

    def _networks(self) -> dict[str, Network]:
        return {
            f"{name}.{own}": network
            for name, model in self.stages.items()
            for own, network in model._networks().items()
        }

    def _build_networks(self, seed: int | None) -> None:
        """Of a saved model: its segmenters, whose weights are read with those of the whole."""
        names = self.data_.get("class_names") or list(map(str, self.classes_))
        first, second = (_described(name, self.data_.get(name)) for name in _STAGES)
        self._take_classes(names, names_of_classes(first))
        self._take_stages(first, second)

    # -- using ------------------------------------------------------------------------------

    def predict_proba(
        self, X: Sequence[Array], *, flips: bool = False
    ) -> list[NDArray[np.float32]]:
        """Probabilities of the classes, ``(K, H, W)``, of each image; see `Segmenter`."""
        return list(self._probabilities(X, flips))

    def predict(self, X: Sequence[Array], *, flips: bool = False) -> list[Labels]:
        """Label maps ``(H, W)`` of images: the most probable class of each pixel."""
        return [one.argmax(0).astype(np.int16) for one in self._probabilities(X, flips)]

    def _probabilities(self, X: Sequence[Array], flips: bool) -> Iterator[NDArray[np.float32]]:
        check_is_fitted(self)
        for image in X:
            (of_first,) = self.first_.predict_proba([image], flips=flips)
            organ, most = self._organ(of_first), of_first.argmax(0)
            p = np.zeros((len(self._names), *organ.shape), np.float32)
            for place, one in zip(self._places, of_first, strict=True):
                p[place] += one
            lost = np.isin(most, self._organs) & ~organ  # a piece too small to be one
            p[:, lost], p[0, lost] = 0, 1
            if organ.any():
                box = _box(organ, np.full(4, self.settings_["margin"]))
                (of_second,) = self.second_.predict_proba([np.asarray(image)[..., *box]], flips=flips)
                inside = organ[box]
                found = of_second[self._of_second][:, inside]
                here = np.zeros((len(p), found.shape[1]), np.float32)
                here[self._places[most[box][inside]], np.arange(found.shape[1])] = 1 - found.sum(0)
                here[self._lesions] = found
                p[:, *box][:, inside] = here
            yield p

    def _organ(self, of_first: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Where the organ is by the first network's probabilities ``(K, H, W)``."""
        found = np.isin(of_first.argmax(0), self._organs)
        pieces, _ = label(found, _TOUCHING)
        large = np.bincount(pieces.ravel()) >= self.settings_["smallest"] * found.size
        large[0] = False
        return np.asarray(large[pieces])

    def untrained(self) -> Self:
        """The same cascade with the random weights of its seeds, as a baseline."""
        check_is_fitted(self)
        twin = copy.copy(self)
        twin._take_stages(self.first_.untrained(), self.second_.untrained())
        return twin


class _Both(nn.ModuleDict):
    """Both networks, to be counted as one."""

    kind = "cascade"


class _Described(SavedModel):
    """A part of a model's document; its weights are read with those of the whole."""

    def tensors(self, expected: dict[str, Tensor]) -> dict[str, Tensor]:
        return expected


def _described(name: str, content: Any) -> Any:
    """The segmenter of a document, still without weights."""
    try:
        document = Document.model_validate(content)
    except ValidationError as error:
        reason = explain(error, Document, f"model.json: data.{name}")
        raise ModelFileError(f"{reason.removesuffix('.')}; copy the model again.") from None
    found = MODELS[document.kind].from_saved(_Described(Path(name), document))
    _refuse_others(document.kind, found.task)
    return found


def _loaded(folder: str) -> Any:
    """The segmenter of a run or model folder."""
    model = load(Path(folder).expanduser())
    _refuse_others(folder, model.task)
    return model


def _spec_of(model: Any) -> dict[str, Any]:
    check_is_fitted(model)
    return {"kind": model.kind, **model._document().parameters}


def _train(model: Any, phases: Phases, names: Sequence[str], pairs: Any, held_out: Any = None) -> None:
    def training(observer: Observer, checkpoints: Checkpoints | None) -> History:
        model.fit(
            *pairs,
            class_names=names,
            validation=held_out,
            observer=observer,
            checkpoints=checkpoints,
        )
        history: History = model.history_
        return history

    phases.run(training)


def _box(organ: NDArray[np.bool_], margins: NDArray[np.float64]) -> Box:
    """Rows and columns around a mask, wider by shares of its height and width."""
    slices = []
    for axis, (before, after) in enumerate(margins.reshape(2, 2)):
        places = np.flatnonzero(organ.any(1 - axis))
        low, high = int(places[0]), int(places[-1]) + 1
        side = high - low
        low, high = max(0, low - round(before * side)), high + round(after * side)
        slices.append(slice(low, min(high, organ.shape[axis])))
    return slices[0], slices[1]


def _refuse_unknown(setting: str, given: Sequence[str], known: Sequence[str]) -> None:
    for name in given:
        if name not in known:
            raise SettingError(
                f"{setting} names '{name}'{nearest(name, known)}, but the classes to choose from"
                f" are: {', '.join(known)}."
            )


def _refuse_others(what: str, task: str) -> None:
    if task != "segmentation":
        raise SettingError(f"'{what}' gives no label maps; a cascade is made of two segmenters.")
