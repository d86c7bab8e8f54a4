"""Several runs side by side: scores, paired differences, settings that differ."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from isthmus.core.errors import IsthmusError, SettingError
from isthmus.recipes.evaluation import Evaluation, baseline_of
from isthmus.studio.jobs.cards import Cards, metric_facts
from isthmus.studio.jobs.following import finite
from isthmus.studio.jobs.jobs import Jobs

_MOST = 8


class Compared(BaseModel):
    """What is known of one of the runs.

    Attributes
    ----------
    scores, baseline_scores
        By metric.
    differences
        From the first run, by metric, over paired samples; ``None`` where these are others.
    """

    name: str
    title: str
    data: str | None
    scores: dict[str, Any]
    baseline: str | None
    baseline_scores: dict[str, Any]
    differences: dict[str, Any] | None


class Difference(BaseModel):
    """A setting, and its value in each run; ``None`` where it has none."""

    key: str
    values: list[str | None]


class Comparison(BaseModel):
    """Runs side by side."""

    metrics: list[dict[str, Any]]
    runs: list[Compared]
    settings: list[Difference]


def compare(jobs: Jobs, names: list[str]) -> Comparison:
    """Put runs side by side; those that are not finished have no scores.

    Raises
    ------
    SettingError
        If there are too few, or too many.
    """
    names = list(dict.fromkeys(names))
    if not 2 <= len(names) <= _MOST:
        raise SettingError(f"Choose 2 to {_MOST} runs to compare.")
    details = [Cards(jobs).detail(name) for name in names]
    evaluations = [_evaluation(jobs, name) for name in names]
    first = evaluations[0]
    runs = []
    for detail, evaluation in zip(details, evaluations, strict=True):
        baseline = baseline_of(detail.scores)
        differences = None
        if evaluation is not None and first is not None and evaluation is not first:
            differences = evaluation.minus(first)
        runs.append(
            Compared(
                name=detail.name,
                title=detail.title,
                data=detail.data,
                scores=detail.scores.get("model", {}),
                baseline=baseline,
                baseline_scores=detail.scores.get(baseline or "", {}),
                differences=differences
                and finite({key: value._asdict() for key, value in differences.items()}),
            )
        )
    metrics = dict.fromkeys(metric for run in runs for metric in run.scores)
    return Comparison(
        metrics=[metric_facts(metric) for metric in metrics],
        runs=runs,
        settings=differing([detail.toml for detail in details]),
    )


def differing(texts: list[str]) -> list[Difference]:
    """The settings of recipes in which they differ, but for their words."""
    flat = [dict(_flat(tomllib.loads(text))) for text in texts]
    keys = dict.fromkeys(key for settings in flat for key in settings)
    found = [Difference(key=key, values=[one.get(key) for one in flat]) for key in keys]
    words = ("title", "description", "quoted.")
    return [one for one in found if len(set(one.values)) > 1 and not one.key.startswith(words)]


def _flat(table: dict[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", str(value)


def _evaluation(jobs: Jobs, name: str) -> Evaluation | None:
    path = jobs.path(name)
    try:
        return _loaded(path, (path / "evaluation.json").stat().st_mtime_ns)
    except (OSError, IsthmusError):
        return None


@lru_cache(maxsize=32)  # its intervals take a while
def _loaded(path: Path, _: int) -> Evaluation:
    return Evaluation.load(path)
