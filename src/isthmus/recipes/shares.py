"""What share of a region is of some classes: the involvement of an organ, dense tissue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import MinLen
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from isthmus.core.errors import SettingError
from isthmus.core.registry import nearest
from isthmus.data.absorbed import absorbed
from isthmus.metrics import Agreement, Estimate, agreement, bootstrap_mean, severity, share

Array = NDArray[Any]
Labels = NDArray[np.int16]
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
        part, whole = ([*map(class_names.index, names)] for names in (self.part, self.whole))
        return part, whole

    def percent(self, labels: Array, class_names: Sequence[str]) -> float:
        """The share in a label map; NaN where it has nothing of the whole."""
        return 100 * share(labels, *self.labels(class_names))

    def by_organ(self, labels: Array, class_names: Sequence[str]) -> dict[str, float]:
        """The share in each class of the whole but the part, such as each side, if several.

        Pixels of the part belong to the organ of the nearest pixel.
        """
        part, whole = self.labels(class_names)
        organs = [one for one in whole if one not in part]
        if len(organs) < 2:
            return {}
        side, inner = absorbed(labels, part, organs), np.isin(labels, part)
        return {
            class_names[one]: 100
            * share(np.where(inner & (side == one), -2, side), [-2], [-2, one])
            for one in organs
        }


def shares_of(data: Mapping[str, Any]) -> dict[str, ShareOf]:
    """Those that a model's data name."""
    return {name: ShareOf.model_validate(one) for name, one in data.get("shares", {}).items()}


def share_values(
    maps: Sequence[Labels], class_names: Sequence[str], shares: Mapping[str, ShareOf]
) -> dict[str, NDArray[np.float64]]:
    """Shares ``(N,)`` in per cent of label maps, by name."""
    return {
        name: np.array([one.percent(map_, class_names) for map_ in maps])
        for name, one in shares.items()
    }


def share_errors(
    measured: Mapping[str, Array], true: Mapping[str, Array]
) -> dict[str, NDArray[np.float64]]:
    """|measured - true| of each share: columns of an evaluation."""
    return {f"share_error/{name}": np.abs(measured[name] - true[name]) for name in true}


def share_facts(measured: Mapping[str, Array], true: Mapping[str, Array]) -> dict[str, float]:
    """In how many images the whole was not found although it is there, or seen where none is."""
    facts = {}
    for name in true:
        lost, none = np.isnan(measured[name]), np.isnan(true[name])
        facts[f"{name}: images whose organ is not found"] = float((lost & ~none).sum())
        facts[f"{name}: images with an organ where there is none"] = float((none & ~lost).sum())
    return facts


def share_agreement(
    measured: Array, true: Array, groups: Array | None, scale: str | None
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
