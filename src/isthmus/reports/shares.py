"""What a page shows of shares: how far those measured agree with the true ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.metrics import SEVERITY_SCALES
from isthmus.recipes.evaluation import Evaluation
from isthmus.recipes.shares import ShareOf, share_agreement
from isthmus.reports.agreement import agreement_figure
from isthmus.reports.page import Cell, Drawing, Section, Table

_ROWS = {
    "bias": "bias, percentage points",
    "lower": "lower limit of agreement",
    "upper": "upper limit of agreement",
    "absolute_error": "absolute error, percentage points",
    "correlation": "Pearson's correlation",
    "concordance": "Lin's concordance",
}


def draw(
    evaluation: Evaluation, shares: Mapping[str, ShareOf], what: str = "images"
) -> Iterator[Drawing]:
    """A picture of each share whose true values spread."""
    for name in shares:
        measured, true = _values(evaluation, name)
        if np.isfinite(measured + true).sum() > 1:
            yield (
                f"agreement-{name}",
                f"Measured and true {name} of the {evaluation.part} {what} where both have one;"
                " right: differences over means, with bias and limits of agreement.",
                agreement_figure(measured, true, "%", name),
            )


def sections(
    evaluation: Evaluation, shares: Mapping[str, ShareOf], what: str = "images"
) -> Iterator[Section]:
    """A table of the agreement of each share."""
    for name, one in shares.items():
        measured, true = _values(evaluation, name)
        found, graded = share_agreement(
            measured, true, evaluation.details.get("group"), one.severity
        )
        rows: list[list[Cell]] = []
        if found is not None:
            rows = [[words, getattr(found, key)] for key, words in _ROWS.items()]
            rows += [[f"severity: {words}", value] for words, value in graded.items()]
        lost = int((np.isnan(measured) & ~np.isnan(true)).sum())
        note = (
            f"Severity by the cut points of {SEVERITY_SCALES[one.severity].source}. They are"
            f" applied here to the whole of each single {what[:-1]}."
            if one.severity
            else ""
        )
        yield Section(
            f"Share: {name}",
            f"{' + '.join(one.part)} in per cent of {' + '.join(one.whole)}, over"
            f" {int(np.isfinite(measured + true).sum())} {what}; in {lost} the organ was not"
            " found, and in those it is not defined.",
            tables=[Table(["", "mean and 95 % interval"], rows)] if rows else [],
            note=note,
        )


def _values(evaluation: Evaluation, name: str) -> tuple[NDArray[Any], NDArray[Any]]:
    return evaluation.details[f"predicted_share/{name}"], evaluation.details[f"share/{name}"]
