"""What a page is told of runs: those of jobs, and those trained at the command line."""

from __future__ import annotations

import json
import shlex
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from isthmus.core.errors import SettingError
from isthmus.metrics import measure_of
from isthmus.models import MODELS
from isthmus.recipes import parse_recipe
from isthmus.recipes.evaluation import baseline_of
from isthmus.studio.jobs.following import finite, parse_rows
from isthmus.studio.jobs.jobs import Jobs, has_state
from isthmus.studio.jobs.processes import tail
from isthmus.studio.jobs.store import Row, blank_run

_LAST_LINES = 12
_FRESH = 30.0  # seconds since a run without a job was written to, while it seems to run


class Score(BaseModel):
    """A mean with its 95 % interval, and that of the baseline."""

    metric: str
    title: str
    higher_is_better: bool
    mean: float | None
    low: float | None
    high: float | None
    cases: int
    baseline: str | None = None
    baseline_mean: float | None = None


class RunCard(BaseModel):
    """A run in a list.

    Attributes
    ----------
    state
        That of its job: ``queued``, ``running``, ``stopping``, ``done``, ``stopped``, ``crashed``;
        of a run without a job ``done``, ``unfinished``, or ``elsewhere`` while it is written to.
    can
        What may be asked for: ``stop``, ``resume``, ``report``, ``explore``, ``segment``,
        ``compare``, ``forget`` (out of the list) or ``delete`` (with its files).
    epoch, epochs, seconds
        How far it is.
    place
        In the queue, from 1.
    """

    name: str
    title: str
    task: str
    kind: str
    data: str | None
    project: int | None
    tags: list[str]
    state: str
    place: int | None = None
    epoch: int | None = None
    epochs: int | None = None
    minutes: float | None = None
    seconds: float | None = None
    when: float | None = None
    score: Score | None = None
    can: list[str] = []


class RunDetail(RunCard):
    """All that a page shows of a run.

    Attributes
    ----------
    trouble
        The last lines of the log of a job that crashed.
    scores
        By method, ours first, and by metric.
    command
        What goes on with it, or begins it, at the command line.
    """

    description: str
    template: str | None
    settings: list[str]
    toml: str
    folder: str
    command: str
    code: int | None
    trouble: list[str]
    part: str | None = None
    cases: int | None = None
    metrics: list[dict[str, Any]] = []
    scores: dict[str, dict[str, Any]] = {}
    facts: dict[str, Any] = {}


