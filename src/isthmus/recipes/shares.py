"""What share of a region is of some classes: the involvement of an organ, dense tissue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from annotated_types import MinLen
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from isthmus.core.errors import SettingError
from isthmus.core.registry import nearest
from isthmus.data import PairSet
from isthmus.data.absorbed import absorbed
from isthmus.metrics import Agreement, Estimate, agreement, bootstrap_mean, severity, share

Array = NDArray[Any]
Labels = NDArray[np.integer]
Names = Annotated[tuple[str, ...], MinLen(1)]


class ShareOf(BaseModel):
    """``[data.shares.NAME]``: pixels of `part` / pixels of `whole`, in per cent.

    Attributes
    ----------
    part, whole
        Classes; the whole names those of the part too.
    severity
        Scale of `isthmus.metrics.SEVERITY_SCALES` by which it is graded.
    """

    model_config = ConfigDict(extra="forbid")

    part: Names
    whole: Names
    severity: Literal["pan", "bernheim", "lizzi"] | None = None

    def labels(self, class_names: Sequence[str]) -> tuple[list[int], list[int]]:
        """The labels of part and whole.

        Raises
        ------
        SettingError
            If a class is unknown, or the whole lacks one of the part.
        """
        for name in (*self.part, *self.whole):
            if name not in class_names:
                raise SettingError(
                    f"A share is of the class '{name}'{nearest(name, class_names)}, but the classes"
                    f" are {', '.join(class_names)}."
                )
        if missing := [name for name in self.part if name not in self.whole]:
            raise SettingError(
                f"The whole of a share holds its part: name '{missing[0]}' in the whole too."
            )
        part, whole = ([*map([*class_names].index, names)] for names in (self.part, self.whole))
        return part, whole

    def percent(self, labels: Labels, class_names: Sequence[str]) -> float:
        """The share in a label map; NaN where it has nothing of the whole."""
        return 100 * share(labels, *self.labels(class_names))

    def sides(
        self,
        labels: Labels,
        class_names: Sequence[str],
        spacing: Sequence[float] | None = None,
    ) -> dict[str, tuple[int, int]]:
        """Pixels of the part, and of all, in each class of the whole but the part, if several.

        Such classes are the sides of an organ. Pixels of the part belong to the one of the nearest
        pixel, by the sizes of pixels along the axes where they are given.
        """
        part, whole = self.labels(class_names)
        organs = [one for one in whole if one not in part]
        if len(organs) < 2:
            return {}
        side, inner = absorbed(labels, part, organs, spacing), np.isin(labels, part)
        return {
            class_names[one]: (int((inner & (side == one)).sum()), int((side == one).sum()))
            for one in organs
        }


class Measured(NamedTuple):
    """A share ``(N,)`` in per cent, measured and true; NaN where there is nothing of the whole."""

    measured: NDArray[np.float64]
    true: NDArray[np.float64]


def shares_of(data: Mapping[str, Any]) -> dict[str, ShareOf]:
    """Those that a model's data name."""
    return {name: ShareOf.model_validate(one) for name, one in data.get("shares", {}).items()}


def measure_shares(
    maps: Sequence[Labels], test: PairSet, shares: Mapping[str, ShareOf]
) -> dict[str, Measured]:
    """Each share by predicted label maps, and by the references; ignored pixels count nowhere."""
    pairs, names = list(zip(maps, test.masks, strict=True)), test.class_names
    return {
        name: Measured(
            np.array([one.percent(map_[mask >= 0], names) for map_, mask in pairs]),
            np.array([one.percent(mask, names) for mask in test.masks]),
        )
        for name, one in shares.items()
    }


def share_errors(found: Mapping[str, Measured]) -> dict[str, NDArray[np.float64]]:
    """|measured - true| of each share, in percentage points: columns of an evaluation.

    Where the whole is there but not found, 0 was measured; where it is not there, NaN.
    """
    return {
        f"share_error/{name}": np.abs(np.nan_to_num(one.measured) - one.true)
        for name, one in found.items()
    }


def share_details(found: Mapping[str, Measured]) -> dict[str, NDArray[np.float64]]:
    """``share/NAME`` and ``predicted_share/NAME`` of each case."""
    return {f"share/{name}": one.true for name, one in found.items()} | {
        f"predicted_share/{name}": one.measured for name, one in found.items()
    }


def share_facts(found: Mapping[str, Measured], groups: Array | None) -> dict[str, float]:
    """How measured shares agree with true ones, and in how many images there is only one of both.

    Those are images whose whole was not found although it is there, or seen where there is none.
    """
    facts = {}
    for name, (measured, true) in found.items():
        lost, none = np.isnan(measured), np.isnan(true)
        facts[f"{name}: images whose organ is not found"] = float((lost & ~none).sum())
        facts[f"{name}: images with an organ where there is none"] = float((none & ~lost).sum())
        agreed, _ = share_agreement(measured, true, groups)
        if agreed is not None:
            facts |= {
                f"{name}: {words}": estimate.mean
                for words, estimate in (
                    ("bias, percentage points", agreed.bias),
                    ("lower limit of agreement", agreed.lower),
                    ("upper limit of agreement", agreed.upper),
                    ("correlation", agreed.correlation),
                )
                if np.isfinite(estimate.mean)
            }
    return facts


def share_agreement(
    measured: Array, true: Array, groups: Array | None, scale: str | None = None
) -> tuple[Agreement | None, dict[str, Estimate]]:
    """Agreement of a share, and of its classes of severity, over the cases where both have one.

    The classes' agreement is the share of cases in the same class, and Cohen's kappa with quadratic
    weights, 1 - E[(a - b)²] / E'[(a - b)²], E' being over all pairs of cases, which is Lin's
    concordance of the class numbers.
    """
    known = np.isfinite(measured) & np.isfinite(true)
    if known.sum() < 2:
        return None, {}
    m, t = measured[known], true[known]
    own = None if groups is None else np.asarray(groups)[known]
    graded: dict[str, Estimate] = {}
    if scale is not None:
        a, b = severity(m, scale), severity(t, scale)
        graded = {
            "accuracy": bootstrap_mean(a == b, own),
            "weighted kappa": agreement(a, b, own).concordance,
        }
    return agreement(m, t, own), graded
