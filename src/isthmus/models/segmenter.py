"""The segmenter: the same equation, with y a label map."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self, cast

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from isthmus.core.errors import SettingError
from isthmus.core.registry import Spec, check_settings
from isthmus.core.settings import (
    Device,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Precision,
    Probability,
)
from isthmus.corruption import CORRUPTIONS
from isthmus.data.augmentation import AUGMENTATIONS, ImageAugmentation
from isthmus.data.fingerprint import fingerprint_of_all
from isthmus.data.intensities import INTENSITIES
from isthmus.inference.segmentation import class_probabilities, resized, resized_labels
from isthmus.models._base import MODELS
from isthmus.models._estimator import seed_of
from isthmus.models._loading import load
from isthmus.models._pairs import check_images, check_maps
from isthmus.models._predicting import PredictingMixin, mirror_axes
from isthmus.models._saving import SavingMixin
from isthmus.networks import (
    NETWORKS,
    ImageNetwork,
    build_network,
    load_vgg16,
    start_encoder,
)
from isthmus.objectives import LOSSES, PENALTIES, LabelMapLoss
from isthmus.training import (
    OPTIMIZERS,
    SCHEDULES,
    Checkpoints,
    ConsoleProgress,
    Equation,
    History,
    Observer,
    Patches,
    Plan,
    at_least,
    choose_device,
    train,
)

Array = NDArray[Any]
_LARGEST_PIECE = 256  # pixels, side of a piece where none is given
_FEWEST_PIECES = 64  # of an epoch


@dataclass(eq=False, repr=False)
class _Network:
    """The one setting that may be given by its place: ``Segmenter("unet")``."""

    network: Annotated[Spec, NETWORKS] = "unet"


@MODELS.register("segmenter")
@dataclass(kw_only=True, eq=False, repr=False)
class Segmenter(PredictingMixin, SavingMixin, _Network, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A label for every pixel: minimise E[ L(y, g(f(C(x)))) ] + Σ λ_k Ω_k, y being a label map.

    Images may have any sizes, ``(H, W)`` or ``(C, H, W)``; label maps ``(H, W)`` hold whole numbers
    from 0, the background, and -1 where a pixel shall not count. It is trained on pieces of one
    size, and predicts whole images in their own.

    Parameters
    ----------
    network
        f and g, those of `isthmus.networks.NETWORKS` that take images of any size.
    code_size
        Number of the deepest maps.
    start
        Whose encoder the network's starts as: the folder of a run or model, an autoencoder's or a
        segmenter's, whose network has the same kind, channels, code size and normalisation; or a
        file of VGG16's weights, see `isthmus.networks.load_vgg16`. Scale the images of both alike.
    loss
        L, of `isthmus.objectives.LOSSES`, one that is defined for label maps.
    penalties, corruption, augmentations, optimizer, schedule
        As of `isthmus.Autoencoder`; augmentations move label maps along.
    intensities
        Of `isthmus.data.intensities.INTENSITIES`: how grey values are scaled, image by image.
    size
        Pixels of the longer side to which images are brought before the network sees them; label
        maps come back in the image's own size. ``None`` works on the pixels as they are.
    patch_size
        Side of the pieces; by default that of the largest image, at most 256.
    foreground
        Chance that a piece is made to contain a structure, see `isthmus.training.Patches`.
    patches
        Pieces of an epoch; by default as many as images, but at least 64.
    epochs, batch_size, learning_rate, clip_norm, patience, minutes, device, precision
        See `isthmus.training.Plan`.
    random_state, verbose
        As of every autoencoder.

    Attributes
    ----------
    network_ : isthmus.networks.ImageNetwork
        Trained f and g.
    classes_ : ndarray of int64
        0, ..., K - 1.
    history_ : list of dict
        One row per epoch: loss parts of training and validation, seconds, learning rate.

    Raises
    ------
    SettingError
        From `fit`, for a setting that is unknown, of a wrong type or out of range, or for a `start`
        that does not fit the network.
    ModelFileError
        From `fit`, if `start` cannot be read.
    DataError
        For images or label maps that cannot be used.
    """

    code_size: PositiveInt = 128
    start: str | None = None
    loss: Annotated[Spec, LOSSES] = "dice_cross_entropy"
    penalties: tuple[Annotated[Spec, PENALTIES], ...] = ()
    corruption: Annotated[Spec, CORRUPTIONS] | None = None
    augmentations: tuple[Annotated[Spec, AUGMENTATIONS], ...] = ()
    intensities: Annotated[Spec, INTENSITIES] = "unit"
    size: PositiveInt | None = None
    patch_size: PositiveInt | None = None
    foreground: Probability = 0.33
    patches: PositiveInt | None = None
    optimizer: Annotated[Spec, OPTIMIZERS] = "adamw"
    schedule: Annotated[Spec, SCHEDULES] = "one_cycle"
    epochs: NonNegativeInt = 60
    batch_size: PositiveInt = 8
    learning_rate: PositiveFloat = 2e-3
    clip_norm: PositiveFloat | None = None
    patience: PositiveInt | None = None
    minutes: PositiveFloat | None = None
    device: Device = "auto"
    precision: Precision = "float32"
    random_state: NonNegativeInt | np.random.RandomState | None = None
    verbose: bool = False

    task: ClassVar[str] = "segmentation"
    plannable: ClassVar[bool] = True

    # -- settings ---------------------------------------------------------------------------

    @property
    def uses_labels(self) -> bool:
        """Whether `fit` looks at labels: at label maps."""
        return True

    @property
    def channels(self) -> int:
        """Those of an image: 1 for grey, 3 for colour."""
        check_is_fitted(self)
        return self.sample_shape_[0]

    def _take_settings(self, own: dict[str, Any]) -> None:
        network = own["network"]
        if "output_activation" in network:
            network = {**network, "output_activation": "softmax"}
        self.parameters_, self.settings_ = own, {**own, "network": network}
        self.seed_ = seed_of(own["random_state"])
        self._intensities = INTENSITIES.build(own["intensities"])

    def _build_networks(self, seed: int | None) -> None:
        """New networks; without a seed they have shapes only, see `build_network`."""
        settings, classes = self.settings_, len(self.classes_)
        self.network_ = build_network(
            settings["network"], self.sample_shape_, settings["code_size"], seed, classes
        )

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
        """Train on images and their label maps.

        Parameters
        ----------
        X
            Images ``(H, W)`` or ``(C, H, W)``, of any sizes.
        y
            Label maps ``(H, W)``.
        class_names
            Of all classes, the background first, where some may be missing in `y`.
        validation
            Held-out images and label maps, measured after each epoch.
        observer, checkpoints
            As of every autoencoder.
        """
        pieces = self.pieces(X, y, class_names=class_names)
        self._build_networks(self.seed_)
        start = self.settings_["start"]
        if start is not None and (checkpoints is None or not checkpoints.any_saved()):
            self._start_as(Path(start).expanduser())
        held_out = None
        if validation is not None:
            others = self._check_images(validation[0])
            maps = check_maps(validation[1], others, len(self.classes_))
            held_out = self._pieces(others, maps, training=False)
        if observer is None and self.settings_["verbose"]:
            observer = ConsoleProgress()
        history = self._train(pieces, held_out, observer or Observer(), checkpoints)
        self.data_ = {
            "samples": len(X),
            "fingerprint": fingerprint_of_all(map(np.asarray, X)),
            "class_names": None if class_names is None else list(class_names),
        }
        self.history_ = history
        return self

    def _train(
        self,
        pieces: Patches,
        held_out: Patches | None,
        observer: Observer,
        checkpoints: Checkpoints | None,
    ) -> History:
        """Move the weights; the history."""
        return train(
            self._equation(),
            pieces,
            self._plan(),
            validation=held_out,
            observer=observer,
            checkpoints=checkpoints,
        )

    def pieces(
        self, X: Sequence[Array], y: Sequence[Array], *, class_names: Sequence[str] | None = None
    ) -> Patches:
        """What `fit` would train on: pieces, augmented, by seed and epoch; nothing is trained."""
        self.__dict__.pop("history_", None)
        own = check_settings(type(self), self.get_params(deep=False), type(self).__name__)
        images = self._check_images(X, reset=True)
        count = None if class_names is None else len(class_names)
        labels = check_maps(y, images, count)
        self.classes_ = np.arange(count or max(2, 1 + max(int(part.max()) for part in labels)))
        self._take_settings(own)
        size = self._patch_size(images)
        channels = 1 if images[0].ndim == 2 else len(images[0])
        self.sample_shape_, self.sample_dtype_ = (channels, *size), images[0].dtype.name
        return self._pieces(images, labels, training=True)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "history_")

    def _equation(self) -> Equation:
        spec, loss = self.settings_["corruption"], LOSSES.build(self.settings_["loss"])
        if not isinstance(loss, LabelMapLoss):
            known = [kind for kind in LOSSES if issubclass(LOSSES[kind], LabelMapLoss)]
            raise SettingError(
                f"The loss '{loss.kind}' is not one of label maps; choose from: {', '.join(known)}."
            )
        return Equation(
            self.network_,
            loss,
            [PENALTIES.build(one) for one in self.settings_["penalties"]],
            None if spec is None else CORRUPTIONS.build(spec),
            loss_part="segmentation",
        )

    def _start_as(self, path: Path) -> None:
        """Let the network's encoder start with the weights of another."""
        if path.is_file():
            load_vgg16(self.network_, path)
            return
        try:
            start_encoder(self.network_, load(path).network_)
        except SettingError as error:
            raise SettingError(f"{path} cannot start this network: {error}.") from None

    def _plan(self) -> Plan:
        names = {one.name for one in fields(Plan)} & self.settings_.keys()
        return Plan(**{"seed": self.seed_, **{name: self.settings_[name] for name in names}})

    def _pieces(
        self, images: Sequence[Array], labels: Sequence[Array], *, training: bool
    ) -> Patches:
        settings = self.settings_
        scaled = [self._seen(image) for image in images]
        maps = [
            resized_labels(label, image.shape[1:])
            for image, label in zip(scaled, labels, strict=True)
        ]
        if not training:
            return Patches(scaled, maps, self._piece, len(images), choose_device(self.device))
        return Patches(
            scaled,
            maps,
            self._piece,
            settings["patches"] or max(_FEWEST_PIECES, len(images)),
            choose_device(self.device),
            foreground=settings["foreground"],
            augmentations=[_of_images(spec) for spec in settings["augmentations"]],
        )

    @property
    def _piece(self) -> tuple[int, int]:
        height, width = self.sample_shape_[1:]
        return height, width

    def _patch_size(self, images: Sequence[Array]) -> tuple[int, int]:
        """Sides of a piece: as asked, or of the largest image but bounded."""
        if given := self.settings_["patch_size"]:
            return given, given
        sides = [self._size_seen(image.shape[-2:]) for image in images]
        height, width = (min(_LARGEST_PIECE, max(side)) for side in zip(*sides, strict=True))
        return height, width

    # -- images -----------------------------------------------------------------------------

    def _check_images(self, X: Sequence[Array], reset: bool = False) -> list[Array]:
        return check_images(X, None if reset else self.sample_shape_[0])

    def _size_seen(self, size: Sequence[int]) -> tuple[int, int]:
        """Height and width in which the network sees an image."""
        height, width = size
        if (longer := self.settings_["size"]) is None:
            return height, width
        factor = longer / max(height, width)
        return max(1, round(height * factor)), max(1, round(width * factor))

    def _seen(self, image: Array) -> NDArray[np.float32]:
        """An image as the network sees it, ``(C, h, w)``."""
        scaled = self._intensities(image)
        whole = scaled[None] if scaled.ndim == 2 else scaled
        return resized(whole, self._size_seen(whole.shape[1:]))

    # -- using ------------------------------------------------------------------------------

    def _probabilities(self, X: Iterable[Array], flips: bool) -> Iterator[NDArray[np.float32]]:
        check_is_fitted(self)
        for image in X:
            (checked,) = self._check_images([image])
            yield self._of_image(checked, flips)

    def _of_image(self, image: Array, flips: bool) -> NDArray[np.float32]:
        """Probabilities of an image that is smaller than a piece continued as in training."""
        mirrored = mirror_axes(self.settings_["augmentations"]) if flips else ()
        device, network = choose_device(self.device), cast(ImageNetwork, self.network_)
        seen = self._seen(image)
        height, width = seen.shape[1:]
        found = class_probabilities(network, at_least(seen, self._piece), device, flips=mirrored)
        return resized(found[:, :height, :width], image.shape[-2:])

    def untrained(self) -> Self:
        """The same model with the random weights of its seed, as a baseline."""
        check_is_fitted(self)
        twin = copy.copy(self)
        twin._build_networks(self.seed_)
        twin.network_.eval()
        return twin


def _of_images(spec: Spec) -> ImageAugmentation:
    augmentation = AUGMENTATIONS.build(spec)
    if not isinstance(augmentation, ImageAugmentation) or augmentation.resizes:
        raise SettingError(
            f"The augmentation '{augmentation.kind}' does not go with label maps; pieces are cut by"
            " patch_size already."
        )
    return augmentation
