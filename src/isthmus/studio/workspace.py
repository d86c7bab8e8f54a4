"""The runs that a server shows, by name: a client names a run, never a path."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from isthmus.models import MODELS, load
from isthmus.recipes.runner import has_recipe, read_recipe
from isthmus.studio.answers import absent

_DOCUMENT = "model.json"
_MOST_LOADED = 8  # models that stay in memory


class ModelCard(BaseModel):
    """What is known of a model without loading it.

    Attributes
    ----------
    task
        As of recipes: ``autoencoding``, ``segmentation``, ``volumes``, ``instances``.
    sample_shape
        Of one sample; of images of any size the smallest piece it was trained on.
    trained
        When, in seconds since 1970.
    """

    name: str
    title: str
    kind: str
    task: str
    sample_shape: tuple[int, ...]
    classes: list[str]
    scores: dict[str, Any]
    trained: float


class Workspace:
    """Runs and models in a folder, and single ones elsewhere, loaded when first asked for.

    Parameters
    ----------
    folder
        Each folder in it that is a run or model is named as it is called; ``None`` for none.
    single
        Further runs or models, named by their last part; the number of a twin is added.
    """

    def __init__(self, folder: Path | None, single: Iterable[Path] = ()) -> None:
        self.folder = folder
        self._single: dict[str, Path] = {}
        for path in single:
            self._single[_free_name(path.resolve().name, self._single)] = path
        self._loaded: OrderedDict[tuple[str, float], Any] = OrderedDict()
        self._lock = threading.Lock()

    def runs(self) -> dict[str, Path]:
        """All runs and models by name; what is being trained has no model yet."""
        found = dict(self._single)
        if self.folder is not None and self.folder.is_dir():
            for path in sorted(self.folder.iterdir()):
                if not path.name.startswith(".") and (has_recipe(path) or _document(path)):
                    found.setdefault(path.name, path)
        return found

    def path(self, name: str) -> Path:
        """Folder of a run; 404 if there is none of the name."""
        found = self._single.get(name)
        # One run is looked for alone: pages ask often, and a folder may hold many.
        if found is None and self.folder is not None and Path(name).name == name:
            found = self.folder / name
        if found is None or name.startswith(".") or not (has_recipe(found) or _document(found)):
            raise absent(f"There is no run '{name}' here.")
        return found

    def card(self, name: str) -> ModelCard:
        """What is known of a trained run; 404 if it has no model."""
        path = self.path(name)
        card = _card(name, path, *_trained(name, path))
        if card is None:
            raise absent(f"The model of '{name}' is damaged; train it again.")
        return card

    def cards(self) -> list[ModelCard]:
        """Of all models that can be read, the newest first."""
        cards = []
        for name, path in self.runs().items():
            document = _document(path)
            # One that is just being written, or is damaged, hides no other.
            if document is not None and (card := _card(name, path, *_stamped(document))):
                cards.append(card)
        return sorted(cards, key=lambda card: -card.trained)

    def model(self, name: str) -> Any:
        """The model of a run, loaded once; 404 if there is none."""
        path = self.path(name)
        key = (name, _trained(name, path)[1])
        with self._lock:
            if key not in self._loaded:
                self._loaded[key] = load(path)
                while len(self._loaded) > _MOST_LOADED:
                    self._loaded.popitem(last=False)
            self._loaded.move_to_end(key)
            return self._loaded[key]


@lru_cache(maxsize=4096)  # by the time of writing, since documents hold long histories
def _card(name: str, path: Path, document: Path, trained: float) -> ModelCard | None:
    """What a document tells; ``None`` of one that cannot be read."""
    try:
        content = json.loads(document.read_text(encoding="utf-8"))
        return ModelCard(
            name=name,
            title=read_recipe(path).title if has_recipe(path) else name,
            kind=content["kind"],
            task=MODELS[content["kind"]].task,
            sample_shape=content["sample_shape"],
            classes=content["data"].get("class_names") or [],
            scores=content["scores"],
            trained=trained,
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _document(path: Path) -> Path | None:
    """``model.json`` of a run or model, where there is one."""
    places = (path / "model" / _DOCUMENT, path / _DOCUMENT)
    return next((place for place in places if place.is_file()), None)


def _stamped(document: Path) -> tuple[Path, float]:
    return document, document.stat().st_mtime


def _trained(name: str, path: Path) -> tuple[Path, float]:
    """The document of a run and when it was written; 404 if there is none."""
    document = _document(path)
    if document is None:
        raise absent(f"The run '{name}' has no model yet; train it to its end.")
    return _stamped(document)


def _free_name(name: str, taken: Iterable[str]) -> str:
    free, number = name, 1
    while free in taken:
        number += 1
        free = f"{name}-{number}"
    return free
