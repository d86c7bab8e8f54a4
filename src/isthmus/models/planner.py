"""Settings of a segmenter from its data, this machine and the time given."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from skimage.measure import perimeter

from isthmus.core.errors import DataError
from isthmus.core.registry import check_settings
from isthmus.models._pairs import check_maps
from isthmus.models.segmenter import Segmenter

Array = NDArray[Any]
PLANNED = (
    "size",
    "patch_size",
    "foreground",
    "network",
    "code_size",
    "precision",
    "batch_size",
    "patches",
    "epochs",
)
_KEPT_THICKNESS, _KEPT_LENGTH = 32, 256  # pixels below which nothing is made smaller
_PIECE = (128, 256)  # shortest and longest side of a piece
_BOTTOM = 8  # pixels of a piece at the deepest level, at most
_WIDTHS = (8, 16, 32, 64)  # of the first level
_BATCH = (2, 16)  # pieces of a step, least and most
_STEPS, _PIECES = 1000, 4000  # of a training, where the time allows
_EPOCHS, _EPOCH = 50, 64  # at most; and pieces of one, at least
_PROBE = 0.08  # share of the time that the probe may take: a trial that was begun is finished
_USED = 0.9  # share of the time that is planned for
_LOOK = 1 / 3  # of the cost of a piece that is learnt from: one that is only looked at
_RETIMED = 0.02  # share of the pieces that may be spent to time the batch that was chosen
_SOME = 64  # masks that are measured


@dataclass(frozen=True)
class SegmenterPlan:
    """What `plan_segmenter` picked.

    Attributes
    ----------
    settings
        Of a `Segmenter`: those that were given, and those that were picked.
    reasons
        A line for each choice.
    seconds
        That training and validation are expected to take.
    """

    settings: dict[str, Any]
    reasons: tuple[str, ...]
    seconds: float

    def __str__(self) -> str:
        return "\n".join(self.reasons)


def plan_segmenter(
    images: Sequence[Array],
    masks: Sequence[Array],
    *,
    minutes: float,
    class_names: Sequence[str] | None = None,
    validation: Sequence[Array] = (),
    **given: Any,
) -> SegmenterPlan:
    """Pick size, pieces, network, batch and epochs of a U-Net that is trained in so many minutes.

    Structures are 4 A / P pixels thick, for area A and perimeter P. Images are made smaller as long
    as the thinnest class keeps 32 pixels, and the images 256. Pieces are 16 times as wide as the
    thickest class, from 128 to 256 pixels, but not larger than the images. Levels halve them until
    8 pixels or fewer are left; widths double, up to 8 times the first. Steps of narrow networks,
    then of wider ones, are timed on this machine as long as this takes no more than a tenth of the
    time. The widest network is taken that sees 4,000 pieces in the time, out of first widths of 8,
    16, 32 and 64, and the largest batch, from 2 to 16, that leaves 1,000 steps.

    The rules are of the kind of nnU-Net's (Isensee et al. 2021), which starts from the memory.

    Parameters
    ----------
    images, masks
        Of the training, as `Segmenter.fit` takes them.
    minutes
        Of probe, training and validation together; also the limit of the training.
    class_names
        As `Segmenter.fit` takes them.
    validation
        Held-out images, which are looked at after each epoch.
    given
        Settings of the `Segmenter`, which stay as they are.

    Raises
    ------
    SettingError
        For a setting that is unknown, of a wrong type or out of range.
    DataError
        If the images or label maps cannot be used, or no label map holds a structure.
    """
    began = time.monotonic()
    given = {**given, "minutes": minutes}
    check_settings(Segmenter, given, Segmenter.__name__)
    images = Segmenter()._check_images(images, reset=True)
    masks = check_maps(masks, images, None if class_names is None else len(class_names))
    if class_names is None:
        class_names = [
            str(label) for label in range(max(2, 1 + max(int(one.max()) for one in masks)))
        ]
    planner = _Planner(images, masks, class_names, given)
    planner.choose_pieces()
    planner.choose_network(began + 60 * minutes * _PROBE)
    seconds = planner.choose_length(began + 60 * minutes * _USED, validation)
    return SegmenterPlan(planner.settings, tuple(planner.reasons), seconds)


class _Planner:
    """The settings so far; what is settled is not chosen again."""

    def __init__(
        self,
        images: Sequence[Array],
        masks: Sequence[Array],
        class_names: Sequence[str],
        settings: dict[str, Any],
    ) -> None:
        self.images, self.masks, self.class_names = images, masks, class_names
        self.settings, self.reasons = settings, list[str]()

    def pick(self, reason: str, **chosen: Any) -> None:
        """Take what is not settled yet, and say why."""
        new = {name: value for name, value in chosen.items() if name not in self.settings}
        self.settings |= new
        if new:
            text = ", ".join(f"{name} = {_text(value)}" for name, value in new.items())
            self.reasons.append(f"{text}: {reason}")

    # -- from the data ----------------------------------------------------------------------

    def choose_pieces(self) -> None:
        """Size of images, and of pieces of them."""
        shapes = _shapes(self.images, self.masks)
        thin, thick, longer = shapes.thinnest, shapes.thickest, max(shapes.height, shapes.width)
        smaller = max(_KEPT_LENGTH, _multiple(longer * _KEPT_THICKNESS / thin))
        says = f"structures are {thin:.0f} pixels thick or more, and images {longer} long"
        self.pick(says, size=smaller if smaller < longer else None)
        factor = (self.settings["size"] or longer) / longer
        self.seen = round(factor * shapes.height), round(factor * shapes.width)
        low, high = _PIECE
        side = min(max(_multiple(16 * factor * thick), low), high)
        whole = max(self.seen) <= side
        says = (
            f"structures are then {factor * thick:.0f} pixels thick, images {max(self.seen)} long"
        )
        self.pick("images as a whole" if whole else says, patch_size=None if whole else side)
        self.piece = self.settings["patch_size"] or min(max(self.seen), high)
        rare = self.piece < max(self.seen) and shapes.share < 0.1
        covered = f"structures cover {100 * shapes.share:.1f} % of the pixels"
        self.pick(covered, foreground=0.33 if rare else 0.0)

    # -- from the machine -------------------------------------------------------------------

    def choose_network(self, until: float) -> None:
        """The widest network that sees enough pieces, of those that there is time to try."""
        total = 60 * self.settings["minutes"] * _USED
        best: dict[str, Any] = {}
        for width in _WIDTHS:
            began = time.monotonic()
            seconds, chosen = self._fastest(width, best.get("precision"))
            if best and total / seconds < _PIECES:
                break
            best, self.piece_seconds = chosen, seconds
            next_trial = 4 * (time.monotonic() - began)  # twice as wide, four times as long at most
            if "network" in self.settings or time.monotonic() + next_trial > until:
                break
        count = f"{total / self.piece_seconds:,.0f}"
        self.pick(f"the time is enough for {count} pieces on this machine", **best)

    def _fastest(self, width: int, precision: str | None) -> tuple[float, dict[str, Any]]:
        """Seconds of a piece, and network, in the faster precision where none is settled."""
        tried = [precision] if precision else ["float32", "bfloat16"]
        if "precision" in self.settings:
            tried = [self.settings["precision"]]
        levels = max(2, math.ceil(math.log2(self.piece / _BOTTOM)))
        channels = [width * min(8, 2**level) for level in range(levels)]
        network: dict[str, Any] = {}
        if "network" not in self.settings:
            network = {"network": {"kind": "unet", "channels": channels}, "code_size": 8 * width}
        pairs = [network | {"precision": one} for one in tried]
        return min(((self._seconds(**pair), pair) for pair in pairs), key=lambda found: found[0])

    def _seconds(self, **chosen: Any) -> float:
        """Time of a piece in training: of two steps, after two that do not count."""
        batch = int({"batch_size": _BATCH[0], **chosen, **self.settings}["batch_size"])
        trial: dict[str, Any] = {"epochs": 2, "patches": 2 * batch, "batch_size": batch}
        trial |= {"minutes": None, "patience": None, "verbose": False, "random_state": 0}
        largest = sorted(range(len(self.images)), key=lambda one: -self.images[one].size)[:4]
        images, masks = [self.images[one] for one in largest], [self.masks[one] for one in largest]
        model = Segmenter(**{**chosen, **self.settings, **trial})
        first, second = model.fit(images, masks, class_names=self.class_names).history_
        return (second["seconds"] - first["seconds"]) / (2 * batch)

    # -- from the time ----------------------------------------------------------------------

    def choose_length(self, until: float, validation: Sequence[Array]) -> float:
        """Batch, pieces of an epoch and epochs for the time that is left; their seconds."""
        pieces = (until - time.monotonic()) / self.piece_seconds
        least, most = _BATCH
        batch = round(min(max(pieces / _STEPS, least), most))
        says = f"from {least} to {most}, for about {_STEPS:,} steps or more if the time allows"
        self.pick(says, batch_size=batch)
        batch = self.settings["batch_size"]
        if 4 * batch < _RETIMED * pieces:  # larger batches may take less time a piece
            self.piece_seconds = self._seconds()
            pieces = (until - time.monotonic()) / self.piece_seconds
        looks = _LOOK * sum(map(self._pieces, validation))  # in pieces that are learnt from
        epoch = max(_EPOCH, len(self.images), pieces / _EPOCHS - looks, 4 * looks)
        steps = max(1, round(epoch / batch))
        says = f"pieces of an epoch, for {len(self.images)} images"
        self.pick(says, patches=steps * batch)
        steps = math.ceil(self.settings["patches"] / batch)
        each = (steps * batch + looks) * self.piece_seconds
        epochs = max(1, int((until - time.monotonic()) / each))
        self.pick(f"{epochs * steps:,} steps in the time that is left", epochs=epochs)
        return float(self.settings["epochs"] * each)

    def _pieces(self, image: Array) -> int:
        """How many pieces cover an image."""
        longer = max(image.shape[-2:])
        factor = (self.settings["size"] or longer) / longer
        return math.prod(math.ceil(side * factor / self.piece) for side in image.shape[-2:])


class _Shapes(NamedTuple):
    """Median sides of the images; thickness of the classes in pixels; share of the pixels."""

    height: int
    width: int
    thinnest: float
    thickest: float
    share: float


def _shapes(images: Sequence[Array], masks: Sequence[Array]) -> _Shapes:
    """What some of the images look like."""
    some = [np.asarray(mask) for mask in masks[:: -(-len(masks) // _SOME)]]
    found: dict[int, list[float]] = {}
    for mask in some:
        for label in np.unique(mask[mask > 0]).tolist():
            inside = mask == label
            around = float(perimeter(np.pad(inside, 1)))
            found.setdefault(label, []).append(4 * float(inside.sum()) / max(around, 1.0))
    if not found:
        raise DataError(
            "No label map holds a structure, only the background; give some that do, or state the"
            " classes by data.values."
        )
    thickness = [median(each) for each in found.values()]
    height, width = (int(median(image.shape[axis] for image in images)) for axis in (-2, -1))
    share = float(np.mean([(mask > 0).mean() for mask in some]))
    return _Shapes(height, width, min(thickness), max(thickness), share)


def _multiple(side: float) -> int:
    """The next multiple of 32."""
    return 32 * math.ceil(side / 32)


def _text(value: Any) -> str:
    if value is None:
        return "not set"
    return f"{value['kind']} {value['channels']}" if isinstance(value, dict) else str(value)