class Cards:
    """Makes the cards of the runs of some jobs."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    def listed(self) -> list[RunCard]:
        """All runs that are not hidden: what runs or waits first, then the newest."""
        self._jobs.look()
        rows = {row["name"]: row for row in self._jobs.store.rows("SELECT * FROM runs")}
        queue = sorted((r for r in rows.values() if r["state"] == "queued"), key=_asked)
        places = {row["name"]: place for place, row in enumerate(queue, 1)}
        paths = dict(self._jobs.workspace.runs())
        for name, row in rows.items():
            if row["recipe"] is not None:
                paths.setdefault(name, self._jobs.folder / name)
        names = self._data_names()
        found = []
        for name, path in paths.items():
            row = rows.get(name, blank_run(name))
            if not row["hidden"] and (card := self._card(path, row, RunCard, names)) is not None:
                card.place = places.get(name)
                found.append(card)
        return sorted(found, key=_urgency)

    def detail(self, name: str) -> RunDetail:
        """One run; 404 if there is none of the name."""
        row, path = self._jobs.row(name), self._jobs.path(name)
        card: RunDetail | None = self._card(path, row, RunDetail, self._data_names())
        if card is None:
            raise SettingError(f"The recipe of '{name}' cannot be read; train it again.")
        return card

    def _data_names(self) -> dict[str, str]:
        """Names of registered data sets by their paths."""
        rows = self._jobs.store.rows("SELECT path, name FROM datasets")
        return {row["path"]: row["name"] for row in rows}

    def _card(self, path: Path, row: Row, kind: type[Any], names: dict[str, str]) -> Any:
        """A card of either kind; ``None`` for what has no recipe that can be read."""
        text = _text(path) or row["recipe"]
        recipe = None if text is None else _facts(text)
        if recipe is None:
            return None
        summary = _summary(path)
        finished = summary is not None and _document(path).is_file()
        last = _last_row(path)
        state = _state(row, path, finished)
        card = {
            "name": row["name"],
            **{key: recipe[key] for key in ("title", "task", "kind", "epochs", "minutes")},
            "data": names.get(recipe["source"], recipe["source"]),
            "project": row["project"],
            "tags": json.loads(row["tags"]),
            "state": state,
            "epoch": int(last.get("epoch") or 0) or None,
            "seconds": last.get("seconds"),
            "when": row["ended"] or row["begun"] or row["asked"] or _written(path),
            "score": summary and _score(summary),
            "can": self._can(row, path, state, recipe["task"], finished),
        }
        if kind is RunDetail:
            card |= self._details(row, path, state, text, recipe, summary)
        return kind(**card)

    def _details(
        self, row: Row, path: Path, state: str, text: str, recipe: Row, summary: Row | None
    ) -> Row:
        process = self._jobs.process(row["name"])
        shown = shlex.quote(str(path))
        begun = (path / "recipe.toml").is_file()
        found = {
            "description": recipe["description"],
            "template": row["template"],
            "settings": json.loads(row["settings"]),
            "toml": text,
            "folder": str(path),
            "command": f"isthmus train {shown} --resume" if begun else "",
            "code": row["code"],
            "trouble": process.last_lines(_LAST_LINES) if state == "crashed" else [],
        }
        if state == "done":
            found["command"] = f"isthmus evaluate {shown}"
        if summary is not None:
            table = summary["table"]
            kinds = dict.fromkeys(metric for columns in table.values() for metric in columns)
            found |= {"part": summary.get("part"), "cases": summary.get("cases"), "scores": table}
            found |= {
                "facts": summary.get("facts", {}),
                "metrics": [metric_facts(m) for m in kinds],
            }
        return found

    def _can(self, row: Row, path: Path, state: str, task: str, finished: bool) -> list[str]:
        live = state in ("queued", "running", "stopping")
        here = self._jobs.folder in path.resolve().parents
        asked = {
            "stop": state in ("queued", "running"),
            "resume": here
            and (state in ("stopped", "crashed") or (state == "unfinished" and has_state(path))),
            "report": (path / "report.html").is_file() and not live,
            "explore": finished and task == "autoencoding",
            "segment": finished and task in ("segmentation", "instances"),
            "compare": finished,
            "delete": bool(row["own"]) and state not in ("running", "stopping"),
            "forget": not row["own"] and not live,
        }
        return [name for name, may in asked.items() if may]


def metric_facts(name: str) -> dict[str, Any]:
    """Title and direction of a metric."""
    try:
        title, better = measure_of(name)[:2]
    except SettingError:  # of a run of another version
        title, better = name, True
    return {"name": name, "title": title, "higher_is_better": better}


def _urgency(card: RunCard) -> tuple[int, int, float]:
    """What trains first, then what waits in its order, then the newest."""
    first = {"running": 0, "stopping": 0, "queued": 1}.get(card.state, 2)
    return first, card.place or 0, -(card.when or 0)


def _state(row: Row, path: Path, finished: bool) -> str:
    state: str | None = row["state"]
    if state == "running" and row["stop_asked"] is not None:
        return "stopping"
    if state is not None:
        return state
    if finished:
        return "done"
    return "elsewhere" if time.time() - (_written(path) or 0) < _FRESH else "unfinished"


def _score(summary: Row) -> Score | None:
    """The first score of the model, beside that of its baseline."""
    ours = summary["table"].get("model", {})
    if not ours:
        return None
    metric = next(iter(ours))
    baseline = baseline_of(summary["table"])
    other = summary["table"].get(baseline, {}).get(metric)
    facts = metric_facts(metric)
    return Score(
        metric=metric,
        title=facts["title"],
        higher_is_better=facts["higher_is_better"],
        **{key: ours[metric].get(key) for key in ("mean", "low", "high")},
        cases=ours[metric].get("cases", 0),
        baseline=baseline if other else None,
        baseline_mean=other and other["mean"],
    )


@lru_cache(maxsize=1024)
def _facts(text: str) -> Row | None:
    """What a recipe tells; ``None`` of one that this version cannot read."""
    try:
        recipe = parse_recipe(text, "of a run")
    except ValueError:
        return None
    return {
        "title": recipe.title,
        "description": recipe.description.strip(),
        "task": MODELS[recipe.model["kind"]].task,
        "kind": recipe.model["kind"],
        "source": recipe.data.source,
        "epochs": recipe.training.get("epochs"),
        "minutes": recipe.training.get("minutes"),
    }


def _text(path: Path) -> str | None:
    try:
        return (path / "recipe.toml").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _summary(path: Path) -> Row | None:
    """``evaluation.json`` of a run; ``None`` if there is none that can be read."""
    document = path / "evaluation.json"
    try:
        return _read_summary(document, document.stat().st_mtime_ns)
    except (OSError, ValueError, TypeError):
        return None


@lru_cache(maxsize=1024)
def _read_summary(document: Path, _: int) -> Row | None:
    found = finite(json.loads(document.read_text(encoding="utf-8")))
    tables = isinstance(found, dict) and isinstance(found.get("table"), dict)
    return found if tables else None


def _document(path: Path) -> Path:
    return path / "model" / "model.json"


def _last_row(path: Path) -> dict[str, float | None]:
    lines = tail(path / "metrics.jsonl", 0)[0].splitlines()[-1:]
    return next(iter(parse_rows("\n".join(lines).encode())), {})


def _written(path: Path) -> float | None:
    """When a run was written to last."""
    for name in ("metrics.jsonl", "recipe.toml", "."):
        try:
            return (path / name).stat().st_mtime
        except OSError:
            continue
    return None


def _asked(row: Row) -> float:
    return float(row["asked"] or 0)
