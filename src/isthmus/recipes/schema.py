"""The schema of a recipe: which data, which model, how it is trained."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import fields
from inspect import signature
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
import tomli_w
from annotated_types import MinLen
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from isthmus.core.errors import SettingError
from isthmus.core.registry import explain, nearest
from isthmus.core.settings import Fraction, NonNegativeInt, PositiveInt
from isthmus.data import CATALOGUE, DataSet, PairSet, Split, read_pairs, split
from isthmus.data.reading import Reading
from isthmus.metrics import measure_of
from isthmus.models import MODELS
from isthmus.models.planner import PLANNED, SegmenterPlan
from isthmus.recipes.shares import ShareOf
from isthmus.training import Plan

_TRAINING_KEYS = {field.name for field in fields(Plan)} | {
    "random_state",
    "pretraining_epochs",
    "classifier_epochs",
    "classifier_learning_rate",
}


Share = Fraction | tuple[str, ...]
Asked = Literal["auc", "average_precision", "adapted_rand_error", "variation_of_information"]


class DataSettings(Reading):
    """``[data]``: what to read and how (see `isthmus.data.reading.Reading`), and how to part it.

    Attributes
    ----------
    source
        Name of a known set, or path of a file or folder (``--data`` replaces it).
    classes
        Use only samples of these classes, in all parts.
    masks, images, index, ignore, field_of_view
        Of images with label maps, as are their values, see `isthmus.data.read_pairs`.
    objects, kinds
        Of images with single objects, see `isthmus.data.read_instances`.
    measures
        What such data are scored by beside the usual measures, see
        `isthmus.recipes.segmentation.evaluate`.
    shares
        By name, what share of some classes others are: ``{density = {part = ["dense"], whole =
        ["fat", "dense"]}}``, see `isthmus.recipes.shares.ShareOf`; each is measured, and its error
        scored.
    validation, test
        Shares held out, or patterns of names; a set with a part of its own keeps it.
    fold
        [k, n]: the k-th of n folds is held out, see `isthmus.data.split`.
    limit
        Use only so many training samples.
    random_state
        Seed of the split.
    """

    source: str | None = None
    classes: Annotated[tuple[str, ...], MinLen(1)] | None = None
    masks: str | None = None
    images: str | None = None
    index: str | None = None
    ignore: tuple[int | str, ...] | None = None
    field_of_view: Literal["lit"] | None = None
    objects: str | None = None
    kinds: str | None = None
    measures: tuple[Asked, ...] = ()
    shares: dict[str, ShareOf] = Field(default={})
    validation: Share = 0.1
    test: Share = 0.2
    fold: tuple[PositiveInt, PositiveInt] | None = None
    limit: PositiveInt | None = None
    random_state: NonNegativeInt = 0

    def reading(self) -> dict[str, Any]:
        """Those of the settings that `isthmus.data.read` takes."""
        return self.model_dump(include=set(Reading.model_fields))

    def pairs(self) -> dict[str, Any]:
        """Those of the settings that `isthmus.data.read_pairs` takes."""
        own = set(signature(read_pairs).parameters) - {"source"}
        return self.model_dump(include=own)

    def instances(self) -> dict[str, Any]:
        """Those of the settings that `isthmus.data.read_instances` takes."""
        return {**self.pairs(), "objects": self.objects, "kinds": self.kinds}

    def refuse(self, *names: str, purpose: str) -> None:
        """Refuse settings that mean nothing for the data of a recipe.

        Raises
        ------
        SettingError
            If one is given; `purpose` says what it is for.
        """
        for name in names:
            if getattr(self, name) != type(self).model_fields[name].default:
                raise SettingError(f"data.{name} is for {purpose}; remove it.")

    @property
    def given_source(self) -> str:
        """The source, which some recipes leave to the user.

        Raises
        ------
        SettingError
            If there is none.
        """
        if self.source is None:
            raise SettingError("This recipe needs data of yours: give them with --data PATH.")
        return self.source

    def part(self, dataset: DataSet | PairSet) -> Split:
        """The parts of a data set; of the first one as many samples as `limit` allows."""
        parts = split(
            dataset,
            validation=self.validation,
            test=self.test,
            fold=self.fold,
            random_state=self.random_state,
        )
        if self.limit is None:
            return parts
        order = np.random.default_rng(self.random_state).permutation(parts.train)
        return Split(np.sort(order[: self.limit]), parts.validation, parts.test)


class Recipe(BaseModel):
    """An experiment.

    Attributes
    ----------
    title, description
        For people.
    quoted
        Published figures to stand beside the measured ones, by name of the metric.
    plan
        Whether what is not stated of a segmenter's `isthmus.models.planner.PLANNED` settings is
        picked from the data and ``training.minutes`` when a run begins. Until then these settings
        are missing below.
    data
        See `DataSettings`.
    model
        ``kind`` of a registered estimator and the settings of its parts.
    training
        The estimator's settings that say how θ moves (see `isthmus.training.Plan`).
    """

    model_config = ConfigDict(extra="forbid")

    title: str
    description: str
    quoted: dict[str, str] = {}
    plan: bool = False
    data: DataSettings
    model: dict[str, Any]
    training: dict[str, Any] = {}

    @model_validator(mode="before")
    @classmethod
    def _name_unknown(cls, table: Any) -> Any:
        """Before a misspelt table is reported as missing."""
        refuse_unknown("", table, set(cls.model_fields))
        return table

    @model_validator(mode="after")
    def _complete(self) -> Self:
        """Check model and training together, by the estimator's signature, and fill them in."""
        for name in self.quoted:
            measure_of(name)  # refuses an unknown one
        defaults = defaults_of("model", self.model)
        known = set(defaults) - {"verbose"}
        refuse_unknown("model", self.model, known - _TRAINING_KEYS)
        refuse_unknown("training", self.training, known & _TRAINING_KEYS)
        given = {**self.model, **self.training}
        whole = MODELS.check({"random_state": 0, **with_kinds(given, defaults)})
        if self.plan:
            if not MODELS[whole["kind"]].plannable or whole["minutes"] is None:
                raise SettingError(
                    "plan = true is for a segmenter with a time to train in: give its minutes by"
                    " --minutes, or leave plan out."
                )
            whole = {key: whole[key] for key in whole if key not in set(PLANNED) - given.keys()}
        self.model = {key: whole[key] for key in whole if key in known - _TRAINING_KEYS}
        self.training = {key: whole[key] for key in whole if key in known & _TRAINING_KEYS}
        return self

    def build_model(self) -> Any:
        """A new estimator with the recipe's settings."""
        return MODELS.build({**self.model, **self.training})

    def planned(self, plan: SegmenterPlan) -> Recipe:
        """The recipe with the settings of a plan, which needs no other one."""
        stated = {**self.model, **self.training, **plan.settings}
        training = {key: stated.pop(key) for key in _TRAINING_KEYS & stated.keys()}
        whole = self.model_dump(exclude={"plan"})
        whole |= {"description": f"{self.description}\n\n{plan}"}
        whole |= {"model": stated, "training": training}
        return Recipe.model_validate(whole)

    def to_toml(self) -> str:
        """The resolved recipe, every default spelled out, as TOML."""
        empty = {name for name in ("quoted", "plan") if not getattr(self, name)}
        whole = without_none(self.model_dump(exclude=empty))
        return tomli_w.dumps(whole, multiline_strings=True)


