"""Two segmenters, one after the other: an organ, and what is diseased within it."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self, cast

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from isthmus.core.errors import DataError, SettingError
from isthmus.core.registry import check_settings
from isthmus.core.settings import Device, Fraction, NonNegativeFloat, NonNegativeInt, PositiveFloat
from isthmus.data.fingerprint import fingerprint_of_all
from isthmus.models._base import MODELS
from isthmus.models._cascade import (
    Both,
    Box,
    Cases,
    Labels,
    Roles,
    Stage,
    box_around,
    described,
    large_pieces,
    loaded,
    refuse_unknown,
    spec_of,
    train_stage,
)
from isthmus.models._estimator import seed_of
from isthmus.models._files import Document
from isthmus.models._pairs import check_images, check_maps
from isthmus.models._predicting import PredictingMixin
from isthmus.models._saving import SavingMixin
from isthmus.models.ensemble import names_of_classes
from isthmus.networks import Network
from isthmus.training import Checkpoints, ConsoleProgress, History, Observer, Phases, Plan, State

Array = NDArray[Any]
_STAGES = ("first", "second")


@MODELS.register("cascade")
@dataclass(kw_only=True, eq=False, repr=False)
class Cascade(PredictingMixin, SavingMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
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

    plannable: ClassVar[bool] = False
    task: ClassVar[str] = "segmentation"

    @classmethod
    def of(cls, first: Any, second: Any, *, lesions: Sequence[str] = (), **settings: Any) -> Self:
        """The cascade of two fitted segmenters.

        Its classes are those of the first, then the lesions: by default all of the second but its
        background.

        Parameters
        ----------
        settings
            ``organs``, ``margin`` and ``smallest``.

        Raises
        ------
        SettingError
            If they take images of other channels, or do not know the classes.
        """
        first_names = names_of_classes(first)
        chosen = tuple(lesions) or tuple(names_of_classes(second)[1:])
        model = cls(
            first=spec_of(first),
            second=spec_of(second),
            lesions=chosen,
            random_state=0,
            **settings,
        )
        model._take_settings(check_settings(cls, model.get_params(deep=False), cls.__name__))
        names = [*(name for name in first_names if name not in chosen), *chosen]
        model._take_stages(first, second, model._roles_of(names, first_names))
        model._describe({})
        return model

    def in_full(self) -> Cascade:
        """The same with all classes of the first, also those that the label maps had not."""
        check_is_fitted(self)
        own = {name: self.settings_[name] for name in ("organs", "margin", "smallest")}
        return type(self).of(*self.stages.values(), lesions=self.roles_.lesion_names, **own)

    # -- settings ---------------------------------------------------------------------------

    @property
    def uses_labels(self) -> bool:
        """Whether `fit` looks at labels: at label maps."""
        return True

    @property
    def channels(self) -> int:
        """1 for grey images, 3 for colour."""
        channels: int = self.first_.channels
        return channels

    @property
    def stages(self) -> dict[str, Any]:
        """The fitted segmenters by name."""
        return {name: getattr(self, f"{name}_") for name in _STAGES}

    @property
    def knows_organs(self) -> bool:
        """Whether all organs are classes of the whole, not only of the first."""
        return len(self.roles_.organ_places) == len(self.roles_.organs)

    @property
    def involvement(self) -> dict[str, list[str]]:
        """The lesions as a ``part``, and with their organs as a ``whole``: names of classes."""
        lesions = self.roles_.lesion_names
        return {"part": lesions, "whole": [*self.roles_.organ_names, *lesions]}

    def _take_settings(self, own: dict[str, Any]) -> None:
        self.parameters_, self.settings_ = own, {**own, "augmentations": ()}
        self.seed_ = seed_of(own["random_state"])

    def _roles_of(self, names: Sequence[str], first: Sequence[str] | None) -> Roles:
        return Roles.of(names, self.settings_["organs"], self.settings_["lesions"], first)

    def _take_stages(self, first: Any, second: Any, roles: Roles) -> None:
        self._refuse_unlike(first, second)
        names = names_of_classes(second)
        refuse_unknown("lesions", roles.lesion_names, names[1:])
        self._of_second = [names.index(name) for name in roles.lesion_names]
        self.first_, self.second_, self.roles_ = first, second, roles
        self.network_ = cast(Network, Both({"first": first.network_, "second": second.network_}))
        self.sample_shape_, self.sample_dtype_ = first.sample_shape_, first.sample_dtype_
        scales = [one.settings_["intensities"] for one in (first, second)]
        scales.sort(key=lambda spec: spec["kind"] != "unit")  # the one that needs alike types
        self.settings_ = {**self.settings_, "intensities": scales[0]}

    def _refuse_unlike(self, first: Any, second: Any) -> None:
        """Refuse two that cannot see the same."""
        channels = [one.sample_shape_[0] for one in (first, second)]
        if channels[0] != channels[1]:
            raise SettingError(
                f"The first network takes images of {channels[0]} channels, the second of"
                f" {channels[1]}; cascade two of the same."
            )

    def _describe(self, content: dict[str, Any]) -> None:
        """What is saved beside the settings; the networks as documents of their own."""
        self.classes_ = np.arange(len(self.roles_.names))
        documents = {
            name: model._document().model_copy(update={"history": []}).model_dump(mode="json")
            for name, model in self.stages.items()
        }
        self.data_ = {**content, "class_names": list(self.roles_.names), **documents}
        self.history_: History = []

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
        return self._fit((X, y), class_names, validation, observer, checkpoints)

    def _cases(self, X: Any, y: Any, *, classes: int | None, like: Cases | None = None) -> Cases:
        """What is learnt from if it can be used: images, label maps, what else there is of each."""
        channels = None if like is None else 1 if like[0][0].ndim == 2 else len(like[0][0])
        images = check_images(X, channels)
        return images, check_maps(y, images, classes)

    def _fit(
        self,
        data: tuple[Any, ...],
        class_names: Sequence[str] | None,
        validation: tuple[Any, ...] | None,
        observer: Observer | None,
        checkpoints: Checkpoints | None,
    ) -> Self:
        self.__dict__.pop("history_", None)
        own = check_settings(type(self), self.get_params(deep=False), type(self).__name__)
        cases = self._cases(*data, classes=None if class_names is None else len(class_names))
        most = max(2, 1 + max(int(one.max()) for one in cases[1]))
        names = [str(one) for one in (range(most) if class_names is None else class_names)]
        aside = validation and self._cases(*validation, classes=len(names), like=cases)
        self._take_settings(own)
        paths = {name: own[name] for name in _STAGES if isinstance(own[name], str)}
        given = {name: loaded(path, self.task) for name, path in paths.items()}
        known = names_of_classes(given["first"]) if "first" in given else None
        roles = self._roles_of(names, known)
        if observer is None and own["verbose"]:
            observer = ConsoleProgress()
        phases = Phases(observer or Observer(), checkpoints)
        first = given.get("first")
        if first is None:
            first = self._new_stage("first", given)
            held_out = aside and roles.cases_for_first(aside)
            train_stage(first, phases, roles.first_names, roles.cases_for_first(cases), held_out)
        second = given.get("second")
        if second is None:
            second = self._new_stage("second", given)
            boxes = self._boxes(roles, first, cases, np.random.default_rng(self.seed_))
            if not boxes[0]:
                raise DataError(
                    f"No image has an organ ({', '.join(roles.organ_names)}) for the second network"
                    " to learn in; correct the label maps, or `organs`."
                )
            others_boxes = aside and self._boxes(roles, first, aside)
            held_out = others_boxes if others_boxes and others_boxes[0] else None
            train_stage(second, phases, [names[0], *roles.lesion_names], boxes, held_out)
        if observer is not None and len(given) == len(_STAGES):
            nothing = Plan(epochs=0, batch_size=1, learning_rate=1.0, optimizer={}, schedule={})
            observer.started(nothing, State(), 1)  # they wait to hear of it
            observer.finished()
        self._take_stages(first, second, roles)
        self._describe({"samples": len(cases[0]), "fingerprint": fingerprint_of_all(cases[0])})
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

    def _boxes(
        self, roles: Roles, first: Any, cases: Cases, random: np.random.Generator | None = None
    ) -> Cases:
        """Boxes and their label maps for the second network, of images that have the organ."""
        found: list[tuple[Any, ...]] = []
        for image, labels, *size in zip(*cases, strict=True):
            if roles.organ_places:
                organ = np.isin(labels, [*roles.organ_places, *roles.lesions])
            else:
                organ = self._organ(first.predict([image], *([one] for one in size))[0], roles)
            if organ.any():
                ends = 2 * organ.ndim
                sides = np.ones(ends) if random is None else random.uniform(0, 2, ends)
                box = box_around(organ, self.settings_["margin"] * sides)
                found.append((image[..., *box], roles.for_second(labels)[box], *size))
        return tuple(map(list, zip(*found, strict=True))) or ([],)

    # -- saving -----------------------------------------------------------------------------

    def _networks(self) -> dict[str, Network]:
        return {
            f"{name}.{own}": network
            for name, model in self.stages.items()
            for own, network in model._networks().items()
        }

    def _put_networks(self, networks: Mapping[str, Network]) -> None:
        for name, model in self.stages.items():
            model._put_networks({own: networks[f"{name}.{own}"] for own in model._networks()})
        self._take_stages(self.first_, self.second_, self.roles_)

    def _build_networks(self, seed: int | None) -> None:
        """Of a saved model: its segmenters, whose weights are read with those of the whole."""
        names = self.data_.get("class_names") or list(map(str, self.classes_))
        first, second = (described(name, self.data_.get(name), self.task) for name in _STAGES)
        self._take_stages(first, second, self._roles_of(names, names_of_classes(first)))

    def _numbers(self) -> dict[str, Tensor]:
        return {
            f"{name}.{own}": number
            for name, model in self.stages.items()
            for own, number in model._numbers().items()
        }

    def _number_shapes(self, document: Document) -> dict[str, tuple[int, ...]]:
        return {
            f"{name}.{own}": shape
            for name, model in self.stages.items()
            for own, shape in model._number_shapes(model._document()).items()
        }

    def _take_numbers(self, numbers: dict[str, NDArray[Any]]) -> None:
        for name, model in self.stages.items():
            start = f"{name}."
            own = {key: one for key, one in numbers.items() if key.startswith(start)}
            model._take_numbers({key.removeprefix(start): one for key, one in own.items()})

    # -- using ------------------------------------------------------------------------------

    def _probabilities(self, X: Iterable[Array], flips: bool) -> Iterator[NDArray[np.float32]]:
        check_is_fitted(self)
        for image in X:
            (of_first,) = self.first_.predict_proba([image], flips=flips)
            organ, inner = self._organ(of_first.argmax(0), self.roles_), None
            if organ.any():
                box, whole = self._box(organ), cast(Any, np.asarray(image))
                inner = box, self.second_.predict_proba([whole[..., *box]], flips=flips)[0]
            yield self._joined(of_first, organ, inner)

    def _joined(
        self,
        of_first: NDArray[np.float32],
        organ: NDArray[np.bool_],
        inner: tuple[Box, NDArray[np.float32]] | None,
    ) -> NDArray[np.float32]:
        """Probabilities of all classes ``(K, H, W)``: of the first, and of the second in a box."""
        lesions = inner and (inner[0], inner[1][self._of_second])
        return self.roles_.joined(of_first, organ, lesions)

    def _organ(self, of_first: Labels, roles: Roles) -> NDArray[np.bool_]:
        """Where the organ is by the first network's label map."""
        return large_pieces(np.isin(of_first, roles.organs), self.settings_["smallest"])

    def _box(self, organ: NDArray[np.bool_]) -> Box:
        return box_around(organ, np.full(2 * organ.ndim, self.settings_["margin"]))

    def untrained(self) -> Self:
        """The same cascade with the random weights of its seeds, as a baseline."""
        check_is_fitted(self)
        twin = copy.copy(self)
        twin._take_stages(self.first_.untrained(), self.second_.untrained(), self.roles_)
        return twin
