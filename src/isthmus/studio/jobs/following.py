"""What is new of a run: rows of its metrics, lines of its log, its state."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from isthmus.studio.jobs.processes import tail

Row = dict[str, float | None]


@dataclass(frozen=True)
class Place:
    """How far a reader has come: the file of metrics, the bytes read of it, those of the log."""

    file: int = 0
    metrics: int = 0
    log: int = 0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Of what `str` made; the beginning, of anything else."""
        try:
            file, metrics, log = map(int, text.split("-"))
            return cls(file, metrics, log) if min(file, metrics, log) >= 0 else cls()
        except ValueError:
            return cls()

    def __str__(self) -> str:
        return f"{self.file}-{self.metrics}-{self.log}"


@dataclass(frozen=True)
class News:
    """What was found since a place.

    Attributes
    ----------
    again
        Whether the rows are all there are: a training that goes on writes its metrics anew.
    """

    rows: list[Row]
    log: str
    again: bool
    place: Place

    def __bool__(self) -> bool:
        return bool(self.rows or self.log or self.again)


def news(run: Path, log: Path, place: Place) -> News:
    """What a run and its log hold beyond a place; only whole lines count."""
    path = run / "metrics.jsonl"
    try:
        found = path.stat()
        again = place.file != found.st_ino or found.st_size < place.metrics
        start = 0 if again else place.metrics
        with path.open("rb") as file:
            file.seek(start)
            content = file.read()
        whole = content[: content.rfind(b"\n") + 1]
        here = found.st_ino, start + len(whole)
    except OSError:
        whole, again, here = b"", place.file != 0, (0, 0)
    text, end = tail(log, place.log)
    return News(parse_rows(whole), text, again, Place(*here, end))


def parse_rows(lines: bytes) -> list[Row]:
    """Rows of JSON lines; a damaged line is left out, and what is no number is ``None``."""
    rows = []
    for line in lines.splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            rows.append({name: _number(value) for name, value in row.items()})
    return rows


def finite(value: Any) -> Any:
    """The same, with ``None`` for numbers that JSON cannot hold."""
    if isinstance(value, dict):
        return {key: finite(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and math.isfinite(value) else None