def parse_recipe(text: str, name: str, overrides: Iterable[str] = ()) -> Recipe:
    """Read and check a recipe.

    Parameters
    ----------
    text
        TOML.
    name
        File or recipe name, for messages.
    overrides
        Settings ``a.b=c`` that replace those in the text.

    Raises
    ------
    SettingError
        For anything that is not TOML, is unknown (the nearest key is named), of a wrong type or
        out of range.
    """
    table = load_toml(text, f"Recipe {name}", overrides)
    try:
        return Recipe.model_validate(table)
    except ValidationError as error:
        raise SettingError(explain(error, Recipe, f"Recipe {name}")) from None


def override(table: dict[str, Any], setting: str) -> None:
    """Put ``a.b=c`` into nested tables; c is a TOML value, or else taken as text.

    Raises
    ------
    SettingError
        If there is no ``=`` or no key.
    """
    key, equals, value = setting.partition("=")
    *path, last = (part.strip() for part in key.split("."))
    if not equals or not last or not all(path):
        raise SettingError(f"A setting is written a.b=c, not '{setting}'.")
    for part in path:
        inner = table.setdefault(part, {})
        if isinstance(inner, str):  # a spec given by its kind alone
            inner = table[part] = {"kind": inner}
        if not isinstance(inner, dict):
            raise SettingError(f"'{setting}' cannot be set: '{part}' is {inner!r}, not a table.")
        table = inner
    try:
        table[last] = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        table[last] = value.strip()


def defaults_of(place: str, model: Mapping[str, Any]) -> dict[str, Any]:
    """Kind and default settings of the estimator that a table names, which stands at `place`.

    Raises
    ------
    SettingError
        If there is no kind, or an unknown one.
    """
    if "kind" not in model:
        raise SettingError(f"the key '{place}.kind' is missing. Choose from: {', '.join(MODELS)}.")
    kind = MODELS.check({"kind": model["kind"]})["kind"]
    return MODELS.check({"kind": kind})


def load_toml(text: str, name: str, overrides: Iterable[str] = ()) -> dict[str, Any]:
    """The tables of a TOML text, with settings ``a.b=c`` put into them.

    Raises
    ------
    SettingError
        If it is not TOML; `name` says of what.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingError(f"{name} is not valid TOML: {error}.") from None
    for setting in overrides:
        override(table, setting)
    return table


def resolve_source(source: str) -> str:
    """A path as an absolute one, so that the recipe can be resumed from anywhere; else a name."""
    path = Path(source).expanduser()
    return str(path.resolve()) if source not in CATALOGUE and path.exists() else source


def refuse_unknown(table: str, given: Mapping[str, Any], known: set[str]) -> None:
    """Refuse a key that is not known, naming the nearest or the table where it belongs.

    Parameters
    ----------
    table
        ``"model"``, ``"training"`` or another; an empty string for the top level.
    """
    elsewhere = {"model": "training", "training": "model"}.get(table)
    for key in given:
        if key not in known:
            belongs = elsewhere and (key in _TRAINING_KEYS) == (elsewhere == "training")
            hint = nearest(key, sorted(known))
            if belongs and key in _settings_of_models():
                hint = f"; it belongs under [{elsewhere}]"
            place = f"{table}.{key}" if table else key
            raise SettingError(
                f"unknown key '{place}'{hint}. Known keys: {', '.join(sorted(known))}."
            )


def with_kinds(given: dict[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The settings; a part that has settings but no kind gets that of its default."""
    return {
        key: {"kind": defaults[key]["kind"], **value}
        if isinstance(value, dict) and isinstance(defaults[key], dict) and "kind" not in value
        else value
        for key, value in given.items()
    }


def _settings_of_models() -> set[str]:
    """Every setting that some estimator has."""
    return _TRAINING_KEYS.union(*(MODELS.check(kind) for kind in MODELS))


def without_none(value: Any) -> Any:
    """The same without empty entries, which TOML cannot hold, and with lists for tuples."""
    if isinstance(value, Mapping):
        return {key: without_none(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list | tuple):
        return [without_none(inner) for inner in value]
    return value
