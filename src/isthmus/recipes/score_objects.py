"""Instance maps that someone made, scored against references."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError
from isthmus.data import write_table
from isthmus.data.image_files import ImageHeader, decode
from isthmus.metrics import Agreement, Estimate, agreement
from isthmus.metrics.instances import (
    INSTANCE_MEASURES,
    Matches,
    match,
    overlaps,
    scores_of,
    values_of,
)
from isthmus.recipes.evaluation import mean_of_known
from isthmus.recipes.score import paired


@dataclass(frozen=True)
class ScoredObjects:
    """Scores of predicted instance maps.

    Attributes
    ----------
    names
        Of the images, one for each reference.
    estimates
        By measure (`isthmus.metrics.INSTANCE_MEASURES`) the mean over the images, and its interval;
        None if no image has a value.
    pooled
        Matches at IoU 0.5 of all objects together.
    counts
        How the counts agree; None for a single image.
    missing
        Names of the references without a prediction: nothing counts as found there.
    extra
        Names of the predictions without a reference: they are not scored.
    """

    names: list[str]
    estimates: dict[str, Estimate | None]
    pooled: Matches
    counts: Agreement | None
    missing: list[str]
    extra: list[str]


def score_object_folders(
    predictions: Path,
    references: Path,
    *,
    names: Sequence[str] | None = None,
    groups: str | None = None,
    out: Path | None = None,
) -> ScoredObjects:
    """Score instance maps in one folder against those of the same names in another.

    0 is the background, another number an object; numbers need not agree.

    Parameters
    ----------
    predictions, references, names, groups
        As of `isthmus.recipes.score.score_folders`.
    out
        ``.csv`` or ``.parquet`` file for the scores of each image.

    Raises
    ------
    DataError, SettingError
        As of `isthmus.recipes.score.score_folders`; if a file is no instance map.
    """
    pairs = paired(predictions, references, names, groups)
    found = []
    for reference, prediction in pairs.headers.values():
        wanted = _numbers(reference)
        own = np.zeros_like(wanted) if prediction is None else _numbers(prediction)
        found.append(overlaps(own, wanted))
    cases = [values_of(scores_of(one)) for one in found]
    columns = {name: np.array([case[name] for case in cases]) for name in INSTANCE_MEASURES}
    predicted, true = (
        np.array([len(getattr(one, side)) for one in found]) for side in ("prediction", "reference")
    )
    if out is not None:
        first: dict[str, NDArray[Any]] = {"image": np.array(list(pairs.headers))}
        first |= {} if pairs.groups is None else {"group": pairs.groups}
        write_table(out, {**first, "objects": true, "predicted_objects": predicted, **columns})
    matches = [match(one) for one in found]
    return ScoredObjects(
        list(pairs.headers),
        {
            name: None if np.isnan(values).all() else mean_of_known(values, pairs.groups)
            for name, values in columns.items()
        },
        Matches(*(sum(getattr(one, part) for one in matches) for part in ("tp", "fp", "fn"))),
        agreement(predicted, true, pairs.groups) if len(found) > 1 else None,
        pairs.missing,
        pairs.extra,
    )


def _numbers(header: ImageHeader) -> NDArray[np.int64]:
    """Whole numbers from 0, ``(H, W)``."""
    values = decode(header)
    if values.ndim != 2 or not ((values >= 0) & (values % 1 == 0)).all():
        raise DataError(
            f"{header.place} is no instance map: give grey values that are whole numbers, 0 for the"
            " background."
        )
    return values.astype(np.int64)
