"""Shares of some classes in a region, measured by label maps beside their references."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from annotated_types import MinLen
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from skimage.filters import threshold_otsu

from isthmus.core.errors import SettingError
from isthmus.core.registry import nearest
from isthmus.data import PairSet
from isthmus.inference.thresholds import best_threshold, learn_deviations, threshold_at
from isthmus.metrics import agreement, overlap_counts, share

Array = NDArray[Any]
Labels = NDArray[np.integer]
ORACLE = "best threshold of each image"
LEARNT = "threshold at learnt deviations"
OTSU = "Otsu threshold"
Names = Annotated[tuple[str, ...], MinLen(1)]


class ShareOf(BaseModel):
    """Which classes are measured (`part`), and in which they lie, themselves included (`of`)."""

    model_config = ConfigDict(extra="forbid")

    part: Names
    of: Names


Shares = Mapping[str, Mapping[str, Sequence[str]]]


def check_shares(shares: Mapping[str, ShareOf], class_names: Sequence[str], where: str) -> None:
    """Refuse shares of classes that are not there.

    Raises
    ------
    SettingError
        One sentence.
    """
    for name, one in shares.items():
        for label in (*one.part, *one.of):
            if label not in class_names:
                raise SettingError(
                    f"data.shares.{name} names the class '{label}'{nearest(label, class_names)};"
                    f" {where} has {', '.join(class_names)}."
                )
        if outside := set(one.part) - set(one.of):
            raise SettingError(
                f"data.shares.{name}: '{outside.pop()}' is a part, but not among `of`; name there"
                " all classes of the whole."
            )


def measured(labels: Labels, class_names: Sequence[str], shares: Shares) -> dict[str, float]:
    """Each share in a label map; NaN where there is nothing of the whole."""
    return {name: share(labels, *_labels(one, class_names)) for name, one in shares.items()}


def share_columns(maps: Sequence[Labels], test: PairSet, shares: Shares) -> dict[str, Array]:
    """``share_error/NAME``: |measured - true| of each case.

    A prediction without anything of the whole has measured 0; a reference without has no error.
    """
    found = _both(maps, test, shares)
    return {f"share_error/{name}": np.abs(both[0] - both[1]) for name, both in found.items()}


def share_details(maps: Sequence[Labels], test: PairSet, shares: Shares) -> dict[str, Array]:
    """``share/NAME`` and ``true_share/NAME`` of each case."""
    return {
        f"{title}/{name}": values
        for name, both in _both(maps, test, shares).items()
        for title, values in zip(("share", "true_share"), both, strict=True)
    }


def share_facts(maps: Sequence[Labels], test: PairSet, shares: Shares) -> dict[str, float]:
    """Agreement of measured with true shares, with the ends of 95 % intervals."""
    facts = {}
    for name, (own, true) in _both(maps, test, shares).items():
        known = ~np.isnan(true)
        if known.sum() < 2:
            continue
        found = agreement(
            own[known], true[known], None if test.groups is None else test.groups[known]
        )
        for title, estimate in (
            ("bias", found.bias),
            ("lower limit of agreement", found.lower),
            ("upper limit of agreement", found.upper),
            ("correlation", found.correlation),
        ):
            facts[f"{name}: {title}"] = estimate.mean
            if title in ("bias", "correlation") and estimate.has_interval:
                facts[f"{name}: {title}, low"] = estimate.low
                facts[f"{name}: {title}, high"] = estimate.high
    return {title: value for title, value in facts.items() if np.isfinite(value)}


def threshold_methods(train: PairSet, test: PairSet, shares: Shares) -> dict[str, dict[str, Array]]:
    """Dice of the part, and the error of the share, by grey thresholds in the reference's whole.

    `ORACLE` is the threshold that suits the reference of the very image best: what an expert
    reaches who sets one for each image by hand. `LEARNT` is μ + k σ of the grey values of the
    whole, k learnt from the training images; `OTSU` is that of the values of the whole. All know
    where the whole is, which a model has to find.
    """
    values: dict[str, dict[str, Array]] = {ORACLE: {}, LEARNT: {}, OTSU: {}}
    for name, one in shares.items():
        part, whole = _labels(one, test.class_names)
        cases = [
            grey_of(*pair, part, whole) for pair in zip(train.images, train.masks, strict=True)
        ]
        deviations = learn_deviations([case for case in cases if case[1].any()])
        scores: dict[str, list[tuple[float, float]]] = {method: [] for method in values}
        for image, mask in zip(test.images, test.masks, strict=True):
            grey, bright = grey_of(image, mask, part, whole)
            for method, threshold in thresholds(grey, bright, deviations).items():
                found = grey > threshold
                dice = overlap_counts(found, bright).dice if grey.size else np.nan
                error = abs(found.mean() - bright.mean()) if grey.size else np.nan
                scores[method].append((dice, float(error)))
        for method, columns in values.items():
            dices, errors = np.array(scores[method]).T
            if len(part) == 1 and len(test.class_names) > 2:
                columns[f"dice/{test.class_names[part[0]]}"] = dices
            columns[f"share_error/{name}"] = errors
    return values if shares else {}


def grey_of(
    image: Array, mask: Labels, part: Sequence[int], whole: Sequence[int]
) -> tuple[Array, NDArray[np.bool_]]:
    """Grey values of the pixels of the whole, and which of them are of the part."""
    grey = image if image.ndim == 2 else image.mean(0)
    inside = np.isin(mask, whole)
    return grey[inside], np.isin(mask[inside], part)


def thresholds(grey: Array, bright: NDArray[np.bool_], deviations: float) -> dict[str, float]:
    """The threshold of each method of `threshold_methods`, of the values of one image."""
    spread = grey.size and grey.min() < grey.max()
    return {
        ORACLE: best_threshold(grey, bright),
        LEARNT: threshold_at(grey, deviations),
        OTSU: float(threshold_otsu(grey)) if spread else 0.0,
    }


def _both(maps: Sequence[Labels], test: PairSet, shares: Shares) -> dict[str, tuple[Array, Array]]:
    """Measured and true shares ``(N,)`` by name; pixels to ignore count on neither side."""
    found = {}
    for name, one in shares.items():
        part, whole = _labels(one, test.class_names)
        pairs = list(zip(maps, test.masks, strict=True))
        own = np.array([share(map_[mask >= 0], part, whole) for map_, mask in pairs])
        true = np.array([share(mask, part, whole) for _, mask in pairs])
        found[name] = np.nan_to_num(own), true
    return found


def _labels(
    one: Mapping[str, Sequence[str]], class_names: Sequence[str]
) -> tuple[list[int], list[int]]:
    names = list(class_names)
    part, whole = ([names.index(label) for label in one[key]] for key in ("part", "of"))
    return part, whole
