"""Registries: specs, nested specs, and one clear sentence for each way to get them wrong."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import numpy as np
import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from isthmus.core.errors import IsthmusError, SettingError
from isthmus.core.registry import Registry, Spec, check_settings, explain, nearest
from isthmus.core.settings import Fraction, PositiveFloat, PositiveInt

WHEELS: Registry[object] = Registry("wheel")
CARS: Registry[object] = Registry("car")


@WHEELS.register("steel")
class Steel:
    def __init__(self, *, radius: PositiveFloat = 0.3, spokes: PositiveInt | None = None) -> None:
        self.radius, self.spokes = radius, spokes


@WHEELS.register("wood")
class Wood:
    pass


@CARS.register("van")
class Van:
    def __init__(
        self,
        length: float,
        *,
        seats: PositiveInt,
        wheel: Annotated[Spec, WHEELS] = "steel",
        spares: tuple[Annotated[Spec, WHEELS], ...] = (),
        trunk: Annotated[Spec, WHEELS] | None = None,
        size: PositiveInt | tuple[PositiveInt, PositiveInt] = 1,
        slope: Fraction = 0.0,
        colour: Literal["red", "blue"] = "red",
    ) -> None:
        self.length, self.seats, self.wheel = length, seats, wheel


STEEL = {"kind": "steel", "radius": 0.3, "spokes": None}
FULL = {
    "kind": "van",
    "seats": 2,
    "wheel": STEEL,
    "spares": (),
    "trunk": None,
    "size": 1,
    "slope": 0.0,
    "colour": "red",
}


def van(**settings):
    return {"kind": "van", "seats": 2, **settings}


@pytest.mark.parametrize(
    ("settings", "changed"),
    [
        ({}, {}),
        ({"wheel": {"kind": "steel", "radius": 1}}, {"wheel": STEEL | {"radius": 1.0}}),
        ({"wheel": "wood"}, {"wheel": {"kind": "wood"}}),
        ({"spares": ["wood", STEEL]}, {"spares": ({"kind": "wood"}, STEEL)}),
        ({"trunk": "steel"}, {"trunk": STEEL}),
        ({"size": [2, 3]}, {"size": (2, 3)}),
        ({"seats": np.int64(4), "slope": np.float32(0.5)}, {"seats": 4, "slope": 0.5}),
    ],
    ids=str,
)
def test_check_completes_a_spec_and_the_specs_in_it(settings, changed):
    full = CARS.check(van(**settings))
    assert full == FULL | changed
    assert list(full) == list(FULL)


def test_build_gives_context_by_position_and_settings_by_name():
    car = CARS.build({"kind": "van", "seats": 3}, 4.5)
    assert (type(car), car.length, car.seats, car.wheel) == (Van, 4.5, 3, STEEL)
    assert type(WHEELS.build("wood")) is Wood


def test_entries_are_found_by_kind_in_the_order_of_registration():
    assert list(WHEELS) == ["steel", "wood"]
    assert WHEELS["wood"] is Wood
    assert (Steel.kind, Van.kind) == ("steel", "van")


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("vam", "Unknown car 'vam' (did you mean 'van'?). Choose from: van."),
        ("zzz", "Unknown car 'zzz'. Choose from: van."),
        (
            7,
            "A car is given by its kind, or by a table with 'kind' and settings, not by 7."
            " Choose from: van.",
        ),
        ("van", "car 'van': the key 'seats' is missing."),
        (
            van(sets=1),
            "car 'van': unknown key 'sets' (did you mean 'seats'?). Known keys: seats, wheel,"
            " spares, trunk, size, slope, colour.",
        ),
        (van(length=3), "car 'van': unknown key 'length'"),
        (van(seats=0), "car 'van': seats: should be greater than 0, but it is 0."),
        (van(seats=1.5), "car 'van': seats: should be a valid integer"),
        (van(seats="many"), "car 'van': seats: should be a valid integer"),
        (van(seats=None), "car 'van': seats: should be a valid integer, but it is None."),
        (van(slope=1), "car 'van': slope: should be less than 1, but it is 1."),
        (van(slope=math.nan), "car 'van': slope: should be a finite number, but it is nan."),
        (van(slope=math.inf), "car 'van': slope: should be a finite number, but it is inf."),
        (van(colour="green"), "car 'van': colour: should be 'red' or 'blue', but it is 'green'."),
        (van(size="big"), "car 'van': size: should be a valid integer"),
        (van(size=[2, -3]), "car 'van': size"),
        (
            van(wheel="stel"),
            "car 'van': wheel: Unknown wheel 'stel' (did you mean 'steel'?)."
            " Choose from: steel, wood.",
        ),
        (
            van(wheel={"kind": "steel", "radus": 1}),
            "car 'van': wheel: wheel 'steel': unknown key 'radus' (did you mean 'radius'?)."
            " Known keys: radius, spokes.",
        ),
        (
            van(wheel={"kind": "steel", "radius": -1}),
            "car 'van': wheel: wheel 'steel': radius: should be greater than 0, but it is -1.",
        ),
        (
            van(spares=["wood", "wod"]),
            "car 'van': spares.1: Unknown wheel 'wod' (did you mean 'wood'?)."
            " Choose from: steel, wood.",
        ),
        (van(spares="wood"), "car 'van': spares: should be a valid tuple, but it is 'wood'."),
        (van(trunk="wod"), "car 'van': trunk: Unknown wheel 'wod' (did you mean 'wood'?)."),
        (
            {"kind": "van", "seats": 2, "wheel": {"kind": "wood", "radius": 1}},
            "car 'van': wheel: wheel 'wood': unknown key 'radius'. There are no settings.",
        ),
    ],
    ids=str,
)
def test_sentence_tells_place_fault_and_nearest(spec, sentence):
    with pytest.raises(SettingError) as caught:
        CARS.check(spec)
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)
    # Pydantic's own message is not dragged along.
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_errors_are_value_errors_of_one_family():
    with pytest.raises(ValueError, match="Unknown car"):
        CARS.check("x")
    assert issubclass(SettingError, IsthmusError)


def test_defaults_are_checked_too():
    def cook(*, minutes: PositiveInt = 0) -> None: ...

    with pytest.raises(SettingError, match="soup: minutes: should be greater than 0"):
        check_settings(cook, {}, "soup")


class Wheels(BaseModel):
    model_config = ConfigDict(extra="forbid")
    radius: float = 1
    kind: Annotated[Spec, WHEELS] = "steel"


class Recipe(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    wheels: Wheels = Wheels()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "r.toml: the key 'name' is missing."),
        (
            {"name": "x", "nam": "y"},
            "r.toml: unknown key 'nam' (did you mean 'name'?). Known keys: name, wheels.",
        ),
        (
            {"name": "x", "wheels": {"radios": 1}},
            "r.toml: unknown key 'wheels.radios' (did you mean 'radius'?)."
            " Known keys: radius, kind.",
        ),
        (
            {"name": "x", "wheels": {"radius": "wide"}},
            "r.toml: wheels.radius: should be a valid number, unable to parse string as a number,"
            " but it is 'wide'.",
        ),
        ({"name": "x", "wheels": {"kind": "wod"}}, "r.toml: wheels.kind: Unknown wheel 'wod'"),
        ({"name": 3}, "r.toml: name: should be a valid string, but it is 3."),
    ],
    ids=str,
)
def test_nested_models_are_explained_alike(given, sentence):
    """As the schema of recipes uses them."""
    with pytest.raises(ValidationError) as caught:
        Recipe.model_validate(given)
    assert explain(caught.value, Recipe, "r.toml").startswith(sentence)


@pytest.mark.parametrize(
    ("name", "hint"),
    [("lerning_rate", " (did you mean 'learning_rate'?)"), ("qqq", ""), (3, "")],
)
def test_nearest(name, hint):
    assert nearest(name, ["learning_rate", "epochs"]) == hint
