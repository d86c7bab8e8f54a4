"""What a comparison found, as a table."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import NamedTuple

from isthmus.metrics import Estimate


class Row(NamedTuple):
    """A model in the table: means with 95 % intervals over its seeds and the test samples."""

    columns: dict[str, Estimate]
    parameters: int
    seconds: Estimate
    seeds: int


@dataclass(frozen=True)
class Table:
    """The models of a comparison, PCA of each code size, UMAP, the untrained network; scores.

    Attributes
    ----------
    rows
        By name; those of UMAP have only some of the columns.
    samples
        Number of test samples.
    """

    rows: dict[str, Row]
    samples: int

    @property
    def columns(self) -> list[str]:
        """Names of the measured columns, see `isthmus.recipes.benchmark.COLUMNS`."""
        return list(next(iter(self.rows.values())).columns)

    def to_csv(self) -> str:
        """The table as CSV: mean, low and high of each column; an absent interval is empty."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        spread = [f"{name}{end}" for name in self.columns for end in ("", "_low", "_high")]
        seconds = ["seconds", "seconds_low", "seconds_high"]
        writer.writerow(["model", "seeds", "samples", *spread, "parameters", *seconds])
        for name, row in self.rows.items():
            measured = [cell for column in self.columns for cell in _cells(row.columns.get(column))]
            writer.writerow(
                [name, row.seeds, self.samples, *measured, row.parameters, *_cells(row.seconds)]
            )
        return text.getvalue()


def _cells(estimate: Estimate | None) -> list[float | str]:
    """Mean, low and high; empty what was not measured, or has no interval."""
    if estimate is None:
        return ["", "", ""]
    interval = [estimate.low, estimate.high] if estimate.has_interval else ["", ""]
    return [estimate.mean, *interval]
