"""Recipes: what they say, and how mistakes in them are answered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.core.errors import SettingError
from isthmus.core.registry import check_settings
from isthmus.data import CATALOGUE
from isthmus.models import MODELS
from isthmus.models.planner import PLANNED
from isthmus.networks import build_network, count_parameters
from isthmus.recipes import Recipe, find_recipe, override, parse_recipe, recipe_names
from isthmus.recipes.schema import resolve_source

BASE = """
title = "A trial"
description = "Of the schema."

[data]
source = "digits"

[model]
kind = "autoencoder"
network = "dense"

[training]
epochs = 3
"""


def parse(*changes: str, text: str = BASE) -> Recipe:
    return parse_recipe(text, "trial", changes)


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_is_whole_and_says_so_again(name: str) -> None:
    recipe = parse_recipe(find_recipe(name)[1], name)
    again = parse_recipe(recipe.to_toml(), name)
    assert again == recipe
    assert again.to_toml() == recipe.to_toml()
    assert recipe.title
    assert recipe.description.strip().endswith(".")
    assert recipe.data.source is None or recipe.data.source in CATALOGUE
    settings = MODELS.check(recipe.model["kind"]).keys() - {"verbose"}
    settings -= set(PLANNED) if recipe.plan else set()
    assert recipe.model.keys() | recipe.training.keys() == settings
    assert not recipe.model.keys() & recipe.training.keys()


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_builds_its_network(name: str) -> None:
    recipe = parse_recipe(find_recipe(name)[1], name)
    model = recipe.build_model()
    assert type(model) is MODELS[recipe.model["kind"]]
    if recipe.data.source is not None:
        model._take_settings(check_settings(type(model), model.get_params(deep=False), name))
        shape = CATALOGUE[recipe.data.source].sample_shape or (64, 64)  # where sizes differ
        stages = [model.settings_.get(name) for name in ("first", "second")]
        for settings in filter(None, stages if stages[0] else [model.settings_]):
            network = build_network(settings["network"], shape, settings["code_size"])
            assert count_parameters(network) > 0


def test_mnist_in_two_numbers_is_that_of_the_notes() -> None:
    model = parse_recipe(find_recipe("mnist-2d")[1], "mnist-2d").build_model()
    network = build_network(model.network, (28, 28), model.code_size)
    assert count_parameters(network) == 219_866


def test_what_the_recipe_says_reaches_the_model() -> None:
    model = parse("training.learning_rate=0.01", "model.code_size=5").build_model()
    assert (model.epochs, model.learning_rate, model.code_size) == (3, 0.01, 5)
    assert model.random_state == 0  # a recipe repeats unless it says otherwise


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("a=1", {"a": 1}),
        ("a.b.c=1.5", {"a": {"b": {"c": 1.5}}}),
        ("a = [8, 4, 4]", {"a": [8, 4, 4]}),
        ("a={ kind = 'dense' }", {"a": {"kind": "dense"}}),
        ("a=true", {"a": True}),
        ("a='x y'", {"a": "x y"}),
        ("a=plain words", {"a": "plain words"}),
        ("a=/tmp/x=y.csv", {"a": "/tmp/x=y.csv"}),
        ("a=", {"a": ""}),
    ],
)
def test_a_setting_is_a_toml_value_or_else_text(setting: str, expected: dict[str, Any]) -> None:
    table: dict[str, Any] = {}
    override(table, setting)
    assert table == expected


def test_a_kind_takes_settings_and_keeps_its_name() -> None:
    recipe = parse("model.network.hidden_sizes=[7]", "model.loss.per=pixel")
    assert recipe.model["network"]["kind"] == "dense"
    assert recipe.model["network"]["hidden_sizes"] == (7,)
    assert recipe.model["loss"]["kind"] == "squared_error"  # the default, as none was named
    assert recipe.model["loss"]["per"] == "pixel"


def test_later_settings_win() -> None:
    assert parse("training.epochs=5", "training.epochs=6").training["epochs"] == 6


@pytest.mark.parametrize("setting", ["epochs", "", "=3", ".a=1", "a.=1", "a..b=1", " =1"])
def test_a_setting_of_another_form_is_refused(setting: str) -> None:
    with pytest.raises(SettingError, match=r"written a\.b=c"):
        override({}, setting)


def test_a_number_is_no_table() -> None:
    with pytest.raises(SettingError, match="'epochs' is 3, not a table"):
        parse("training.epochs.most=4")


@given(st.text(max_size=30))
def test_any_setting_is_taken_or_refused(setting: str) -> None:
    try:
        override({}, setting)
    except SettingError:
        pass


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("titel=x", ["'titel'", "'title'"]),
        ("modle.kind=x", ["'modle'", "'model'"]),
        ("data.labls=x", ["'data.labls'", "'labels'"]),
        ("training.epoch=3", ["'training.epoch'", "'epochs'"]),
        ("training.batchsize=3", ["'training.batchsize'", "'batch_size'"]),
        ("model.codesize=3", ["'model.codesize'", "'code_size'"]),
        ("model.network.hiden_sizes=[3]", ["hiden_sizes", "'hidden_sizes'"]),
        ("model.network.kind=dens", ["'dens'", "'dense'"]),
        ("model.kind=autoencodr", ["'autoencodr'", "'autoencoder'"]),
        ("quoted.squared_eror='3'", ["'squared_eror'", "'squared_error'"]),
        ("model.epochs=3", ["'model.epochs'", "under [training]"]),
        ("training.code_size=3", ["'training.code_size'", "under [model]"]),
    ],
)
def test_a_misspelt_key_is_named_with_its_nearest(setting: str, words: list[str]) -> None:
    with pytest.raises(SettingError) as caught:
        parse(setting)
    for word in ["trial", *words]:
        assert word in str(caught.value)


def test_a_misspelt_table_is_not_reported_as_missing() -> None:
    with pytest.raises(SettingError, match=r"'traning'.*'training'"):
        parse(text=BASE.replace("[training]", "[traning]"))
    with pytest.raises(SettingError, match=r"'modell'.*'model'"):
        parse(text=BASE.replace("[model]", "[modell]"))


@pytest.mark.parametrize(
    ("setting", "word"),
    [
        ("training.epochs=many", "training.epochs|epochs"),
        ("training.epochs=-1", "epochs"),
        ("training.minutes=-1", "minutes"),
        ("training.learning_rate=nan", "learning_rate"),
        ("model.code_size=0", "code_size"),
        ("model.network=3", "network"),
        ("model.network.hidden_sizes=[0]", "hidden_sizes"),
        ("model.kind=3", "model"),
        ("model=3", "model"),
        ("data.size=0", "data.size"),
        ("data.size=[1, 2, 3]", "data.size"),
        ("data.test=1.5", "data.test"),
        ("data.limit=some", "data.limit"),
        ("data=3", "data"),
    ],
)
def test_a_value_of_a_wrong_type_or_range_is_refused(setting: str, word: str) -> None:
    with pytest.raises(SettingError, match=word) as caught:
        parse(setting)
    assert "\n" not in str(caught.value)


def test_a_model_without_kind_is_asked_for_it() -> None:
    with pytest.raises(SettingError, match=r"'model\.kind' is missing.*autoencoder"):
        parse(text=BASE.replace('kind = "autoencoder"', ""))


def test_what_is_no_toml_is_refused_with_its_line() -> None:
    with pytest.raises(SettingError, match=r"not valid TOML.*line 2"):
        parse(text="title = 'x'\nthis is prose\n")


def test_a_column_may_be_named_by_a_number() -> None:
    assert parse("data.labels=784").data.labels == "784"


def test_a_recipe_is_found_by_name_file_and_run(tmp_path: Path) -> None:
    assert find_recipe("mnist-2d")[0] == "mnist-2d"
    file = tmp_path / "mine.toml"
    file.write_text(BASE)
    assert find_recipe(str(file)) == ("mine", BASE)
    run = tmp_path / "run-3"
    run.mkdir()
    (run / "recipe.toml").write_text(BASE)
    assert find_recipe(str(run)) == ("run-3", BASE)
    with pytest.raises(SettingError, match=r"'minst-2d'.*did you mean 'mnist-2d'"):
        find_recipe("minst-2d")
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingError, match="not text"):
        find_recipe(str(file))


def test_a_path_becomes_absolute_and_a_name_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("digits", "photos"):
        (tmp_path / name).mkdir()
    assert resolve_source("digits") == "digits"  # the data set comes first, as in `read`
    assert resolve_source("./digits") == str(tmp_path / "digits")
    assert resolve_source("photos") == str(tmp_path / "photos")
    assert resolve_source("nowhere") == "nowhere"
