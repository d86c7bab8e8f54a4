"""The schema of a comparison: a family of models, trained alike on one data set."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, Self

import tomli_w
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from isthmus.core.errors import SettingError
from isthmus.core.registry import Spec, explain
from isthmus.core.settings import NonNegativeInt
from isthmus.corruption import CORRUPTIONS
from isthmus.data.scaling import SCALINGS
from isthmus.models import MODELS
from isthmus.recipes.schema import (
    DataSettings,
    defaults_of,
    load_toml,
    refuse_unknown,
    with_kinds,
    without_none,
)

_OF_THE_COMPARISON = {"random_state", "verbose"}  # not settings of one model
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?")
_TAKEN = ("pca", "untrained")  # rows that every table has


class Comparison(BaseModel):
    """A family of models on one data set.

    A setting under ``[shared]`` is that of every model whose kind has it; the others go without.
    What ``[models.NAME]`` says replaces it, except that a table without a ``kind``, such as
    ``network = { tied = true }``, changes only the settings that it names.

    Attributes
    ----------
    title, description
        For people.
    data
        See `DataSettings`; with a test part.
    seeds
        Of the trainings of each model.
    noise
        Corruption of the scaled test samples on which the robustness is measured; ``None`` stands
        for Gaussian noise of σ = 0.3, kept in [0, 1] where the scaled data are.
    umap
        Whether UMAP of each code size, up to 32, stands beside PCA, where it is installed.
    shared
        Settings of all models.
    models
        ``kind`` and settings of each model by its name in the table; the first is the one whose
        untrained network is a row of its own.
    """

    model_config = ConfigDict(extra="forbid")

    title: str
    description: str
    data: DataSettings
    seeds: tuple[NonNegativeInt, ...] = (0, 1, 2)
    noise: Annotated[Spec, CORRUPTIONS] | None = None
    umap: bool = False
    shared: dict[str, Any] = {}
    models: dict[str, dict[str, Any]]

    @model_validator(mode="before")
    @classmethod
    def _name_unknown(cls, table: Any) -> Any:
        """Before a misspelt table is reported as missing."""
        refuse_unknown("", table, set(cls.model_fields))
        return table

    @model_validator(mode="after")
    def _complete(self) -> Self:
        """Give each model all of its settings; what most of them agree on becomes shared."""
        if not self.models:
            raise SettingError("there is no model; give at least one, as [models.NAME].")
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise SettingError(f"seeds are one or more different numbers, not {list(self.seeds)}.")
        _refuse_names(self.models)
        defaults = {name: _defaults(name, model) for name, model in self.models.items()}
        refuse_unknown("shared", self.shared, set().union(*defaults.values()) - {"kind"})
        full = {
            name: _whole(f"models.{name}", self.shared, model, defaults[name])
            for name, model in self.models.items()
        }
        first = next(iter(full))
        for name, settings in full.items():
            if settings["scaling"] != full[first]["scaling"]:
                raise SettingError(
                    f"the models '{first}' and '{name}' have different scalings, so that their"
                    " errors would be in different units; set shared.scaling."
                )
        self.shared = _common(list(full.values()))
        self.models = {
            name: {
                key: value
                for key, value in settings.items()
                if key not in self.shared or value != self.shared[key]
            }
            for name, settings in full.items()
        }
        return self

    def settings(self, name: str) -> dict[str, Any]:
        """All settings of a model, its kind among them, except the seed."""
        model = self.models[name]
        has = MODELS.check({"kind": model["kind"]})
        return {**{key: value for key, value in self.shared.items() if key in has}, **model}

    def build_model(self, name: str, seed: int) -> Any:
        """A new estimator."""
        return MODELS.build({**self.settings(name), "random_state": seed})

    def to_toml(self) -> str:
        """The resolved comparison, every default spelled out, as TOML."""
        return tomli_w.dumps(without_none(self.model_dump()), multiline_strings=True)


def parse_comparison(text: str, name: str, overrides: Iterable[str] = ()) -> Comparison:
    """Read and check a comparison.

    Parameters
    ----------
    text
        TOML.
    name
        Of the file or the comparison, for messages.
    overrides
        Settings ``a.b=c`` that replace those in the text.

    Raises
    ------
    SettingError
        For anything that is not TOML, is unknown (the nearest key is named), of a wrong type or
        out of range.
    """
    table = load_toml(text, f"Comparison {name}", overrides)
    try:
        return Comparison.model_validate(table)
    except ValidationError as error:
        raise SettingError(explain(error, Comparison, f"Comparison {name}")) from None


def _refuse_names(names: Iterable[str]) -> None:
    """Refuse a name that cannot be that of a file of its own."""
    known: set[str] = set(_TAKEN)
    for name in names:
        if not _NAME.fullmatch(name):
            raise SettingError(
                f"'{name}' cannot name a model; use letters, digits and '-' or '_' between them."
            )
        if name.lower() in known:
            raise SettingError(
                f"a model cannot be named '{name}', which is taken; choose another name."
            )
        known.add(name.lower())


def _defaults(name: str, model: Mapping[str, Any]) -> dict[str, Any]:
    """What a model gets where nothing is said: the defaults of its kind, with two exceptions.

    All scale alike, since that sets the unit of the errors; and no classifier is trained, since the
    codes are compared.
    """
    place = f"models.{name}"
    with _at(place):
        defaults = defaults_of(place, model)
    known = {key: value for key, value in defaults.items() if key not in _OF_THE_COMPARISON}
    refuse_unknown(place, model, set(known))
    others: dict[str, Any] = {"scaling": SCALINGS.check("auto"), "classifier": None}
    return {key: others.get(key, value) for key, value in known.items()}


def _whole(
    place: str, shared: Mapping[str, Any], own: Mapping[str, Any], defaults: Mapping[str, Any]
) -> dict[str, Any]:
    """All settings of a model but its seed, checked."""
    given = dict(defaults)
    given |= {key: value for key, value in shared.items() if key in defaults}
    for key, value in own.items():
        base = given[key]
        if not _replaces(value) and isinstance(base, str | dict):
            value = {**({"kind": base} if isinstance(base, str) else base), **value}
        given[key] = value
    with _at(place):
        checked = MODELS.check(with_kinds(given, defaults))
    return {key: checked[key] for key in defaults}


def _replaces(value: Any) -> bool:
    """Whether a setting stands for itself; one of a table without kind changes another one."""
    return not isinstance(value, Mapping) or "kind" in value


def _common(models: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The value that most models have, of each setting that two or more of them have alike.

    A setting that is ``None`` for some model is left to each, since TOML cannot say it.
    """
    found: dict[str, list[Any]] = {}
    for model in models:
        for key, value in model.items():
            found.setdefault(key, []).append(value)
    shared = {}
    for key, values in found.items():
        most = max(values, key=values.count)
        if key != "kind" and values.count(most) > 1 and None not in values:
            shared[key] = most
    return shared


@contextmanager
def _at(place: str) -> Iterator[None]:
    """Say where a setting stands that is refused."""
    try:
        yield
    except SettingError as error:
        raise SettingError(str(error) if place in str(error) else f"{place}: {error}") from None
