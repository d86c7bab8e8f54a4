"""From what a client asks for to a recipe: names only, never a path."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from isthmus.core.errors import SettingError
from isthmus.models import MODELS
from isthmus.recipes import Recipe, find_recipe, override, parse_recipe, recipe_names
from isthmus.recipes.runner import read_recipe
from isthmus.studio.answers import absent
from isthmus.studio.jobs.datasets import DataSets
from isthmus.studio.workspace import Workspace

_MODELS = {"start", "first", "second"}  # settings that name another run
_WORDS = {"title", "description"}
# The settings that a page shows as fields, where a recipe has them.
_COMMON = {
    "training.minutes": "Minutes at most",
    "training.epochs": "Epochs",
    "training.batch_size": "Samples a step",
    "training.learning_rate": "Learning rate",
    "model.code_size": "Code size",
    "training.device": "Device",
    "training.random_state": "Seed",
}
Tags = Annotated[list[Annotated[str, Field(min_length=1, max_length=40)]], Field(max_length=20)]
Lines = Annotated[list[Annotated[str, Field(max_length=2000)]], Field(max_length=100)]


class Template(BaseModel):
    """A recipe that comes with Isthmus, to begin with."""

    name: str
    title: str
    description: str
    task: str
    kind: str
    data: str | None


class Common(BaseModel):
    """A setting that many recipes have."""

    key: str
    title: str
    value: Any


class Form(BaseModel):
    """What a new run begins with."""

    name: str
    title: str
    description: str
    data: str | None
    toml: str
    common: list[Common]


class Wish(BaseModel):
    """A run that is asked for.

    Attributes
    ----------
    template, run
        Whose recipe: that of a template, or that of a run of the workspace.
    data
        Name of a data set; ``None`` for the recipe's own.
    settings
        Lines ``a.b=c``.
    name
        Of the run; ``None`` for that of the template.
    """

    model_config = ConfigDict(extra="forbid")

    template: str | None = None
    run: str | None = None
    data: str | None = None
    settings: Lines = []
    name: str | None = None
    project: int | None = None
    tags: Tags = []


class Checked(BaseModel):
    """Whether a wish can be trained.

    Attributes
    ----------
    field
        Which part of the wish is refused: ``data``, ``settings.2``; ``None`` where it is not known.
    toml
        The whole recipe, every default spelled out.
    """

    error: str | None = None
    field: str | None = None
    toml: str | None = None


@cache
def templates() -> list[Template]:
    """Those that come with Isthmus."""
    found = []
    for name in recipe_names():
        table = tomllib.loads(find_recipe(name)[1])
        kind = table["model"]["kind"]
        found.append(
            Template(
                name=name,
                title=table["title"],
                description=table["description"].strip(),
                task=MODELS[kind].task,
                kind=kind,
                data=table["data"].get("source"),
            )
        )
    return found


class Wishes:
    """Makes recipes of what is asked for.

    Parameters
    ----------
    workspace, data
        Which runs and data sets there are to be named.
    """

    def __init__(self, workspace: Workspace, data: DataSets) -> None:
        self._workspace, self._data = workspace, data

    def form(self, template: str | None, run: str | None) -> Form:
        """What can be changed of a recipe; 404 if there is none of the name."""
        name, text = self._text(Wish(template=template, run=run))
        recipe = parse_recipe(text, name)
        whole = {"training": recipe.training, "model": recipe.model}
        common = []
        for key, title in _COMMON.items():
            table, _, setting = key.partition(".")
            if setting in whole[table]:
                common.append(Common(key=key, title=title, value=whole[table][setting]))
        return Form(
            name=name,
            title=recipe.title,
            description=recipe.description.strip(),
            data=recipe.data.source and self._data.name_of(recipe.data.source),
            toml=text,
            common=common,
        )

    def recipe(self, wish: Wish) -> Recipe:
        """The recipe of a wish.

        Raises
        ------
        SettingError, DataError
            If it cannot be trained, in one sentence.
        """
        name, text = self._text(wish)
        lines = [self._resolved(line) for line in wish.settings]
        if wish.data is not None:
            lines.append(f"data.source={json.dumps(self._data.source(wish.data))}")
        recipe = parse_recipe(text, name, lines)
        if recipe.data.source is None:
            raise SettingError("This recipe needs data: choose a data set.")
        if self._data.name_of(recipe.data.source) is not None:
            self._data.refuse_absent(recipe.data.source)
        return recipe

    def check(self, wish: Wish) -> Checked:
        """Whether a wish can be trained, and which part of it is to blame if not."""
        try:
            return Checked(toml=self.recipe(wish).to_toml())
        except ValueError as error:
            return self._blamed(wish) or Checked(error=str(error), field="data")

    def _blamed(self, wish: Wish) -> Checked | None:
        """The first line that cannot be added to those before it, and why."""
        name, text = self._text(wish)
        for number, line in enumerate(wish.settings):
            try:
                self._resolved(line)
                parse_recipe(text, name, map(self._resolved, wish.settings[: number + 1]))
            except ValueError as error:
                return Checked(error=str(error), field=f"settings.{number}")
        return None

    def _text(self, wish: Wish) -> tuple[str, str]:
        """Name and text of the recipe that a wish begins with."""
        if wish.run is not None:
            return wish.run, read_recipe(self._workspace.path(wish.run)).to_toml()
        if wish.template not in recipe_names():
            raise absent(f"There is no template '{wish.template}'.")
        return find_recipe(wish.template)

    def _resolved(self, line: str) -> str:
        """A line with a run that it names as its path; a path is refused."""
        table: dict[str, Any] = {}
        override(table, line)
        key = line.partition("=")[0].strip()
        if isinstance(table.get("data"), dict) and "source" in table["data"]:
            raise SettingError("data.source is not set by a line: choose a data set by its name.")
        for setting, text in _texts(table):
            if setting in _MODELS and text in self._workspace.runs():
                path = str(self._workspace.path(text).resolve())
                return f"{key}={json.dumps(path, ensure_ascii=False)}"
            if setting in _MODELS or (_is_path(text) and setting not in _WORDS):
                raise SettingError(
                    f"'{text}' in '{key}' is no name of a run here; paths are given at the command"
                    " line only."
                )
        return line


def _texts(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """All texts in nested tables, each with the key that it stands under."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, dict):
        for inner, part in value.items():
            yield from _texts(part, inner)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part, key)


def _is_path(text: str) -> bool:
    return any(mark in text for mark in ("/", "\\", "..")) or text.startswith("~")
