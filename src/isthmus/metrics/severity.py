"""Classes of severity of a lung's involvement, by published cut points."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isthmus.core.errors import DataError, SettingError
from isthmus.core.registry import nearest


class SeverityScale(NamedTuple):
    """Cut points in per cent, and what they were published for.

    Attributes
    ----------
    names
        Of the classes, the mildest first; their numbers begin at `first`.
    cuts
        Where a class ends and the next one begins.
    closed
        Whether the cut itself still belongs to the class below it.
    first
        Number of the mildest class.
    source
        Publication, and what was graded in it.
    """

    names: tuple[str, ...]
    cuts: tuple[float, ...]
    closed: tuple[bool, ...]
    first: int
    source: str


SEVERITY_SCALES = {
    "pan": SeverityScale(
        ("0 %", "below 5 %", "5 to 25 %", "26 to 49 %", "50 to 75 %", "above 75 %"),
        (0, 5, 25, 50, 75),
        (True, False, True, False, True),
        0,
        "Pan et al., Radiology 295 (2020): each of the five lobes, by eye; their sum is 0 to 25",
    ),
    "bernheim": SeverityScale(
        ("none", "minimal, 1 to 25 %", "mild, 26 to 50 %", "moderate, 51 to 75 %", "severe"),
        (0, 25, 50, 75),
        (True, True, True, True),
        0,
        "Bernheim et al., Radiology 295 (2020): each of the five lobes, by eye; the sum is 0 to 20",
    ),
    "lizzi": SeverityScale(
        ("below 5 %", "5 to 25 %", "25 to 50 %", "50 to 75 %", "75 % and more"),
        (5, 25, 50, 75),
        (False, False, False, False),
        1,
        "Lizzi et al., IJCARS (2021): the whole of both lungs, computed from masks; 1 to 5",
    ),
}
"""Published whole percentages are closed up: what lies between 25 and 26 % belongs above."""


def severity(percent: ArrayLike, scale: str) -> NDArray[np.float64]:
    """Class of severity of each share in per cent; NaN where the share is NaN.

    The same cut points are applied to whatever region the share was measured in. Where that is not
    the region of the publication (see `SeverityScale.source`), the classes are not its score.

    Parameters
    ----------
    percent
        0 to 100, of any shape.
    scale
        Of `SEVERITY_SCALES`.

    Raises
    ------
    SettingError
        If there is no such scale.
    DataError
        If a share is below 0 or above 100.
    """
    if scale not in SEVERITY_SCALES:
        raise SettingError(
            f"There is no scale '{scale}'{nearest(scale, SEVERITY_SCALES)}; choose from:"
            f" {', '.join(SEVERITY_SCALES)}."
        )
    values, found = np.asarray(percent, np.float64), SEVERITY_SCALES[scale]
    if (values < 0).any() or (values > 100).any():
        raise DataError("Shares are given in per cent, from 0 to 100; these are none.")
    edges = [
        np.nextafter(cut, np.inf) if closed else cut
        for cut, closed in zip(found.cuts, found.closed, strict=True)
    ]
    numbers = found.first + np.searchsorted(edges, values, side="right")
    return np.where(np.isnan(values), np.nan, numbers)
