"""Registries: a kind is a name, a class and the settings that its signature declares.

The keyword-only parameters of a registered class are what a user may choose; positional ones come
from the data (shapes) or from the loop. A *spec* is a kind, or a mapping with ``kind`` and
settings; the same spec is written in Python, in a recipe and in ``model.json``:

    "dense"    or    {"kind": "dense", "hidden_sizes": [128, 64, 12]}

Names in files resolve here and nowhere else: nothing is ever imported by a path in a file.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import is_dataclass
from difflib import get_close_matches
from functools import cache
from inspect import Parameter
from typing import Any, Generic, TypeVar, get_type_hints

import numpy as np
from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, ValidationError, create_model
from pydantic_core import CoreSchema, core_schema

from isthmus.core.errors import IsthmusError, SettingError

T = TypeVar("T")
Spec = str | Mapping[str, Any]
_TYPES = {"bool", "int", "float", "str"}


class Registry(Generic[T]):
    """Classes of one role by their kind.

    An instance can annotate a setting, ``network: Annotated[Spec, NETWORKS]``: pydantic then
    checks the spec against the registered class, in a signature as well as in a recipe.

    Parameters
    ----------
    role
        What the entries are, for messages: "network", "loss", ...
    """

    def __init__(self, role: str) -> None:
        self.role = role
        self._entries: dict[str, type[T]] = {}

    def register(self, kind: str) -> Callable[[type[T]], type[T]]:
        """Class decorator that adds an entry and sets its ``kind``; a duplicate is refused."""

        def add(entry: type[T]) -> type[T]:
            if kind in self._entries:
                raise SettingError(f"A {self.role} named '{kind}' is registered already.")
            self._entries[kind] = entry
            entry.kind = kind  # type: ignore[attr-defined]  # every role declares `kind: str`
            return entry

        return add

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __getitem__(self, kind: str) -> type[T]:
        if kind not in self._entries:
            raise SettingError(
                f"Unknown {self.role} '{kind}'{nearest(kind, self._entries)}."
                f" Choose from: {', '.join(self._entries)}."
            )
        return self._entries[kind]

    def check(self, spec: Spec) -> dict[str, Any]:
        """Return the spec in full, every setting named and of its declared type.

        Raises
        ------
        SettingError
            For an unknown kind or key (the nearest is named), a wrong type or a value out of range.
        """
        if isinstance(spec, str):
            spec = {"kind": spec}
        if not isinstance(spec, Mapping) or not isinstance(spec.get("kind"), str):
            raise SettingError(
                f"A {self.role} is given by its kind, or by a table with 'kind' and settings,"
                f" not by {spec!r}. Choose from: {', '.join(self._entries)}."
            )
        kind = spec["kind"]
        settings = {key: value for key, value in spec.items() if key != "kind"}
        return {"kind": kind, **check_settings(self[kind], settings, f"{self.role} '{kind}'")}

    def build(self, spec: Spec, *context: Any) -> T:
        """Check the spec and call its class with `context`, then its settings by name."""
        settings = self.check(spec)
        return self[settings.pop("kind")](*context, **settings)

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.check)


def check_settings(
    target: Callable[..., Any], given: Mapping[str, Any], where: str
) -> dict[str, Any]:
    """Validate `given` against the keyword-only parameters of `target`; defaults are filled in.

    Raises
    ------
    SettingError
        One sentence that starts with `where`.
    """
    model = _settings_model(target)
    plain = {key: _plain(value) for key, value in given.items()}
    try:
        checked = model.model_validate(plain)
    except ValidationError as error:
        raise SettingError(explain(error, model, where)) from None
    return {name: getattr(checked, name) for name in model.model_fields}


def explain(error: ValidationError, model: type[BaseModel], where: str) -> str:
    """One sentence for what pydantic found wrong: the place, the fault, the nearest known key."""
    detail = error.errors(include_url=False)[0]
    path = ".".join(str(part) for part in detail["loc"] if not _is_union_tag(part))
    place = f"{where}: {path}" if path else where
    cause = detail.get("ctx", {}).get("error")
    if isinstance(cause, IsthmusError):
        return f"{place}: {cause}"
    if detail["type"] == "extra_forbidden":
        known = _fields_at(model, detail["loc"][:-1])
        key = str(detail["loc"][-1])
        listed = f"Known keys: {', '.join(known)}" if known else "There are no settings"
        return f"{where}: unknown key '{path}'{nearest(key, known)}. {listed}."
    if detail["type"] == "missing":
        return f"{where}: the key '{path}' is missing."
    message = detail["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return f"{place}: {message}, but it is {detail['input']!r}."


def _is_union_tag(part: int | str) -> bool:
    """Whether a part of a place names a member of a union (a type) instead of a key."""
    return isinstance(part, str) and (part in _TYPES or not part.isidentifier())


def nearest(name: str, known: Any) -> str:
    """The hint " (did you mean 'x'?)" when a known name is near, else an empty string."""
    near = get_close_matches(str(name), [str(candidate) for candidate in known], n=1, cutoff=0.5)
    return f" (did you mean '{near[0]}'?)" if near else ""


def _fields_at(model: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    """Names of the fields of the (nested) pydantic model that a path leads to."""
    for part in path:
        field = model.model_fields.get(str(part))
        inner = field.annotation if field else None
        if not (inspect.isclass(inner) and issubclass(inner, BaseModel)):
            return []
        model = inner
    return list(model.model_fields)


@cache
def _settings_model(target: Callable[..., Any]) -> type[BaseModel]:
    """A pydantic model of the keyword-only parameters of a class or function."""
    function = target.__init__ if inspect.isclass(target) else target
    # A dataclass inherits settings whose types only the module of their own class knows.
    typed = target if is_dataclass(target) else function
    hints = get_type_hints(typed, include_extras=True)
    kinds: list[Any] = [Parameter.KEYWORD_ONLY]
    if is_dataclass(target):  # an estimator, one of whose settings may be given by its place
        kinds.append(Parameter.POSITIONAL_OR_KEYWORD)
    fields: dict[str, Any] = {
        name: (hints[name], ... if parameter.default is parameter.empty else parameter.default)
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind in kinds and name != "self"
    }
    config = ConfigDict(
        extra="forbid",
        validate_default=True,
        arbitrary_types_allowed=True,
        allow_inf_nan=False,
        protected_namespaces=(),
    )
    return create_model("Settings", __config__=config, **fields)


def _plain(value: Any) -> Any:
    """NumPy scalars as Python numbers, which pydantic expects."""
    return value.item() if isinstance(value, np.generic) else value
